"""Every seed: the scores of each training."""

from collections.abc import Mapping
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.charts import seed_chart
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import Report
from a2ibench.reporting.svg import Chart, inline_svg


class Seeds(Section):
    """A panel for each metric."""

    name, title, place = "seeds", "Every seed", 50

    def collect(self, study: StudyView) -> Mapping[str, Any] | None:
        """See :class:`~a2ibench.contracts.section.Section`."""
        made = _seeds(study.report, study.colours)
        return None if made is None else {"made": made}


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
