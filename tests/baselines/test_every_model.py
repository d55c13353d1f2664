"""What holds for every method."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from a2ibench.conformance.suite import check
from a2ibench.data.batches import Batches
from a2ibench.errors import UserError
from a2ibench.registry import models
from a2ibench.training.checkpoint import read_checkpoint
from a2ibench.training.fit import fit
from a2ibench.types import Batch, Pairs

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", models.names())
def test_it_keeps_the_contract(name: str, options: Callable[[str], dict[str, Any]]) -> None:
    assert [found for found in check("model", name, options(name)) if found.state != "met"] == []


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("size", [64, 128])
def test_it_trains_and_draws_larger_images(
    name: str, size: int, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    model = make(name, size)
    losses = model.training_step(batch(size))
    assert all(loss.isfinite() for loss in losses.values())
    model.eval()
    with torch.inference_mode():
        image = model.generate(torch.randn(3, 12), torch.randn(3, model.noise_dim))
    assert image.shape == (3, 3, size, size)
    assert -1 <= float(image.min()) <= float(image.max()) <= 1


@pytest.mark.parametrize("name", models.names())
def test_a_budget_within_a_longer_training_has_the_bits_of_a_training_of_its_own(
    name: str, make: Callable[..., Any], colours: Pairs, tmp_path: Path
) -> None:
    def train(steps: int, file: str, *earlier: str) -> dict[str, torch.Tensor]:
        model = make(name, batch_size=8)
        begin = [tmp_path / one for one in earlier]
        fit(model, colours, steps=steps, seed=0, checkpoint=tmp_path / file, earlier=begin)
        _, state = read_checkpoint(tmp_path / file)
        return {**state, **{f"drawn.{n}": v for n, v in model.generator.state_dict().items()}}

    passing = train(3, "first"), train(7, "second", "first")
    for within, apart in zip(passing, (train(3, "three"), train(7, "seven")), strict=True):
        assert within.keys() == apart.keys()
        assert [key for key in apart if not torch.equal(within[key], apart[key])] == []


OVERFIT: dict[str, tuple[int, dict[str, Any]]] = {
    "ours": (50, {"g_channels": 8, "d_channels": 8, "i2a_steps": 20, "g_lr": 1e-3, "d_lr": 1e-3}),
    "wan2019": (80, {"channels": 8, "lr": 2e-3, "g_steps": 1}),
    "vae": (80, {"lr": 3e-3}),
    "cvae": (80, {"lr": 3e-3}),
    "flow": (120, {"channels": 16, "embedding": 32, "lr": 3e-3, "ema": 0.0}),
    "adapted_flow": (150, {"prior_images": 880, "prior_lr": 3e-3, "lr": 1e-2, "ema": 0.0}),
}


@pytest.mark.parametrize("name", OVERFIT)
def test_it_learns_which_sound_is_which_colour(
    name: str, make: Callable[..., Any], colours: Pairs
) -> None:
    steps, options = OVERFIT[name]
    model = make(name, batch_size=8, flip=0.0, **options)
    model.prepare(colours)
    batches = Batches(colours, model.sampling, 0, torch.device("cpu"))
    for step in range(steps):
        model.training_step(batches.batch(step))
    model.eval()
    with torch.inference_mode():
        image = model.generate(
            torch.from_numpy(colours.acoustic), torch.randn(len(colours), model.noise_dim)
        )
    red, _, blue = image.mean(dim=(2, 3)).unbind(1)
    right = ((red > blue + 0.4) & (torch.from_numpy(colours.label) == 0)) | (
        (blue > red + 0.4) & (torch.from_numpy(colours.label) == 1)
    )
    assert float(right.float().mean()) > 0.9


CLIPPED = ("adapted_flow", "adapter", "flow")


@pytest.mark.parametrize("name", CLIPPED)
def test_a_largest_gradient_of_0_is_none(
    name: str, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    found = []
    make(name)  # whatever is made once draws random numbers
    for clip in (0.0, 1e9):
        torch.manual_seed(0)
        model = make(name, clip=clip)
        before = [value.detach().clone() for value in model.parameters()]
        model.training_step(batch())
        now = list(model.parameters())
        assert any(not torch.equal(*both) for both in zip(before, now, strict=True))
        found.append([value.detach().clone() for value in now])
    assert all(torch.equal(*both) for both in zip(*found, strict=True))


@pytest.mark.parametrize("name", CLIPPED)
def test_less_than_none_of_a_batch_cannot_be_dropped(name: str, make: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match=r"drop=-0\.1: expected a number ≥ 0"):
        make(name, drop=-0.1)
