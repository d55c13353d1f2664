"""Differences: Tables III to V, against ceiling and floors, and the diagram of ranks."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.critical_difference import NOTE, rank_chart
from a2ibench.reporting.page.view import StudyView, shared_notes


class Differences(Section):
    """The primary questions with their tests, then every other difference."""

    name, title, place = "differences", "Differences", 30

    def collect(self, study: StudyView) -> dict[str, object] | None:
        tables, ranks = study.difference_tables, study.report.ranks
        if not tables:
            return None
        labels = [arm.label for arm in study.report.scored]
        diagram = (
            None
            if ranks is None
            else rank_chart(ranks, labels, "ranks", NOTE, colours=study.colours)
        )
        return {"tables": tables, "shared": shared_notes(tables), "diagram": diagram}
