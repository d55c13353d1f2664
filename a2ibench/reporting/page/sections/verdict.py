"""Verdict: the tests in a sentence, one sound with its pictures, and each test in words."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.verdict_text import over_budgets


class Verdict(Section):
    """The primary questions and their answers."""

    name, title, place = "verdict", "Verdict", 10

    def collect(self, study: StudyView) -> dict[str, object]:
        at = {budget: one.compared for budget, one in study.budgets.items()}
        return {
            "lead": study.report.verdict,
            "gaps": any(ran.gap is not None for ran in study.study.all_jobs),
            "compared": study.report.compared,
            "drawn": study.drawn,
            "over_budgets": over_budgets(at),
            "tested": any(
                t.tested for several in at.values() for one in several for t in one.tests
            ),
            "several": len(at) > 1,
            "looks": [
                (f"{budget:,}", one.standing.number) for budget, one in study.budgets.items()
            ],
            "about": (*study.report.standing.changes, *study.report.standing.notes),
        }
