"""Differences: Tables III and IV, against ceiling and floors, and the diagram of ranks."""

from collections.abc import Mapping
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.critical_difference import NOTE, draw_diagram
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import Report
from a2ibench.reporting.svg import Chart, inline_svg


class Differences(Section):
    """Every difference with its test."""

    name, title, place = "differences", "Differences", 30

    def collect(self, study: StudyView) -> Mapping[str, Any] | None:
        """See :class:`~a2ibench.contracts.section.Section`."""
        tables = [*study.difference_tables, *(one.table for one in study.against)]
        if not tables:
            return None
        diagram = _diagram(study.report)
        return {"tables": tables, "shared": study.said_of_differences, "diagram": diagram}


def _diagram(made: Report) -> Chart | None:
    if made.ranks is None:
        return None
    labels = [arm.label for arm in made.scored]
    order = sorted(zip(made.ranks.mean, labels, strict=True))
    said = ", ".join(f"{label} {rank:.2f}" for rank, label in order)
    figure = draw_diagram(made.ranks, labels)
    return Chart(inline_svg(figure, "ranks", f"Mean ranks: {said}"), NOTE)
