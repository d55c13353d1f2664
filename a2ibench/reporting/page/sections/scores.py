"""Scores: Tables I and II."""

from collections.abc import Mapping
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.page.view import StudyView


class Scores(Section):
    """Every row by every metric."""

    name, title, place = "scores", "Scores", 20

    def collect(self, study: StudyView) -> Mapping[str, Any]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        return {"tables": study.score_tables, "shared": study.said_of_scores}
