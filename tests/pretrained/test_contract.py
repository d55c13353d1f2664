"""What holds for every judge whose network comes from the user's files."""

import pytest

from a2ibench.conformance.suite import check

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("name", ["clip", "clip_l14", "dinov2", "clap", "wav2clip"])
def test_it_keeps_the_contract(name: str) -> None:
    assert [found for found in check("judge", name) if found.state != "met"] == []
