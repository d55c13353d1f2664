"""What holds for every encoder that has its weights."""

import pytest

from a2ibench.conformance.suite import check
from a2ibench.registry import encoders

SLOW = {"aisfx", "soundnet8"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.integration] if name in SLOW else [])
        for name in encoders.names()
        if name != "soundnet5"
    ],
)
def test_it_keeps_the_contract(name: str) -> None:
    assert [found for found in check("encoder", name) if found.state != "met"] == []


def test_soundnet5_without_weights_is_said_to_lack_them() -> None:
    (broken,) = [found for found in check("encoder", "soundnet5") if found.state == "broken"]
    assert broken.rule == "made"
    assert "no public weights" in broken.got
