"""The method of Yang et al.: each choice that the paper leaves open does what it says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from a2ibench.config import build
from a2ibench.errors import UserError
from a2ibench.types import Batch, Pairs
from a2ibench_baselines.yang2020 import GHighOnMap, GHighOnVector, Yang2020, YangConfig

Make = Callable[..., Any]
MakeBatch = Callable[..., Batch]


def losses_of(make: Make, batch: MakeBatch, **options: Any) -> dict[str, float]:
    losses = make("ours", **options).training_step(batch())
    assert all(loss.isfinite() for loss in losses.values())
    return {name: loss.item() for name, loss in losses.items()}


def test_the_defaults_are_the_documented_ones() -> None:
    c = YangConfig()
    assert (c.noise_dim, c.hidden, c.hidden_dim, c.sees_low) == (100, "map", 256, False)
    assert (c.stacked, c.training, c.authenticity, c.mismatch) == (
        True, "joint", "projection", "class",
    )  # fmt: skip
    assert (c.lambda_aux, c.aux_on_fakes, c.lambda_con, c.consistency) == (1, False, 1, "mse")
    assert (c.i2a_width, c.g_lr, c.d_lr, c.beta1, c.beta2) == (64, 2e-4, 2e-4, 0.5, 0.999)
    assert (c.d_steps, c.batch_size, c.flip, c.ema, c.diffaugment) == (1, 32, 0.5, 0.999, ())


def test_a_step_has_the_summands_of_equations_3_to_6(make: Make, batch: MakeBatch) -> None:
    both = ["true", "fake", "mismatched", "class"]
    assert set(losses_of(make, batch)) == {
        *(f"D{size}_{term}" for size in (16, 32) for term in both),
        *(f"G{size}_{term}" for size in (16, 32) for term in ("adversarial", "class")),
        "L_con",
    }


def test_the_stages_draw_at_half_and_at_full_size(make: Make) -> None:
    low, high = make("ours", 64).G(torch.randn(2, 12), torch.randn(2, 8))
    assert low.shape == (2, 3, 32, 32)
    assert high.shape == (2, 3, 64, 64)


def test_the_discriminators_differ_by_one_down_sampling_block(make: Make) -> None:
    low, high = make("ours", 64).D
    assert len(high.down.layers) - len(low.down.layers) == 2  # a convolution and its activation


@pytest.mark.parametrize(
    ("authenticity", "mismatch"),
    [("projection", "class"), ("projection", "none"), ("contrast", "class")],
)
def test_the_hinge_terms_are_those_of_the_equation(
    authenticity: str, mismatch: str, make: Make, batch: MakeBatch
) -> None:
    model, b = make("ours", authenticity=authenticity, mismatch=mismatch), batch()
    D, fake = model.D[1].eval(), torch.rand(4, 3, 32, 32)
    got = model._discriminator_terms(1, b.image, fake, b)

    def score(image: torch.Tensor, sound: torch.Tensor) -> np.ndarray[Any, Any]:
        phi = D.features(image).detach().numpy()
        psi, bias = D.K.psi.weight.detach().numpy(), D.K.psi.bias.item()
        projected = sound.numpy() @ D.K.V.weight.detach().numpy().T
        return (phi @ psi.T)[:, 0] + bias + (projected * phi).sum(axis=1)

    a, other = b.acoustic, b.mismatched
    if authenticity == "contrast":
        expected = {
            "true": np.maximum(0, 1 - score(b.image, a - other)).mean(),
            "fake": np.maximum(0, 1 + score(fake, a - other)).mean(),
        }
    elif mismatch == "none":
        expected = {
            "true": np.maximum(0, 1 - score(b.image, a)).mean(),
            "fake": np.maximum(0, 1 + score(fake, a)).mean(),
        }
    else:
        expected = {
            "true": np.maximum(0, 1 - score(b.image, a)).mean(),
            "fake": np.maximum(0, 1 + score(fake, a)).mean() / 2,
            "mismatched": np.maximum(0, 1 + score(b.image, other)).mean() / 2,
        }
    hinges = {name: term.item() for name, term in got.items() if name != "D32_class"}
    assert hinges == pytest.approx(
        {f"D32_{kind}": value for kind, value in expected.items()}, rel=1e-4
    )


def test_without_mismatch_two_hinge_terms_are_left(make: Make, batch: MakeBatch) -> None:
    losses = losses_of(make, batch, mismatch="none")
    assert {name for name in losses if name.startswith("D32")} == {
        "D32_true", "D32_fake", "D32_class",
    }  # fmt: skip


def test_mismatched_sounds_come_from_where_the_option_says(make: Make) -> None:
    assert make("ours", mismatch="clip").sampling.mismatch == "clip"
    assert make("ours", mismatch="class").sampling.mismatch == "class"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"authenticity": "contrast", "mismatch": "none"}, "needs mismatched sounds"),
        ({"training": "staged", "stacked": False}, "needs two stages"),
        ({"g_channels": 7}, "even"),
        ({"hidden": "tensor"}, "map"),
        ({"lambda_con": -1}, "≥ 0"),
        ({"diffaugment": "colour"}, "color"),
        ({"beta1": 1}, "≤ 0.9999"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(YangConfig, options, "ours")


@pytest.mark.parametrize("ablation", Yang2020.ablations)
def test_each_ablation_trains_and_draws(ablation: str, make: Make, batch: MakeBatch) -> None:
    model = make("ours", **Yang2020.ablations[ablation])
    assert all(loss.isfinite() for loss in model.training_step(batch()).values())
    image = model.eval().generate(torch.randn(2, 12), torch.randn(2, model.noise_dim))
    assert image.shape == (2, 3, 32, 32)


def test_without_consistency_there_is_no_i2a(make: Make, batch: MakeBatch) -> None:
    assert "L_con" not in losses_of(make, batch, lambda_con=0.0)
    assert not any(key.startswith("I2A") for key in make("ours", lambda_con=0.0).state_dict())
    assert any(key.startswith("I2A") for key in make("ours").state_dict())


def test_without_the_auxiliary_there_is_no_p(make: Make, batch: MakeBatch) -> None:
    assert not any("class" in name for name in losses_of(make, batch, lambda_aux=0.0))
    assert not any(".P." in key for key in make("ours", lambda_aux=0.0).state_dict())


def test_without_the_stack_there_is_one_discriminator(make: Make, batch: MakeBatch) -> None:
    assert {name[:3] for name in losses_of(make, batch, stacked=False)} == {"D32", "G32", "L_c"}
    assert len(make("ours", stacked=False).D) == 1


def test_without_noise_the_image_depends_on_the_sound_alone(make: Make) -> None:
    assert make("ours", noise_dim=0).noise_dim == 0
    assert make("ours", noise_dim=0).G.low.body.start[0].in_features == 12


def test_noise_changes_the_image(make: Make) -> None:
    model, a = make("ours").eval(), torch.randn(1, 12)
    assert not torch.equal(
        model.generate(a, torch.randn(1, 8)), model.generate(a, torch.randn(1, 8))
    )


@pytest.mark.parametrize("sees_low", [False, True])
@pytest.mark.parametrize(("hidden", "kind"), [("map", GHighOnMap), ("vector", GHighOnVector)])
def test_h_is_a_map_or_a_vector_and_the_low_image_is_seen_on_demand(
    hidden: str, kind: type, sees_low: bool, make: Make, batch: MakeBatch
) -> None:
    losses_of(make, batch, hidden=hidden, sees_low=sees_low)
    G = make("ours", hidden=hidden, sees_low=sees_low).G.eval()
    assert isinstance(G.high, kind)
    a = torch.randn(2, 12)
    low, h = G.low(a, torch.randn(2, 8))
    assert h.shape == (2, 4, 16, 16)
    if hidden == "vector":
        assert G.high.to_vector(h).shape == (2, 8)
    drawn, other = G.high(a, h, low), G.high(a, h, -low)
    assert drawn.shape == (2, 3, 32, 32)
    assert torch.equal(drawn, other) is not sees_low


def test_the_second_stage_sees_the_sound(make: Make) -> None:
    G = make("ours").G.eval()
    low, h = G.low(torch.randn(2, 12), torch.randn(2, 8))
    assert not torch.equal(G.high(torch.randn(2, 12), h, low), G.high(torch.randn(2, 12), h, low))


@pytest.mark.parametrize("hidden", ["map", "vector"])
def test_staged_training_fits_one_stage_and_then_the_other(
    hidden: str, make: Make, batch: MakeBatch
) -> None:
    model = make("ours", training="staged", stage_steps=2, hidden=hidden)

    def changed_by_a_step() -> set[str]:
        before = {k: v.clone() for k, v in model.state_dict().items() if not k.endswith("step")}
        model.training_step(batch())
        after = model.state_dict()
        return {".".join(k.split(".")[:2]) for k in before if not torch.equal(before[k], after[k])}

    assert changed_by_a_step() == {"G.low", "D.0"}
    assert changed_by_a_step() == {"G.low", "D.0"}
    before = {k: v.clone() for k, v in model.G.high.named_parameters()}
    assert changed_by_a_step() == {"G.high", "D.1"}
    assert changed_by_a_step() == {"G.high", "D.1"}
    assert not any(torch.equal(before[k], v) for k, v in model.G.high.named_parameters())


def test_staged_training_draws_the_first_stage_until_the_second_is_trained(
    make: Make, batch: MakeBatch
) -> None:
    model = make("ours", training="staged", stage_steps=2)
    a, z = torch.randn(2, 12), torch.randn(2, 8)
    from_low = []
    for _ in range(4):
        model.training_step(batch()) if from_low else None
        with torch.no_grad():
            drawn, (low, high) = model.eval().generate(a, z), model.G(a, z)
        model.train()
        assert drawn.shape == (2, 3, 32, 32)
        from_low.append(torch.equal(drawn[:, :, ::2, 1::2], low))
        assert from_low[-1] != torch.equal(drawn, high)
    assert from_low == [True, True, True, False]


def test_p_on_fakes_adds_its_term(make: Make, batch: MakeBatch) -> None:
    extra = set(losses_of(make, batch, aux_on_fakes=True)) - set(losses_of(make, batch))
    assert extra == {"D16_class_fake", "D32_class_fake"}


def test_weights_scale_their_terms(make: Make, batch: MakeBatch) -> None:
    one, ten = losses_of(make, batch), losses_of(make, batch, lambda_aux=10.0)
    assert ten["D32_class"] == pytest.approx(10 * one["D32_class"], rel=1e-5)
    # D takes another step with another weight, so only terms before it can be compared.
    assert losses_of(make, batch, lambda_con=10.0)["L_con"] == pytest.approx(
        10 * one["L_con"], rel=1e-4
    )


def test_each_distance_gives_another_consistency_loss(make: Make, batch: MakeBatch) -> None:
    values = {d: losses_of(make, batch, consistency=d)["L_con"] for d in ("mse", "norm", "cosine")}
    assert len({round(value, 4) for value in values.values()}) == 3


def test_more_steps_of_d_than_of_g(make: Make, batch: MakeBatch) -> None:
    model = make("ours", d_steps=3)
    moved = []
    for _ in range(6):
        before = model.G.high.body[0].weight.detach().clone()
        model.training_step(batch())
        moved.append(not torch.equal(before, model.G.high.body[0].weight))
    assert moved == [False, False, True, False, False, True]


def test_two_rates_and_betas_reach_the_optimisers(make: Make) -> None:
    model = make("ours", g_lr=1e-4, d_lr=4e-4, beta1=0.0, beta2=0.9)
    groups = {name: o.param_groups[0] for name, o in model.optimizers.items()}
    assert (groups["G"]["lr"], groups["D"]["lr"]) == (1e-4, 4e-4)
    assert groups["G"]["betas"] == groups["D"]["betas"] == (0.0, 0.9)


def test_augmentation_changes_what_d_sees(make: Make, batch: MakeBatch) -> None:
    policy = ("color", "translation", "cutout")
    assert losses_of(make, batch, diffaugment=policy) != losses_of(make, batch)


def test_sampling_and_averaging_follow_the_configuration(make: Make) -> None:
    model = make("ours", batch_size=8, balanced=True, flip=0.0, ema=0.9)
    assert (model.sampling.batch_size, model.sampling.balanced, model.sampling.flip) == (8, True, 0)
    assert model.ema == 0.9
    assert make("ours", **Yang2020.ablations["ema"]).ema == 0.0


def test_the_consistency_gradient_reaches_g_and_not_i2a(make: Make, batch: MakeBatch) -> None:
    found = {}
    for weight in (1e-9, 1.0):
        torch.manual_seed(0)
        model = make("ours", lambda_con=weight)
        model.training_step(batch())
        assert all(p.grad is None for p in model.I2A.parameters())
        found[weight] = {name: p.grad.clone() for name, p in model.G.named_parameters()}
    without, with_it = found.values()
    for name, gradient in without.items():
        if not name.startswith("low.image"):  # Ĩ_low is no input of the second stage
            assert not torch.allclose(gradient, with_it[name], rtol=1e-3), name


def test_i2a_is_pretrained_and_then_never_changes(
    make: Make, batch: MakeBatch, colours: Pairs
) -> None:
    model = make("ours", i2a_steps=40)

    def error() -> float:
        image = torch.from_numpy(colours.images[:]).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            return float((model.I2A(image) - torch.from_numpy(colours.acoustic)).square().mean())

    untrained = error()
    model.prepare(colours)
    assert error() < 0.5 * untrained
    before = {k: v.clone() for k, v in model.I2A.state_dict().items()}
    model.train()
    model.training_step(batch())
    assert not model.I2A.training
    assert not any(module.training for module in model.I2A.modules())
    assert not any(p.requires_grad for p in model.I2A.parameters())
    assert all(torch.equal(before[k], v) for k, v in model.I2A.state_dict().items())


def test_the_step_of_g_gives_d_no_gradient(
    make: Make, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make("ours")
    step = model.optimizers["D"].step

    def step_and_clear() -> None:
        step()
        model.D.zero_grad(set_to_none=True)

    monkeypatch.setattr(model.optimizers["D"], "step", step_and_clear)
    model.training_step(batch())
    assert all(p.grad is None for p in model.D.parameters())
    assert all(p.requires_grad for p in model.D.parameters())
    assert any(p.grad is not None for p in model.G.parameters())


def test_every_weight_of_d_has_spectral_norm_one(make: Make, batch: MakeBatch) -> None:
    model = make("ours", d_lr=1e-4)
    for step in range(25):
        model.training_step(batch(seed=step))
    model.eval()
    layers = [m for m in model.D.modules() if is_parametrized(m, "weight")]
    assert len(layers) == 2 + 1 + 3 + 3 + 1 + 3  # convolutions, φ, and ψ, V, P of both sizes
    assert len(layers) == sum(p.ndim > 1 for p in model.D.parameters())
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(norm) == pytest.approx(1.0, abs=0.05)


def test_batch_norm_is_in_g_only(make: Make) -> None:
    model = make("ours")
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.G.modules())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.D.modules())


def test_images_below_32_pixels_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        make("ours", 16)
