"""Budgets: scores over training images, and over training time."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import budget_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.svg import Chart, inline_svg
from a2ibench.results.rows import Row, RowScores

CAPTION = (
    "Mean over seeds, with its 95 % interval over seeds and blocks of test clips; one training"
    " passes through all budgets. Dashed: ceiling, floor and outside systems, which have no budget."
)
AXES = {"training images": "images", "seconds of training": "seconds"}
"""Label of the axis of a chart → name of the chart."""


class Budgets(Section):
    """A chart over images, and one over seconds, of a study with several budgets."""

    name, title, place = "budgets", "Budgets", 45

    def collect(self, study: StudyView) -> dict[str, object] | None:
        made = study.report
        metrics = [metric for metric in made.usable if metric.headline] or made.usable
        if len(study.budgets) < 2 or not metrics:
            return None
        trained = {row.label for row in study.study.rows if row.arm is not None}
        others = [method for method in made.methods if method.label not in trained]
        charts = []
        for axis, name in AXES.items():
            curves: dict[str, list[tuple[float, RowScores]]] = {}
            for budget, there in study.budgets.items():
                for arm in (arm for arm in there.scored if arm.label in trained):
                    row = study.study.at(budget).row(arm.label)
                    at = float(budget) if name == "images" else _seconds(row)
                    curves.setdefault(arm.label, []).append((at, arm))
            figure = budget_chart(curves, others, metrics, study.colours, f"{axis} per trial")
            said = f"Scores of {', '.join(curves)} by {axis}, one panel per metric"
            svg = inline_svg(figure, f"budgets-{name}", said)
            charts.append((f"Scores by {axis}", Chart(svg, CAPTION)))
        return {"charts": charts}


def _seconds(row: Row) -> float:
    """Return the mean time of preparation and training over the seeds, at least a millisecond."""
    results = [job.result for job in row.results if job.result is not None]
    spent = [(one.preparation_seconds or 0.0) + (one.training_seconds or 0.0) for one in results]
    return max(1e-3, sum(spent) / len(spent))
