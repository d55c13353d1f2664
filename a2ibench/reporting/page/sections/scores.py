"""Scores: Tables I and II."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.page.view import StudyView, shared_notes


class Scores(Section):
    """Every row by every metric."""

    name, title, place = "scores", "Scores", 20

    def collect(self, study: StudyView) -> dict[str, object]:
        return {"tables": study.score_tables, "shared": shared_notes(study.score_tables)}
