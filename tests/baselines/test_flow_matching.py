"""Flow matching: the loss and the path, against fields that are known."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from a2ibench.nn.unet import Block
from a2ibench.types import Batch, Spec
from a2ibench_baselines.flow_matching import FlowConfig, FlowMatching

Make = Callable[..., Any]
SIZE = 32


class Known(torch.nn.Module):
    """A network that is a formula."""

    def __init__(self, formula: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x, t, a, heard):
        return self.formula(x, t[:, None, None, None], a, heard)


def known(make: Make, formula: Callable[..., torch.Tensor], **options: Any) -> FlowMatching:
    """A model whose network is the formula of a velocity, or of what the options say."""
    model = make("flow", SIZE, **{"predicts": "velocity", **options})
    model.net = Known(formula)
    return model


def noise(n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3 * SIZE**2, generator=torch.Generator().manual_seed(1))


def draw(model: FlowMatching, n: int = 2) -> torch.Tensor:
    return model.generate(torch.zeros(n, 12), noise(n))


@pytest.mark.parametrize("steps", [1, 4])
def test_along_a_straight_field_it_arrives_whatever_the_steps(make: Make, steps: int) -> None:
    target = torch.rand(2, 3, SIZE, SIZE) - 0.5
    start = noise().reshape(2, 3, SIZE, SIZE)
    model = known(make, lambda x, t, a, h: target - start, steps=steps, guidance=1.0)
    torch.testing.assert_close(draw(model), target, atol=1e-5, rtol=0)


def test_heun_s_method_is_of_second_order(make: Make) -> None:
    """On dx/dt = −3x, x(1) = x(0) e⁻³: half the step, a quarter of the error."""

    def error(steps: int) -> float:
        model = known(make, lambda x, t, a, h: -3 * x, steps=steps, guidance=1.0)
        expected = noise().reshape(2, 3, SIZE, SIZE) * torch.tensor(-3.0).exp()
        # The last step is Euler's; it is left out by comparing at its start.
        times = torch.linspace(0, 1, steps + 1)[:-1]
        x = noise().reshape(2, 3, SIZE, SIZE)
        for now, then in pairwise(times):
            x = x * (1 - 3 * (then - now) + 4.5 * (then - now) ** 2)
        last = x * (1 - 3 / steps)
        torch.testing.assert_close(draw(model), last.clamp(-1, 1), atol=1e-5, rtol=1e-4)
        return float((x - expected * torch.tensor(3.0 / steps).exp()).abs().max())

    assert error(16) == pytest.approx(error(8) / 4, rel=0.3)


@pytest.mark.parametrize("steps", [1, 6, 50])
def test_a_network_that_gives_the_image_arrives_at_it(make: Make, steps: int) -> None:
    target = torch.rand(2, 3, SIZE, SIZE) - 0.5
    model = known(make, lambda x, t, a, h: target, predicts="image", guidance=1.0, steps=steps)
    torch.testing.assert_close(draw(model), target, atol=1e-5, rtol=0)


def test_a_network_that_gives_nothing_draws_no_noise_unless_it_stands_for_the_velocity(
    make: Make,
) -> None:
    """All of the noise leaves through the skip; a velocity has to carry it."""
    for predicts, left in (("image", 0.0), ("velocity", 1.0)):
        model = known(make, lambda x, t, a, h: 0 * x, predicts=predicts, guidance=1.0, steps=6)
        expected = left * noise().reshape(2, 3, SIZE, SIZE)
        torch.testing.assert_close(draw(model), expected.clamp(-1, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_guidance_goes_from_no_sound_towards_and_past_the_sound(make: Make, weight: float) -> None:
    def formula(x, t, a, heard):
        aim = torch.where(heard, 0.2, -0.1)[:, None, None, None].expand_as(x)
        return (aim - x) / (1 - t).clamp(min=0.05)

    model = known(make, formula, steps=8, guidance=weight)
    expected = torch.full((2, 3, SIZE, SIZE), -0.1 + weight * 0.3)
    torch.testing.assert_close(draw(model), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("predicts", ["velocity", "image"])
def test_both_kinds_of_network_have_one_loss(
    predicts: str, make: Make, batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean square of the error of v, here that of a still field: E ‖x₁ − x₀‖²."""
    b, at = batch(SIZE), torch.tensor([0.1, 0.4, 0.7, 0.9])
    monkeypatch.setattr(torch.Tensor, "sigmoid", lambda self: at)
    scale = torch.nn.Parameter(torch.zeros(()))
    model = known(make, lambda x, t, a, h: scale + x * (predicts == "image"), predicts=predicts)
    model.net.scale = scale
    torch.manual_seed(5)
    start = torch.randn(len(at), SIZE, SIZE, 3).permute(0, 3, 1, 2)
    torch.manual_seed(5)
    expected = (b.image - start).square().mean()
    torch.testing.assert_close(model.training_step(b)["velocity"], expected)


