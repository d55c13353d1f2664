"""What holds for every judge that has its weights."""

import pytest

from a2ibench.conformance.suite import check
from a2ibench.registry import judges

pytestmark = pytest.mark.integration


FROM_FILES = {
    "clap", "clip", "clip_b32", "clip_l14", "dinov2", "inceptionv3", "inceptionv3_clean",
    "wav2clip", "wav2clip_44k",
}  # fmt: skip
"""Those whose weights the user brings: they have tests of their own, on weights made there."""


@pytest.mark.usefixtures("hasty_judges")
@pytest.mark.parametrize("name", [name for name in judges.names() if name not in FROM_FILES])
def test_it_keeps_the_contract(name: str) -> None:
    judges.get(name)()  # fetches its weights, if they are not here
    assert [found for found in check("judge", name) if found.state != "met"] == []


def test_a_judge_without_its_weights_is_said_to_lack_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("A2IBENCH_INCEPTION_WEIGHTS", raising=False)
    first, *others = check("judge", "inceptionv3")
    assert (first.rule, first.state) == ("missing", "broken")
    assert "A2IBENCH_INCEPTION_WEIGHTS" in first.got
    assert {found.state for found in others} == {"unreached"}
