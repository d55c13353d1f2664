"""Verdict: the tests, in sentences."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.page.view import StudyView


class Verdict(Section):
    """The primary questions and their answers."""

    name, title, place = "verdict", "Verdict", 10

    def collect(self, study: StudyView) -> dict[str, object]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        return {
            "lead": study.report.verdict,
            "gaps": any(ran.gap is not None for jobs in study.rows.values() for ran in jobs),
            "compared": study.report.compared,
            "about": (*study.report.standing.changes, *study.report.standing.notes),
        }
