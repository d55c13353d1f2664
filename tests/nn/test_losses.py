"""The loss terms against the equations, written in plain numpy."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from a2ibench.nn.losses import (
    adversarial,
    auxiliary,
    consistency,
    gaussian_kl,
    hinge_false,
    hinge_true,
)
from a2ibench.nn.projection import Projection
from a2ibench.nn.spectral import spectral_linear

rng = np.random.default_rng(0)


def test_hinge_terms() -> None:
    score = rng.normal(0, 2, 50).astype(np.float32)
    tensor = torch.from_numpy(score)
    assert float(hinge_true(tensor)) == pytest.approx(np.maximum(0, 1 - score).mean())
    assert float(hinge_false(tensor)) == pytest.approx(np.maximum(0, 1 + score).mean())
    assert float(adversarial(tensor)) == pytest.approx(-score.mean())


def test_auxiliary_is_the_negative_log_probability_of_the_class() -> None:
    logits = rng.normal(0, 2, (20, 4))
    label = rng.integers(0, 4, 20)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(20), label]).mean()
    assert float(auxiliary(torch.tensor(logits), torch.tensor(label))) == pytest.approx(
        expected, rel=1e-5
    )


def test_consistency_distances() -> None:
    a, b = rng.normal(size=(2, 20, 6))
    x, y = torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    assert float(consistency(x, y)) == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)
    assert float(consistency(x, y, "norm")) == pytest.approx(
        np.linalg.norm(a - b, axis=1).mean(), rel=1e-5
    )
    assert float(consistency(x, y, "cosine")) == pytest.approx(
        (1 - (a * b).sum(axis=1) / norms).mean(), rel=1e-5
    )


def test_gaussian_kl_is_that_of_torch_distributions() -> None:
    mean, log_variance, prior_mean, prior_log_variance = torch.randn(4, 10, 3)
    reference = kl_divergence(
        Normal(mean, (0.5 * log_variance).exp()),
        Normal(prior_mean, (0.5 * prior_log_variance).exp()),
    )
    torch.testing.assert_close(
        gaussian_kl(mean, log_variance, prior_mean, prior_log_variance),
        reference.sum(dim=1).mean(),
    )


def test_the_projection_score() -> None:
    torch.manual_seed(0)
    head = Projection(4, 6, spectral_linear).eval()
    phi, a = torch.randn(5, 4), torch.randn(5, 6)
    psi = head.psi.weight.detach().numpy()
    projection = head.V.weight.detach().numpy()
    expected = [
        (psi @ f)[0] + head.psi.bias.item() + (projection @ s) @ f
        for f, s in zip(phi.numpy(), a.numpy(), strict=True)
    ]
    np.testing.assert_allclose(head(phi, a).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_losses_are_float32_under_bfloat16() -> None:
    score = torch.randn(8, dtype=torch.bfloat16)
    assert hinge_true(score).dtype == hinge_false(score).dtype == torch.float32
    assert adversarial(score).dtype == torch.float32
    assert auxiliary(torch.randn(8, 3, dtype=torch.bfloat16), torch.zeros(8).long()).dtype == (
        torch.float32
    )
    a = torch.randn(8, 3)
    assert consistency(a, a.bfloat16()).dtype == torch.float32
