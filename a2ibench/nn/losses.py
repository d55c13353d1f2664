"""The loss terms that the adversarial methods share, each named after its equation."""

from typing import Literal

import torch
import torch.nn.functional as F

Distance = Literal["mse", "norm", "cosine"]


def hinge_true(score: torch.Tensor) -> torch.Tensor:
    """Compute E[max(0, 1 − K)] of ``[n]``, a discriminator's loss on pairs to be accepted."""
    return F.relu(1.0 - score.float()).mean()


def hinge_false(score: torch.Tensor) -> torch.Tensor:
    """Compute E[max(0, 1 + K)] of ``[n]``, a discriminator's loss on pairs to be rejected."""
    return F.relu(1.0 + score.float()).mean()


def adversarial(score: torch.Tensor) -> torch.Tensor:
    """Compute −E[K] of the scores ``[n]`` of generated images, a generator's loss."""
    return -score.float().mean()


def auxiliary(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Compute −E[log P(label)] of logits ``[n, classes]`` and labels int64 ``[n]``."""
    return F.cross_entropy(logits.float(), label)


def consistency(
    a: torch.Tensor, predicted: torch.Tensor, distance: Distance = "mse"
) -> torch.Tensor:
    """Compute L_con, the distance of an image's predicted sound from the sound it was drawn for.

    Shapes: ``a`` float ``[n, d]``, standardised; ``predicted`` the same, I2A of the images. The
    distance is E‖a − â‖² / d, E‖a − â‖, or E[1 − cos(a, â)].
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
    """Compute E[KL(N(μ, σ²) ‖ N(μₚ, σₚ²))], summed over the dimensions of diagonal Gaussians.

    Shapes: μ, log σ², μₚ and log σₚ² are float ``[n, k]``.
    """
    ratio = (log_variance - prior_log_variance).exp()
    shift = (mean - prior_mean).square() * (-prior_log_variance).exp()
    return 0.5 * (ratio + shift - 1.0 - log_variance + prior_log_variance).sum(dim=1).mean()
