"""Two arms against each other, from the same study or from two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from a2ibench import registry
from a2ibench.errors import UserError, unknown
from a2ibench.reporting.differences import difference_table, run_tests
from a2ibench.reporting.table import Table
from a2ibench.results.comparable import check_alike, metrics_as_stored
from a2ibench.results.judge_health import find_health, struck_reasons, usable
from a2ibench.results.rows import Row, RowScores
from a2ibench.results.study import ABOUT, find_arm, open_study


@dataclass(frozen=True)
class Compared:
    """A comparison.

    Attributes:
        table: one row per metric.
        verdicts: by metric name, on A.
    """

    table: Table
    verdicts: Mapping[str, str]


def compare(
    a: str, b: str, arm: str | None, metrics: Sequence[str], needed: str | None = None
) -> Compared:
    """Compare what two words of the command line name; see :func:`compare_rows`.

    Args:
        a: see :func:`~a2ibench.results.study.find_arm`.
        b: the same.
        arm: of studies that are named without one.
        metrics: names; empty for all that both have.
        needed: a metric that is shown in any case.

    Raises:
        UserError: no such arm, or nothing to compare.
    """
    return compare_rows(find_arm(a, arm), find_arm(b, arm), metrics, needed)


def compare_rows(
    a: Row, b: Row, metrics: Sequence[str] = (), needed: str | None = None
) -> Compared:
    """A − B over common seeds and the same test clips.

    Args:
        a: with a result at least.
        b: the same.
        metrics: names; empty for all that both have.
        needed: a metric that is shown in any case.

    Raises:
        UserError: nothing to compare: results that do not belong together, a metric that one of
            them lacks, or no common seed.
    """
    sides = [a, b]
    shared = set[Path].intersection(
        *({job.folder.resolve() for job in side.results} for side in sides)
    )
    if shared:
        raise UserError(
            f"A and B are the same: both hold job {min(shared).name}; name two arms, or the same"
            " arm of two studies"
        )
    both = sides[0].metrics & sides[1].metrics
    asked = [*metrics, *([] if needed is None else [needed])]
    asked = [registry.metrics.canonical(name) for name in asked]
    for name in asked:
        if name not in both:
            raise unknown("metric that both have", name, both)
    names = list(dict.fromkeys(asked)) if metrics else sorted(both)
    if not names:
        raise UserError("A and B have no metric in common")
    check_alike(sides, names)
    seeds = [{job.seed for job in side.results} for side in sides]
    common = sorted(seeds[0] & seeds[1])
    if not common:
        raise UserError(
            f"no common seed: A has {', '.join(map(str, sorted(seeds[0])))}, B has"
            f" {', '.join(map(str, sorted(seeds[1])))}"
        )
    found, aged = metrics_as_stored(sides, names)
    plugins = sorted(found, key=lambda one: (one.column, one.name))
    first, second = (
        replace(side.scores(names), label=f"{letter}: {side.label}")
        for letter, side in zip("AB", sides, strict=True)
    )
    references, apart = _references(sides, names)
    health = find_health((first, second, *references), plugins)
    struck = struck_reasons(plugins, health)
    plugins = list(usable(plugins, health))
    if struck and (not plugins or (needed and all(one.name != needed for one in plugins))):
        raise UserError(f"nothing to compare by: {' '.join(struck)}")
    folders = [_folder(side).name for side in sides]
    studies = list(dict.fromkeys(folders))
    of_a, of_b = (f" of {name}" if len(studies) > 1 else "" for name in folders)
    results = [[job.result for job in side.results if job.result is not None] for side in sides]
    encoder = results[0][0].encoder.name
    where = ", ".join([*(studies if len(studies) == 1 else []), encoder])
    images = [{one.job.images for one in side} for side in results]
    differ = images[0] != images[1]
    tests = run_tests([(second, first)], plugins)
    table = difference_table(
        "compare",
        f"{first.label}{of_a} against {second.label}{of_b} ({where})",
        ("B", "A"),
        tests,
        [
            f"Common seeds: {', '.join(map(str, common))}.",
            *(["Budgets differ: other numbers of training images."] if differ else []),
            *(
                f"Left out: {letter}: {one}."
                for letter, side in zip("AB", sides, strict=True)
                for one in side.damaged
            ),
            *aged,
            *apart,
            *(f"Left out: {reason}" for reason in struck),
        ],
        health,
    )
    assert table is not None
    return Compared(table, {one.metric.name: one.verdict for one in tests})


def _references(sides: Sequence[Row], metrics: Sequence[str]) -> tuple[list[RowScores], list[str]]:
    """The reference rows of the studies that the sides lie in: they tell of the judges.

    Args:
        sides: what is compared.
        metrics: names.

    Returns:
        The rows, and why others are left out: by results that belong in no table with the sides,
        a row says nothing of the judges of these.
    """
    found, apart = [], []
    for folder in dict.fromkeys(map(_folder, sides)):
        if not (folder / ABOUT).is_file():
            continue  # a job by itself
        for row in open_study(folder).rows:
            if row.kind != "reference":
                continue
            try:
                check_alike([*sides, row], metrics)
            except UserError as error:
                apart.append(f"{row.label} of {folder.name}: not asked about the judges: {error}")
            else:
                found.append(row.scores(metrics))
    return found, apart


def _folder(side: Row) -> Path:
    """The study's that its first result lies in; of a job by itself, whatever is there."""
    return side.results[0].folder.resolve().parent.parent
