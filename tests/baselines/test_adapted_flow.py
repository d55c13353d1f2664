"""The adapted flow: two phases in one budget, and a prior that never hears."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from a2ibench.types import Batch

Make = Callable[..., Any]
Batches = Callable[..., Batch]


def trained(make: Make, batches: list[Batch], **options: Any) -> Any:
    model = make("adapted_flow", batch_size=4, ema=0.0, **{"prior_images": 12, **options})
    for one in batches:
        model.training_step(one)
    return model


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before: dict[str, torch.Tensor], network: torch.nn.Module) -> bool:
    return any(not torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_the_first_images_train_the_prior_and_all_others_the_adapter(
    make: Make, batch: Batches
) -> None:
    model = trained(make, [])
    named = []
    for seed in range(5):
        before = [weights(part) for part in (model.net.prior, model.net.adapter)]
        name, *_ = model.training_step(batch(seed=seed))
        parts = zip(before, (model.net.prior, model.net.adapter), strict=True)
        named.append((name, *(changed(*pair) for pair in parts)))
    assert named[:3] == [("prior_velocity", True, False)] * 3
    assert named[3:] == [("adapter_velocity", False, True)] * 2


def test_the_prior_never_hears(make: Make, batch: Batches) -> None:
    """Other sounds: the same prior to the last bit, and another adapter."""
    batches = [batch(seed=seed) for seed in range(5)]
    others = [replace(one, acoustic=torch.randn_like(one.acoustic)) for one in batches]
    one, other = trained(make, batches), trained(make, others)
    assert not changed(weights(one.net.prior), other.net.prior)
    assert changed(weights(one.net.adapter), other.net.adapter)


def test_a_prior_without_classes_does_not_see_them(make: Make, batch: Batches) -> None:
    batches = [batch(seed=seed) for seed in range(3)]
    others = [replace(one, label=1 - one.label) for one in batches]
    for by_class in (True, False):
        one, other = (trained(make, seen, by_class=by_class) for seen in (batches, others))
        assert changed(weights(one.net.prior), other.net.prior) == by_class


@pytest.mark.parametrize("align", [0.0, 1.0])
def test_the_condition_of_a_sound_is_drawn_to_that_of_its_class(
    align: float, make: Make, batch: Batches
) -> None:
    model = trained(make, [batch(seed=seed) for seed in range(3)], align=align, lr=0.01)
    fixed = batch()
    for _ in range(40):
        losses = model.training_step(fixed)
    assert ("align" in losses) == (align > 0)
    every = model.net.prior.classes.weight.detach()
    with torch.no_grad():
        apart = (every[:-1] - every[-1])[fixed.label] - model.net.adapter.condition_of(
            fixed.acoustic
        )
    scale = (every[:-1] - every[-1]).square().mean()
    assert (float(apart.square().mean() / scale) < 0.1) == (align > 0)


@pytest.mark.parametrize("modulates", [True, False])
def test_an_adapter_begins_as_the_prior_and_leads_away_from_it(
    modulates: bool, make: Make, batch: Batches
) -> None:
    model = trained(make, [batch(seed=seed) for seed in range(3)], modulates=modulates)
    a, noise = torch.randn(2, 12), torch.randn(2, model.noise_dim)

    def drawn() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            return model.generate(a, noise), model.generate(-a, noise)

    assert torch.equal(*drawn())
    for seed in range(8):
        model.training_step(batch(seed=seed))
    assert not torch.equal(*drawn())


def test_the_learning_rate_of_the_prior_falls_to_zero_over_its_second_half(
    make: Make, batch: Batches
) -> None:
    model = trained(make, [], prior_images=40, prior_lr=0.01)
    rates = []
    for seed in range(10):
        model.training_step(batch(seed=seed))
        rates.append(model.optimizers["prior"].param_groups[0]["lr"])
    assert rates == pytest.approx([0.01] * 6 + [0.008, 0.006, 0.004, 0.002])


def test_it_says_how_many_images_of_the_budget_its_frozen_part_sees(make: Make) -> None:
    (part,) = make("adapted_flow", batch_size=8, prior_images=100).frozen_parts
    assert (part.name, part.images, part.of_budget) == ("prior", 96, True), "whole batches"


def test_an_image_size_that_cannot_be_halved_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="cannot be halved 4 times after patches of 4 pixels"):
        make("adapted_flow", 32, levels=5)
