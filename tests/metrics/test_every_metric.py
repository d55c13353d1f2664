"""What holds for every metric whose judge has its weights; one of those that differ in numbers.

``a2ibench check metric`` does them all.
"""

import pytest

from a2ibench.conformance.suite import check
from a2ibench.contracts.metric import OWN
from a2ibench.registry import judges, metrics


def is_here(judge: str) -> bool:
    """Return whether a judge comes with the packages; others take a file or a download."""
    return judge == OWN or (
        judge != "inceptionv3" and judge in judges and judges.get(judge).missing() is None
    )


WITH_WEIGHTS = [one for one in map(metrics.get, metrics.names()) if is_here(one.judge)]
NAMES = sorted({(type(one), one.group): one.name for one in WITH_WEIGHTS}.values())


@pytest.mark.integration
@pytest.mark.usefixtures("hasty_judges")
@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_contract(name: str) -> None:
    assert [found for found in check("metric", name) if found.state != "met"] == []
