"""What holds for every method."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from a2ibench.data.batches import Batches
from a2ibench.data.types import Batch, Pairs

NAMES = ["ours", "wan2019", "wan2019_code", "vae", "cvae", "flow"]

each = pytest.mark.parametrize("name", NAMES)


@each
@pytest.mark.parametrize("size", [32, 64, 128])
def test_it_trains_and_draws_at_each_size(
    name: str, size: int, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    model = make(name, size)
    losses = model.training_step(batch(size))
    assert losses
    assert all(
        loss.shape == () and loss.isfinite() and not loss.requires_grad for loss in losses.values()
    )
    model.eval()
    with torch.inference_mode():
        image = model.generate(torch.randn(3, 12), torch.randn(3, model.noise_dim))
    assert image.shape == (3, 3, size, size)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


@each
def test_the_same_noise_draws_the_same_image_and_each_row_by_itself(
    name: str, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    model = make(name)
    model.training_step(batch())
    model.eval()
    a, z = torch.randn(4, 12), torch.randn(4, model.noise_dim)
    with torch.inference_mode():
        images = model.generate(a, z)
        assert torch.equal(model.generate(a, z), images)
        torch.testing.assert_close(model.generate(a[1:2], z[1:2]), images[1:2])


@each
def test_every_weight_that_learns_has_one_optimiser(name: str, make: Callable[..., Any]) -> None:
    model = make(name)
    held = [
        id(p)
        for o in model.optimizers.values()
        for group in o.param_groups
        for p in group["params"]
    ]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)


@each
def test_a_step_after_resuming_is_the_step_without_interruption(
    name: str, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    model = make(name)
    for step in range(3):
        model.training_step(batch(seed=step))
    state = copy.deepcopy(model.state_dict())
    optimizers = {k: copy.deepcopy(o.state_dict()) for k, o in model.optimizers.items()}

    resumed = make(name)
    resumed.load_state_dict(state)
    for key, optimizer in resumed.optimizers.items():
        optimizer.load_state_dict(optimizers[key])

    for one in (model, resumed):
        torch.manual_seed(7)
        for step in range(3, 6):
            one.training_step(batch(seed=step))
    for key, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


@each
def test_it_trains_under_bfloat16(
    name: str, make: Callable[..., Any], batch: Callable[..., Batch]
) -> None:
    model = make(name)
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.training_step(batch())
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())


OVERFIT: dict[str, tuple[int, dict[str, Any]]] = {
    "ours": (50, {"g_channels": 8, "d_channels": 8, "i2a_steps": 20, "g_lr": 1e-3, "d_lr": 1e-3}),
    "wan2019": (80, {"channels": 8, "lr": 2e-3, "g_steps": 1}),
    "vae": (80, {"lr": 3e-3}),
    "cvae": (80, {"lr": 3e-3}),
    "flow": (120, {"lr": 3e-3, "ema": 0.0}),
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
    right = ((red > blue + 0.2) & (torch.from_numpy(colours.label) == 0)) | (
        (blue > red + 0.2) & (torch.from_numpy(colours.label) == 1)
    )
    assert float(right.float().mean()) > 0.9
