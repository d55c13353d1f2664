"""Training: the losses of each arm, and notes on single trainings."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import curve_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.svg import Chart, inline_svg


class Training(Section):
    """Curves of losses, and what a user should know of single trainings."""

    name, title, place = "training", "Training", 70

    def collect(self, study: StudyView) -> dict[str, object] | None:
        notes = [
            f"{label}, seed {ran.seed}: {note}"
            for label, jobs in study.rows.items()
            for ran in jobs
            if ran.result is not None
            for note in ran.result.notes
        ]
        curves = _loss_charts(study)
        if not curves:
            return None
        return {"curves": curves, "notes_of_trainings": notes + study.damaged_pictures}


def _loss_charts(study: StudyView) -> list[Chart]:
    """Draw a chart for each full model and its ablations, which share their losses."""
    charts = []
    for i, model in enumerate(study.about.models):
        trainings = {
            row.label: curves
            for row in study.study.rows
            if row.kind == "model" and row.model == model
            if (curves := [job.result.curve for job in row.jobs if job.result and job.result.curve])
            if any(name != "step" for curve in curves for line in curve for name in line)
        }
        if not trainings:
            continue
        said = ", ".join(trainings)
        figure = curve_chart(trainings, study.colours)
        svg = inline_svg(figure, f"curves-{i}", f"Losses by step of {said}, one panel per loss")
        caption = (
            f"{said}: mean of each logging interval, or of several in long trainings, by training"
            " step; one line per seed."
        )
        charts.append(Chart(svg, caption))
    return charts
