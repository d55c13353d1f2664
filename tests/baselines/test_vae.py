"""The two variational autoencoders."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from a2ibench.types import Batch

Make = Callable[..., Any]
MakeBatch = Callable[..., Batch]


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_noise_changes_the_image(name: str, make: Make) -> None:
    model, a = make(name).eval(), torch.randn(2, 12)
    one, other = (model.generate(a, torch.randn(2, 8)) for _ in range(2))
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("name", "changed"), [("vae", {}), ("cvae", {"prior": "conditional"})])
def test_without_noise_it_draws_the_mean_of_z(
    name: str, changed: dict[str, Any], make: Make
) -> None:
    model, a = make(name, **changed).eval(), torch.randn(2, 12)
    drawn = model.generate(a, torch.zeros(2, 8))
    if name == "vae":
        expected = model.net.decode(model.net.q(a)[0])
    else:
        expected = model.decoder(a, model.decoder.p(a)[0])
    torch.testing.assert_close(drawn, expected)


@pytest.mark.parametrize("pixel_sd", [0.5, 2.0])
def test_the_loss_is_the_negative_lower_bound(
    pixel_sd: float, make: Make, batch: MakeBatch
) -> None:
    model, b = make("vae", pixel_sd=pixel_sd), batch()
    mean, log_variance = (x.detach().numpy() for x in model.net.q(b.acoustic))
    torch.manual_seed(3)
    noise = torch.randn(4, 8)
    with torch.no_grad():
        z = torch.from_numpy(mean) + torch.from_numpy(log_variance).div(2).exp() * noise
        decoded = make("vae").net.decode(z).numpy()
    error = ((decoded - b.image.numpy()) ** 2).sum(axis=(1, 2, 3)).mean()
    kl = 0.5 * (mean**2 + torch.from_numpy(log_variance).exp().numpy() - 1 - log_variance)

    torch.manual_seed(3)
    losses = model.training_step(b)
    assert losses["reconstruction"].item() == pytest.approx(error / (2 * pixel_sd**2), rel=1e-4)
    assert losses["kl"].item() == pytest.approx(kl.sum(axis=1).mean(), rel=1e-4)


def test_beta_weighs_the_divergence(make: Make, batch: MakeBatch) -> None:
    def kl_after(beta: float) -> float:
        model = make("vae", beta=beta, lr=3e-3)
        for _ in range(20):
            losses = model.training_step(batch())
        return losses["kl"].item()

    assert kl_after(100.0) < 0.5 * kl_after(0.0)


def test_the_image_encoder_is_used_for_training_only(make: Make) -> None:
    model = make("cvae").eval()
    for parameter in [*model.look.parameters(), *model.q.parameters()]:
        parameter.data.fill_(float("nan"))
    assert model.generate(torch.randn(2, 12), torch.randn(2, 8)).isfinite().all()


def test_a_conditional_prior_is_learned(make: Make, batch: MakeBatch) -> None:
    model = make("cvae", prior="conditional")
    before = model.decoder.p.layers[2].weight.detach().clone()
    model.training_step(batch())
    assert not torch.equal(before, model.decoder.p.layers[2].weight)
    assert make("cvae").decoder.p is None


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_extreme_sounds_do_not_overflow(name: str, make: Make, batch: MakeBatch) -> None:
    b = batch()
    loud = Batch(b.image, 1e4 * b.acoustic, b.label, b.mismatched)
    assert all(loss.isfinite() for loss in make(name).training_step(loud).values())
