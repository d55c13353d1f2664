"""The method of Wan et al., and the program released with it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from a2ibench.types import Batch, Spec
from a2ibench_baselines.wan2019 import Wan2019, Wan2019Code, WanConfig

Make = Callable[..., Any]
MakeBatch = Callable[..., Batch]


def test_at_paper_scale_the_generator_has_48_6_million_parameters() -> None:
    with torch.device("meta"):
        model = Wan2019(WanConfig(), Spec(64, 256, tuple("abcdefghi")))
    assert sum(p.numel() for p in model.generator.parameters()) / 1e6 == pytest.approx(
        48.6, abs=0.05
    )


def test_one_step_of_d_to_five_of_g(make: Make, batch: MakeBatch) -> None:
    model = make("wan2019")
    d_moved, g_moved = [], []
    for step in range(11):
        d, g = (net.weight.detach().clone() for net in (model.D.P, model.G.layers[0]))
        losses = model.training_step(batch(seed=step))
        d_moved.append(not torch.equal(d, model.D.P.weight))
        g_moved.append(not torch.equal(g, model.G.layers[0].weight))
        assert ("D_true" in losses) is d_moved[-1]
    assert d_moved == [step % 5 == 0 for step in range(11)]
    assert all(g_moved)


def test_all_weights_are_one_and_p_learns_on_real_images_only(make: Make, batch: MakeBatch) -> None:
    assert set(make("wan2019").training_step(batch())) == {
        "D_true", "D_fake", "D_mismatched", "D_class", "G_adversarial", "G_class",
    }  # fmt: skip


def test_mismatch_can_be_left_out(make: Make, batch: MakeBatch) -> None:
    assert "D_mismatched" not in make("wan2019", mismatch="none").training_step(batch())
    assert "D_mismatched" not in make("wan2019_code").training_step(batch())
    assert make("wan2019", mismatch="clip").sampling.mismatch == "clip"


def test_classes_are_drawn_uniformly_and_half_the_images_flipped(make: Make) -> None:
    sampling = make("wan2019").sampling
    assert (sampling.batch_size, sampling.balanced, sampling.flip) == (32, True, 0.5)


def convolutions(model: Wan2019) -> list[Any]:
    return [m for m in model.D.modules() if isinstance(m, torch.nn.Conv2d) and is_parametrized(m)]


@pytest.mark.parametrize("name", ["wan2019", "wan2019_code"])
def test_the_strided_convolutions_are_normalised(name: str, make: Make, batch: MakeBatch) -> None:
    model = make(name, 64)
    for step in range(26):
        model.training_step(batch(64, seed=step))
    model.eval()
    layers = convolutions(model)
    assert [layer.stride for layer in layers] == [(2, 2)] * 4
    norms = [float(torch.linalg.matrix_norm(c.weight.detach().flatten(1), 2)) for c in layers]
    if name == "wan2019":
        assert norms == pytest.approx([1.0] * 4, abs=0.05)
    else:
        assert min(norms) > 1.05


def test_the_released_program_never_updates_its_vector(make: Make, batch: MakeBatch) -> None:
    model = make("wan2019_code")
    before = {k: v.clone() for k, v in model.state_dict().items() if k.endswith(".u")}
    assert len(before) == 3
    for step in range(6):
        model.training_step(batch(seed=step))
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in before.items())


def test_the_released_program_takes_noise_and_ignores_it(make: Make) -> None:
    model, a = make("wan2019_code").eval(), torch.randn(2, 12)
    assert model.noise_dim == 8
    one, other = (model.generate(a, torch.randn(2, 8)) for _ in range(2))
    assert torch.equal(one, other)
    assert Wan2019Code.Config().noise_dim == 100


def test_noise_is_off_and_can_be_turned_on(make: Make) -> None:
    assert make("wan2019").noise_dim == 0
    model, a = make("wan2019", noise_dim=8).eval(), torch.randn(2, 12)
    one, other = (model.generate(a, torch.randn(2, 8)) for _ in range(2))
    assert not torch.equal(one, other)


def test_the_step_of_g_gives_d_no_gradient(make: Make, batch: MakeBatch) -> None:
    model = make("wan2019")
    model.training_step(batch())
    model.D.zero_grad(set_to_none=True)
    losses = model.training_step(batch())
    assert "D_true" not in losses
    assert all(p.grad is None for p in model.D.parameters())


def test_every_stored_weight_starts_from_a_normal_of_002(make: Make) -> None:
    model = make("wan2019", channels=16)
    weights = [
        weight
        for name, weight in model.named_parameters()
        if weight.ndim > 1 and name.endswith(("weight", "original"))
    ]
    assert len(weights) > 8
    for weight in weights:
        if weight.numel() > 400:
            assert weight.std().item() == pytest.approx(0.02, rel=0.15)
