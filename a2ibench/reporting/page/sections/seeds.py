"""Every seed: the scores of each training."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import seed_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.svg import Chart, inline_svg

CAPTION = (
    "A point is the score of one training seed, the line their mean, the bar its 95 % interval"
    " over seeds and blocks of test clips. Reference rows in grey."
)


class Seeds(Section):
    """A panel for each metric."""

    name, title, place = "seeds", "Every seed", 50

    def collect(self, study: StudyView) -> dict[str, object] | None:
        methods = [method for method in study.report.methods if method.scores]
        metrics = [m for m in study.report.usable if any(m.name in one.scores for one in methods)]
        if not metrics:
            return None
        described = (
            f"The scores of every seed of {', '.join(m.label for m in methods)}, one panel per"
            " metric; the tables hold the same numbers"
        )
        figure = seed_chart(methods, metrics, study.colours)
        return {"made": Chart(inline_svg(figure, "seeds", described), CAPTION)}
