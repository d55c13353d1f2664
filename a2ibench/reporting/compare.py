"""Two arms against each other, from the same study or from two."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from a2ibench import registry
from a2ibench.errors import UserError, unknown
from a2ibench.reporting.differences import Differences, count_tests
from a2ibench.results.comparability import check_alike, metrics_as_stored
from a2ibench.results.rows import Row, RowScores
from a2ibench.results.struck_metrics import find_health, struck_reasons, usable
from a2ibench.results.study import ABOUT, Study, open_study
from a2ibench.study.looks import standing
from a2ibench.study.paired_tests import PairedTest, confirm, explore, primary_tests

ALONE = "{metric}: tested by itself, as --fail-if-worse asks, in no family; looks are not counted."


def compare_rows(
    a: Row, b: Row, metrics: Sequence[str] = (), needed: str | None = None
) -> Differences:
    """Compare A − B on the same test clips; each has a result at least.

    What is a primary question of their study is tested, as there; the rest is exploratory.

    Args:
        metrics: names; empty for all that both have.
        needed: a metric that is shown in any case, and tested by itself where it is no primary
            question.

    Raises:
        UserError: nothing to compare: results that do not belong together, or a metric that one
            of them lacks.
    """
    sides = [a, b]
    folders = [{job.folder.resolve() for job in side.results} for side in sides]
    if shared := folders[0] & folders[1]:
        raise UserError(
            f"A and B are the same: both hold job {min(shared).name}; name two arms, or the same"
            " arm of two studies"
        )
    both = a.metrics & b.metrics
    asked = [registry.metrics.canonical(name) for name in (*metrics, needed) if name is not None]
    for name in asked:
        if name not in both:
            raise unknown("metric that both have", name, both)
    names = list(dict.fromkeys(asked)) if metrics else sorted(both)
    if not names:
        raise UserError("A and B have no metric in common")
    check_alike(sides, names)
    seeds = [", ".join(str(job.seed) for job in side.results) for side in sides]
    found, aged = metrics_as_stored(sides, names)
    plugins = tuple(sorted(found, key=lambda one: (one.column, one.name)))
    first, second = (
        replace(side.scores(names), label=f"{letter}: {side.label}")
        for letter, side in zip("AB", sides, strict=True)
    )
    references, apart = _references(sides, names)
    health = find_health((first, second, *references), plugins)
    struck = struck_reasons(plugins, health)
    plugins = usable(plugins, health)
    if struck and (not plugins or (needed and all(one.name != needed for one in plugins))):
        raise UserError(f"nothing to compare by: {' '.join(struck)}")
    tests = explore([(second, first)], plugins)
    notes: list[str] = []
    family = None
    known: dict[str, PairedTest] = {}
    if (study := _study_of(sides)) is not None:
        now = standing(study)
        primary = primary_tests(study.scores, study.usable, now)
        both = {a.label, b.label}
        known = {t.metric.name: t for t in primary if {t.row.label, t.base.label} == both}
    if known:
        tests = [_as_known(one, known.get(one.metric.name)) for one in tests]
        notes, family = [*now.notes], count_tests(primary)
    if needed is not None and (needed not in known or not known[needed].tested):
        tests = confirm(tests, {needed})
        notes.append(ALONE.format(metric=needed))
    studies = [_folder(side).name for side in sides]
    of_a, of_b = (f" of {name}" if studies[0] != studies[1] else "" for name in studies)
    results = [[job.result for job in side.results if job.result is not None] for side in sides]
    where = ", ".join([*studies[:1] * (not of_a), results[0][0].encoder.name])
    images = [{one.job.images for one in side} for side in results]
    return Differences(
        "compare",
        f"{first.label}{of_a} against {second.label}{of_b} ({where})",
        ("B", "A"),
        tests,
        health,
        [
            *notes,
            f"Seeds: A {seeds[0]}; B {seeds[1]}.",
            *["Budgets differ: other numbers of training images."] * (images[0] != images[1]),
            *(
                f"Left out: {letter}: {one}."
                for letter, side in zip("AB", sides, strict=True)
                for one in side.damaged
            ),
            *aged,
            *apart,
            *(f"Left out: {reason}" for reason in struck),
        ],
        family=family,
    )


def _study_of(sides: Sequence[Row]) -> Study | None:
    """Return the study that both sides lie in; None where there is no such."""
    folder, *other = dict.fromkeys(map(_folder, sides))
    return None if other or not (folder / ABOUT).is_file() else open_study(folder)


def _as_known(one: PairedTest, known: PairedTest | None) -> PairedTest:
    """Give a difference what the study says of it; a row may be the base there."""
    if known is None or known.verdict == "not complete":
        return replace(one, verdict="exploratory" if known is None else known.verdict)
    return one.judged(known.p)


def _references(sides: Sequence[Row], metrics: Sequence[str]) -> tuple[list[RowScores], list[str]]:
    """Find the reference rows of the studies that the sides lie in, which tell of the judges, and
    why others are left out: a row whose results belong in no table with the sides says nothing of
    the judges of these."""
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
    """Return the folder of the study that a side's first result lies in; of a job by itself,
    whatever is there."""
    return side.results[0].folder.resolve().parent.parent
