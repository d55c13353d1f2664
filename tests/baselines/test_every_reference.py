"""What holds for every reference row."""

import pytest

from a2ibench.conformance.suite import check
from a2ibench.registry import references


@pytest.mark.parametrize("name", references.names())
def test_it_keeps_the_contract(name: str) -> None:
    assert [found for found in check("reference", name) if found.state != "met"] == []
