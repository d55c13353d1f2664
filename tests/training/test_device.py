"""Precision and determinism of a trial."""

import pytest
import torch
from torch import nn

from a2ibench.training import device


def test_a_second_forward_pass_in_mixed_precision_sees_the_updated_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "training_dtype", lambda _: torch.bfloat16)
    layer = nn.Linear(4, 4, bias=False)
    x = torch.ones(2, 4)
    with device.autocast(torch.device("cpu")):
        before = layer(x)
        with torch.no_grad():
            layer.weight.zero_()
        after = layer(x)
    assert before.dtype == torch.bfloat16
    assert before.abs().sum() > 0
    assert after.abs().sum() == 0


def test_a_trial_computes_on_one_thread_with_the_same_numbers_again() -> None:
    drawn = []
    for _ in range(2):
        device.make_deterministic(7, torch.device("cpu"))
        drawn.append(torch.randn(3))
    assert torch.equal(*drawn)
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_the_hardware_is_named_in_full() -> None:
    about = device.describe(torch.device("cpu"))
    assert set(about) == {"device", "processor", "threads", "precision", "torch", "python"}
    assert all(about.values())
