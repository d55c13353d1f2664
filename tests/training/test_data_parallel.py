"""Several workers: without chance in a step they compute what one does; with it they resume."""

import multiprocessing
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from test_fit import make_model, make_pairs
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from a2ibench.training.checkpoint import TrainingState, read_checkpoint
from a2ibench.training.data_parallel import ALONE, SharedBatchNorm, Team
from a2ibench.training.fit import fit

pytestmark = pytest.mark.integration

STEPS = 6
PRECISION = "a2ibench.training.device.training_dtype"
NO_CHANCE: dict[str, dict[str, Any]] = {
    "ours": {"noise_dim": 0, "ema": 0.9},
    "wan2019": {"noise_dim": 0, "channels": 4, "batch_size": 8},
}
"""Configurations without chance inside a step."""


def train(name: str, steps: int, folder: Path, team: Team, **options: Any) -> TrainingState:
    model = make_model(name, **options)
    path = folder / f"{name}.safetensors"
    return fit(model, make_pairs(), steps=steps, seed=3, checkpoint=path, team=team)


def act(role: Callable[[Team, Path], None], rank: int, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PRECISION, lambda device: torch.float32)
        dist.init_process_group("gloo", f"file://{folder / 'meet'}", world_size=2, rank=rank)
        role(Team(rank, 2), folder)
        dist.destroy_process_group()


def together(role: Callable[[Team, Path], None], folder: Path) -> None:
    """Runs two workers."""
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=act, args=(role, rank, folder)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]


def batch_norm(team: Team) -> dict[str, torch.Tensor]:
    """One step of batch norm on this worker's half of a batch: what it gives and its gradients."""
    x = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 3 + 100
    towards = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    half = slice(team.rank * 8 // team.workers, (team.rank + 1) * 8 // team.workers)
    norm = nn.BatchNorm2d(3)
    if team.workers > 1:
        norm.__class__ = SharedBatchNorm
    mine = x[half].requires_grad_()
    y = norm(mine)
    (y * towards[half]).sum().backward()
    assert mine.grad is not None
    assert norm.weight.grad is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return {
        "y": y.detach(),
        "gradient": mine.grad,
        "weight": norm.weight.grad,
        "mean": norm.running_mean,
        "var": norm.running_var,
    }


def role(team: Team, folder: Path) -> None:
    torch.save(batch_norm(team), folder / f"norm{team.rank}.pt")
    for name, options in NO_CHANCE.items():
        state = train(name, STEPS, folder, team, **options)
        weights = state.model.state_dict()
        torch.save({"weights": weights, "curve": state.curve}, folder / f"{name}{team.rank}.pt")
    for kind, steps in (("whole", (40,)), ("part", (20, 40))):
        for more in steps:
            (folder / kind).mkdir(exist_ok=True)
            train("vae", more, folder / kind, team, channels=4, batch_size=8, ema=0.9)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two workers leave."""
    folder = tmp_path_factory.mktemp("two")
    together(role, folder)
    return folder


@pytest.fixture(autouse=True)
def single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PRECISION, lambda device: torch.float32)


def cancelled(model: nn.Module) -> set[str]:
    """Biases that a batch norm takes away again, and the running means that they shift.

    Their gradients are zero but for rounding, which Adam makes as large as any other.
    """
    names = set()
    for name, part in model.named_modules():
        if isinstance(part, nn.Sequential):
            for i, (first, second) in enumerate(pairwise(part)):
                if isinstance(second, _BatchNorm) and getattr(first, "bias", None) is not None:
                    names |= {f"{name}.{i}.bias", f"{name}.{i + 1}.running_mean"}
    return names


@pytest.mark.parametrize("name", NO_CHANCE)
def test_without_chance_in_a_step_two_workers_train_what_one_does(
    name: str, left: Path, tmp_path: Path
) -> None:
    one = train(name, STEPS, tmp_path, ALONE, **NO_CHANCE[name])
    two = [torch.load(left / f"{name}{rank}.pt") for rank in range(2)]
    assert two[0]["curve"] == two[1]["curve"]
    assert two[0]["curve"][0] == pytest.approx(one.curve[0], abs=1e-6)
    weights = one.model.state_dict()
    assert any(key.endswith("running_var") for key in weights)
    for key, weight in weights.items():
        assert torch.equal(two[0]["weights"][key], two[1]["weights"][key]), key
        if key not in cancelled(one.model):
            torch.testing.assert_close(two[0]["weights"][key], weight, atol=2e-5, rtol=0)


def test_batch_norm_counts_the_batches_of_all_workers(left: Path) -> None:
    whole = batch_norm(ALONE)
    halves = [torch.load(left / f"norm{rank}.pt") for rank in range(2)]
    joined = {
        "y": torch.cat([half["y"] for half in halves]),
        "gradient": torch.cat([half["gradient"] for half in halves]),
        "weight": halves[0]["weight"] + halves[1]["weight"],
        "mean": halves[0]["mean"],
        "var": halves[0]["var"],
    }
    for key, value in whole.items():
        torch.testing.assert_close(joined[key], value, atol=2e-5, rtol=1e-5)
    assert torch.equal(halves[0]["var"], halves[1]["var"])


def test_two_workers_go_on_from_a_checkpoint_bit_for_bit_each_with_its_own_noise(
    left: Path,
) -> None:
    about, whole = read_checkpoint(left / "whole" / "vae.safetensors")
    again, part = read_checkpoint(left / "part" / "vae.safetensors")
    assert [row["step"] for row in again["curve"]] == [20, 40]
    assert about["curve"] == again["curve"]
    for name, tensor in whole.items():
        assert torch.equal(tensor, part[name]), name


def test_the_noise_of_a_step_depends_on_the_seed_the_worker_and_the_step() -> None:
    def noise(rank: int, seed: int, step: int) -> float:
        Team(rank, 2).seed(seed, step)
        return torch.randn(()).item()

    assert noise(1, 5, 7) == noise(1, 5, 7)
    assert len({noise(0, 5, 7), noise(1, 5, 7), noise(1, 6, 7), noise(1, 5, 8)}) == 4
    torch.manual_seed(0)
    first = torch.randn(())
    torch.manual_seed(0)
    ALONE.seed(5, 7)
    assert torch.equal(torch.randn(()), first), "a worker alone keeps its stream"
