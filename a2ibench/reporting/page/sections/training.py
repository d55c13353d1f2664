"""Training: the losses of each arm, and what happened."""

from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import curve_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.svg import Chart, inline_svg
from a2ibench.results.job_state import Jobs
from a2ibench.results.study import Study


class Training(Section):
    """Curves of losses, and notes on single trainings."""

    name, title, place = "training", "Training", 70

    def collect(self, study: StudyView) -> Mapping[str, Any] | None:
        """See :class:`~a2ibench.contracts.section.Section`."""
        curves = loss_charts(study.study, study.colours)
        notes = [*training_notes(study.rows), *study.damaged_pictures]
        return {"curves": curves, "notes_of_trainings": notes} if curves else None


def training_notes(rows: Jobs) -> list[str]:
    """List what a user should know of single trainings."""
    return [
        f"{label}, seed {ran.seed}: {note}"
        for label, jobs in rows.items()
        for ran in jobs
        if ran.result is not None
        for note in ran.result.notes
    ]


def loss_charts(study: Study, colours: Mapping[str, str]) -> list[Chart]:
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
