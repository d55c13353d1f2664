"""The loss terms that the adversarial methods share, each named after its equation."""

from typing import Literal

import torch
import torch.nn.functional as F

Distance = Literal["mse", "norm", "cosine"]


def hinge_true(score: torch.Tensor) -> torch.Tensor:
    """E[max(0, 1 − K)]: what a discriminator loses on pairs that it should believe.

    Args:
        score: float ``[n]``.
    """
    return F.relu(1.0 - score.float()).mean()


def hinge_false(score: torch.Tensor) -> torch.Tensor:
    """E[max(0, 1 + K)]: what a discriminator loses on pairs that it should not believe.

    Args:
        score: float ``[n]``.
    """
    return F.relu(1.0 + score.float()).mean()


def adversarial(score: torch.Tensor) -> torch.Tensor:
    """−E[K]: what a generator loses.

    Args:
        score: float ``[n]``, of generated images.
    """
    return -score.float().mean()


def auxiliary(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """−E[log P(label)].

    Args:
        logits: float ``[n, classes]``.
        label: int64 ``[n]``.
    """
    return F.cross_entropy(logits.float(), label)


def consistency(
    a: torch.Tensor, predicted: torch.Tensor, distance: Distance = "mse"
) -> torch.Tensor:
    """L_con: how far the sound that is read off an image is from the sound that it was drawn for.

    Args:
        a: float ``[n, d]``, standardised.
        predicted: float ``[n, d]``, I2A of the images.
        distance: E‖a − â‖² / d, E‖a − â‖, or E[1 − cos(a, â)].
    """
    predicted = predicted.float()
    if distance == "mse":
        return F.mse_loss(predicted, a)
    if distance == "norm":
        return (predicted - a).norm(dim=1).mean()
    return (1.0 - F.cosine_similarity(predicted, a, dim=1)).mean()


def gaussian_kl(
    mean: torch.Tensor,
    log_variance: torch.Tensor,
    prior_mean: torch.Tensor,
    prior_log_variance: torch.Tensor,
) -> torch.Tensor:
    """E[KL(N(μ, σ²) ‖ N(μₚ, σₚ²))], summed over the dimensions of diagonal Gaussians.

    Args:
        mean: μ, float ``[n, k]``.
        log_variance: log σ², ``[n, k]``.
        prior_mean: μₚ, ``[n, k]``.
        prior_log_variance: log σₚ², ``[n, k]``.
    """
    ratio = (log_variance - prior_log_variance).exp()
    shift = (mean - prior_mean).square() * (-prior_log_variance).exp()
    return 0.5 * (ratio + shift - 1.0 - log_variance + prior_log_variance).sum(dim=1).mean()