def test_near_the_end_of_the_path_the_loss_of_an_image_has_a_bound(
    make: Make, batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At t = 1 the true image has no loss, and one that is off by 0.1 has (0.1 / 0.05)²."""
    b = batch(SIZE)
    monkeypatch.setattr(torch.Tensor, "sigmoid", lambda self: torch.ones_like(self))
    for off, expected in ((0.0, 0.0), (0.1, 4.0)):
        scale = torch.nn.Parameter(torch.tensor(off))
        model = known(make, lambda x, t, a, h: b.image + scale, predicts="image")  # noqa: B023
        model.net.scale = scale
        loss = model.training_step(b)["velocity"].item()
        assert loss == pytest.approx(expected, abs=1e-6, rel=1e-3)


@pytest.mark.parametrize("predicts", ["velocity", "image"])
def test_the_loss_of_the_true_velocity_is_none(
    predicts: str, make: Make, batch: Callable[..., Batch]
) -> None:
    b = batch(SIZE)
    t_seen = []

    def formula(x, t, a, heard):
        t_seen.append(t)
        truth = b.image if predicts == "image" else (b.image - x) / (1 - t)
        return truth + 0 * scale

    scale = torch.nn.Parameter(torch.zeros(()))
    model = known(make, formula, predicts=predicts)
    model.net.scale = scale
    losses = model.training_step(b)
    assert losses["velocity"].item() == pytest.approx(0, abs=1e-6)
    assert ((t_seen[0] > 0) & (t_seen[0] < 1)).all()


def test_a_share_of_the_batch_is_trained_without_its_sound(
    make: Make, batch: Callable[..., Batch]
) -> None:
    heard_in_all = []

    def formula(x, t, a, heard):
        heard_in_all.append(heard)
        return x * scale

    scale = torch.nn.Parameter(torch.zeros(()))
    for drop in (0.0, 0.25, 1.0):
        heard_in_all.clear()
        model = known(make, formula, drop=drop)
        model.net.scale = scale
        for seed in range(100):
            model.training_step(batch(SIZE, seed=seed))
        assert float(torch.cat(heard_in_all).float().mean()) == pytest.approx(1 - drop, abs=0.07)


def test_a_dropped_sound_is_not_heard(make: Make) -> None:
    model = make("flow", SIZE)
    torch.nn.init.normal_(model.net.unet.unet.end[2].weight, std=0.1)
    for module in model.net.modules():
        if isinstance(module, Block):  # which does nothing at first, whatever it is told
            torch.nn.init.normal_(module.second.weight, std=0.1)
    x, t = torch.randn(2, 3, SIZE, SIZE), torch.full((2,), 0.5)
    heard = torch.tensor([True, False])
    with torch.no_grad():
        one, other = (model.net(x, t, torch.randn(2, 12), heard) for _ in range(2))
    assert not torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_an_image_size_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be halved 4 times after patches of 2 pixels"):
        FlowMatching(FlowConfig(channels=8, levels=5), Spec(16, 12, ("x",)))
