"""Judges of images alone are trained once for all encoders."""

import pytest

from a2ibench.conformance.sample import make_pairs
from a2ibench.evaluation.judging import load_judge
from a2ibench.types import DataKey


@pytest.mark.parametrize("name", ["resnet18", "simclr"])
def test_a_judge_of_images_alone_is_trained_once_for_all_encoders(name, tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    for limit in ("MAX_STEPS", "CHECK_EVERY"):
        monkeypatch.setattr(f"a2ibench_plugins.judges.resnet18.{limit}", 1)
    monkeypatch.setattr("a2ibench_plugins.judges.simclr.STEPS", 2)
    said: list[str] = []
    pairs = make_pairs(24, size=16)
    first, second = (
        load_judge(name, pairs, DataKey("pairs", encoder), said.append) for encoder in ("a", "b")
    )
    assert len(said) == 1
    assert first.fingerprint == second.fingerprint
