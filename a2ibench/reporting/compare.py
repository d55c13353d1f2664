"""Two arms against each other, from the same study or from two."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from a2ibench import registry
from a2ibench.errors import UserError, unknown
from a2ibench.reporting.differences import Differences, count_tests
from a2ibench.results.comparability import check_alike, metrics_as_stored
from a2ibench.results.rows import RowScores
from a2ibench.results.sides import Side
from a2ibench.results.struck_metrics import find_health, struck_reasons, usable
from a2ibench.storage import UnwritableError
from a2ibench.study.looks import Standing, note_looks, standing
from a2ibench.study.paired_tests import PairedTest, confirm, explore, primary_tests

ALONE = "{metric}: tested by itself, as --fail-if-worse asks, in no family; looks are not counted."


def compare_sides(
    first: Side, second: Side, metrics: Sequence[str] = (), needed: str | None = None
) -> Differences:
    """Compare A − B on the same test clips.

    What is a primary question of their study is tested, as there; the rest is exploratory.

    Args:
        metrics: names; empty for all that both have.
        needed: a metric that is shown in any case, and tested by itself where it is no primary
            question.

    Raises:
        UserError: nothing to compare: results that do not belong together, or a metric that one
            of them lacks.
    """
    sides = [a, b] = [first.row, second.row]
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
    of_a, of_b = (
        replace(side.scores(names), label=f"{letter}: {side.label}")
        for letter, side in zip("AB", sides, strict=True)
    )
    references, apart = _references(first, second, names)
    health = find_health((of_a, of_b, *references), plugins)
    struck = struck_reasons(plugins, health)
    plugins = usable(plugins, health)
    if struck and (not plugins or (needed and all(one.name != needed for one in plugins))):
        raise UserError(f"nothing to compare by: {' '.join(struck)}")
    if any(one.name == needed and not one.directed for one in plugins):
        raise UserError(
            f"--fail-if-worse {needed}: neither a higher nor a lower score is better; read it"
            " beside the ground truth"
        )
    tests = explore([(of_b, of_a)], plugins)
    notes: list[str] = []
    family = None
    known: dict[str, PairedTest] = {}
    if (study := first.study) is not None and study is second.study:
        now = standing(study)
        primary = primary_tests(study.scores, study.usable, now)
        both = {a.label, b.label}
        known = {t.metric.name: t for t in primary if {t.row.label, t.base.label} == both}
    if known and study is not None:
        tests = [_as_known(one, known.get(one.metric.name)) for one in tests]
        notes, family = [*now.notes, *_note(study.folder, now, tests)], count_tests(primary)
    if needed is not None and (needed not in known or not known[needed].tested):
        tests = confirm(tests, {needed})
        notes.append(ALONE.format(metric=needed))
    studies = [first.folder.name, second.folder.name]
    where_a, where_b = (f" of {name}" if studies[0] != studies[1] else "" for name in studies)
    results = [[job.result for job in side.results if job.result is not None] for side in sides]
    where = ", ".join([*studies[:1] * (not where_a), results[0][0].encoder.name])
    images = [{one.job.images for one in side} for side in results]
    if known and study is not None and len(study.budgets) > 1:
        where += f", {study.budget:,} images"
    return Differences(
        "compare",
        f"{of_a.label}{where_a} against {of_b.label}{where_b} ({where})",
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


def _note(folder: Path, now: Standing, tests: Sequence[PairedTest]) -> list[str]:
    """Record the look at a study's questions; say so where that is not possible."""
    if now.noted or not any(one.tested for one in tests):
        return []
    try:
        note_looks(folder, [now])
    except UnwritableError as error:
        return [f"This look is not recorded, and the next one will be counted as it: {error}."]
    return []


def _as_known(one: PairedTest, known: PairedTest | None) -> PairedTest:
    """Give a difference what the study says of it; a row may be the base there."""
    if known is None or known.verdict == "not complete":
        return replace(one, verdict="exploratory" if known is None else known.verdict)
    return one.judged(known.p)


def _references(
    first: Side, second: Side, metrics: Sequence[str]
) -> tuple[list[RowScores], list[str]]:
    """Find the reference rows of the studies that the sides lie in, which tell of the judges, and
    why others are left out: a row whose results belong in no table with the sides says nothing of
    the judges of these."""
    found, apart = [], []
    studies = [first.study, *([second.study] if second.study is not first.study else [])]
    for study in (study for study in studies if study is not None):
        for row in (row for row in study.rows if row.kind == "reference"):
            try:
                check_alike([first.row, second.row, row], metrics)
            except UserError as error:
                name = study.folder.resolve().name
                apart.append(f"{row.label} of {name}: not asked about the judges: {error}")
            else:
                found.append(row.scores(metrics))
    return found, apart
