"""From a study's folder to its page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from a2ibench import reporting
from a2ibench.data.store import PairStore
from a2ibench.reporting.charts import colour, curve_chart, seed_chart
from a2ibench.reporting.critical_difference import NOTE, draw_diagram
from a2ibench.reporting.html import key_of
from a2ibench.reporting.page.against import against_references
from a2ibench.reporting.page.breakdown import class_tables, factor_tables
from a2ibench.reporting.page.commands import commands, everything
from a2ibench.reporting.page.cost import (
    cost_table,
    facts,
    gap_table,
    job_table,
    provenance,
    training_notes,
)
from a2ibench.reporting.page.pictures import (
    damaged_pictures,
    open_exam,
    pictures_of_all,
    several_draws,
)
from a2ibench.reporting.page.sweeps import SWEEPS, read_sweeps
from a2ibench.reporting.report import PAGE, Report
from a2ibench.reporting.study_page import Chart, StudyPage, write_study_page
from a2ibench.reporting.svg import inline_svg
from a2ibench.results.study import Study
from a2ibench.storage import content_key, file_sha256
from a2ibench.study.study_file import file_of

CODE = {".py", ".j2", ".css", ".js"}
"""Of the files that make a page."""


def write_page(
    study: Study,
    made: Report,
    store: PairStore | None,
    say: Callable[[str], None],
    unseen: str = "",
    sweeps: Sequence[Path] = (),
) -> Path:
    """Writes ``STUDY/report.html``. One that shows the same is left as it is.

    Args:
        study: with its results.
        made: its tables.
        store: the pairs that it was run on; None where they are not at hand.
        say: is told what is left out.
        unseen: then why.
        sweeps: folders of sweeps beside those in ``STUDY/sweeps``.

    Raises:
        UserError: one of these folders holds no sweep, or a file of a job is damaged.
    """
    path = study.folder / PAGE
    key = _key(study, made, store, unseen, sweeps)
    if key_of(path) != key:
        page = collect(study, made, store, say, unseen, sweeps)
        # What is left out is said each time: such a page has no key, and is written again.
        write_study_page(page, path, "" if page.damaged_sweeps else key)
    return path


def _key(
    study: Study, made: Report, store: PairStore | None, unseen: str, sweeps: Sequence[Path]
) -> str:
    """A hash of all that the page is made of; a job's samples are as old as its result."""
    rooms = (Path(reporting.__file__).parent, Path(__file__).parent)
    files = [path for room in rooms for path in sorted(room.rglob("*"))]
    swept = [file for one in (study.folder / SWEEPS, *sweeps) for file in sorted(one.rglob("*"))]
    return content_key(
        [
            [file_sha256(path) for path in files if path.suffix in CODE],
            str(study.folder.resolve()),
            study.about.plain,
            [[None if job.result is None else job.result.plain, job.gap] for job in study.jobs],
            [
                made.about,
                made.verdict,
                str(made.check),
                *made.check.told,
                *(table.to_markdown() for table in made.tables),
            ],
            None if store is None else store.content_hash,
            unseen,
            [[str(file.resolve()), file.stat().st_mtime_ns] for file in swept],
        ]
    )


def collect(
    study: Study,
    made: Report,
    store: PairStore | None,
    say: Callable[[str], None],
    unseen: str,
    sweeps: Sequence[Path],
) -> StudyPage:
    """What the page shows; see :func:`write_page`."""
    rows = {row.label: row.jobs for row in study.rows}
    arms = [arm.label for arm in made.arms]
    colours = {label: colour(arms, label) for label in arms}
    differences = [t for t in map(made.table, ("methods", "ablations")) if t is not None]
    asked = None if store is None else open_exam(store)
    no_pictures = [] if asked is None else damaged_pictures(rows)
    for line in no_pictures:
        say(f"left out: {line}")
    test = None if asked is None else asked.exam.test
    swept, not_swept = read_sweeps(study.folder, sweeps, rows, say)
    return StudyPage(
        name=study.folder.resolve().name,
        about=made.about,
        facts=facts(study),
        lead=made.verdict,
        compared=tuple(made.compared),
        against=tuple(against_references(made)),
        scores=tuple(table for table in made.tables if table not in differences),
        differences=tuple(reversed(differences)),
        diagram=_diagram(made),
        pictures=None if asked is None else pictures_of_all(asked, rows),
        several=() if asked is None else tuple(several_draws(asked, rows, arms)),
        unseen=unseen,
        seeds=_seeds(made, colours),
        curves=tuple(_curves(study, colours)),
        classes=() if test is None else tuple(class_tables(test, made, rows)),
        parts=tuple(factor_tables(made, rows)),
        sweeps=tuple(swept),
        damaged_sweeps=tuple(not_swept),
        cost=cost_table(rows, made.about),
        gaps=gap_table(rows),
        notes=(*training_notes(rows), *no_pictures),
        provenance=tuple(provenance(study, made, store)),
        jobs=job_table(rows),
        everything=everything(study, file_of(study.folder).name),
        commands=tuple(commands(study)),
    )


def _diagram(made: Report) -> Chart | None:
    if made.ranks is None:
        return None
    labels = [arm.label for arm in made.scored]
    order = sorted(zip(made.ranks.mean, labels, strict=True))
    said = ", ".join(f"{label} {rank:.2f}" for rank, label in order)
    figure = draw_diagram(made.ranks, labels)
    return Chart(inline_svg(figure, "ranks", f"Mean ranks: {said}"), NOTE)


def _seeds(made: Report, colours: Mapping[str, str]) -> Chart | None:
    methods = [method for method in made.methods if method.scores]
    metrics = [m for m in made.usable if any(m.name in method.scores for method in methods)]
    if not metrics:
        return None
    svg = inline_svg(
        seed_chart(methods, metrics, colours),
        "seeds",
        f"The scores of every seed of {', '.join(m.label for m in methods)}, one panel per metric;"
        " the tables hold the same numbers",
    )
    caption = (
        "A point is the score of one training seed, the line their mean, the bar its 95 % interval"
        " over seeds and blocks of test clips. Reference rows in grey."
    )
    return Chart(svg, caption)


def _curves(study: Study, colours: Mapping[str, str]) -> list[Chart]:
    """A chart for each full model and its ablations, which share their losses."""
    charts = []
    for i, model in enumerate(study.about.models):
        trainings = {
            row.label: [job.result.curve for job in row.jobs if job.result and job.result.curve]
            for row in study.rows
            if row.kind == "model" and row.model == model
        }
        trainings = {label: curves for label, curves in trainings.items() if _has_loss(curves)}
        if not trainings:
            continue
        said = ", ".join(trainings)
        figure = curve_chart(trainings, colours)
        svg = inline_svg(figure, f"curves-{i}", f"Losses by step of {said}, one panel per loss")
        caption = (
            f"{said}: mean of each logging interval, or of several in long trainings, by training"
            " step; one line per seed."
        )
        charts.append(Chart(svg, caption))
    return charts


def _has_loss(curves: Sequence[Sequence[Mapping[str, float]]]) -> bool:
    return any(name != "step" for curve in curves for row in curve for name in row)
