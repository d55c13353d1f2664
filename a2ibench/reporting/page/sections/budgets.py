"""Budgets: scores over training images, and over training time."""

from collections.abc import Sequence

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import budget_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.svg import Chart, inline_svg
from a2ibench.results.rows import Row, RowScores

CAPTION = (
    "Mean over seeds, with its 95 % interval over seeds and blocks of test clips; one training"
    " passes through all budgets. Dashed: floor, ceiling and what was trained elsewhere, which have"
    " no budget."
)
AXES = (
    ("images", "training images per trial", "Scores by training images"),
    ("seconds", "seconds of training per trial", "Scores by training time"),
)
"""The name of each chart, what its axis shows, and its title."""


class Budgets(Section):
    """A chart over images, and one over seconds, of a study with several budgets."""

    name, title, place = "budgets", "Budgets", 45

    def collect(self, study: StudyView) -> dict[str, object] | None:
        """See :class:`~a2ibench.contracts.section.Section`."""
        made = study.report
        metrics = [m for m in made.usable if m.headline] or made.usable
        if len(study.budgets) < 2 or not metrics:
            return None
        trained = [row.label for row in study.study.rows if row.arm is not None]
        others = [method for method in made.methods if method.label not in trained]
        charts = []
        for name, x, title in AXES:
            arms = {label: _points(study, label, name) for label in trained}
            figure = budget_chart(arms, others, metrics, study.colours, x)
            said = f"{title} of {', '.join(arms)}, one panel per metric"
            charts.append((Chart(inline_svg(figure, f"budgets-{name}", said), CAPTION), title))
        return {"charts": charts}


def _points(study: StudyView, label: str, axis: str) -> Sequence[tuple[float, RowScores]]:
    """Return the scores of an arm at each budget that has some, by images or seconds."""
    found = []
    for budget, made in study.budgets.items():
        scores = next(method for method in made.methods if method.label == label)
        at = float(budget) if axis == "images" else _seconds(study.study.at(budget).row(label))
        if scores.scores and at:
            found.append((at, scores))
    return found


def _seconds(row: Row) -> float:
    """Return the mean time of preparation and training over the seeds."""
    results = [job.result for job in row.results if job.result is not None]
    spent = [(one.preparation_seconds or 0.0) + (one.training_seconds or 0.0) for one in results]
    return sum(spent) / len(spent) if spent else 0.0
