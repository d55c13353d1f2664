"""Straight paths from noise to images (rectified flow, Liu et al. 2023): to train on and to follow.

x_t = (1 − t) x₀ + t x₁ with noise x₀ ~ N(0, I) and an image x₁. The velocity along a path is
x₁ − x₀ = (x₁ − x_t) / (1 − t), so that a network may give the image instead.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

MIN_REMAINING = 0.05
"""Lower bound of 1 − t in the loss of an image, whose weight 1 / (1 − t)² has no bound."""


class PathPoint(NamedTuple):
    """Where a path is at a time."""

    x: torch.Tensor
    """x_t ``[n, 3, S, S]``."""
    t: torch.Tensor
    """``[n]`` in (0, 1)."""
    noise: torch.Tensor
    """x₀ ``[n, 3, S, S]``, where the path began."""


def sample_path(image: torch.Tensor) -> PathPoint:
    """Draw a noise and a time for each image of ``[n, 3, S, S]``.

    t is the logistic of a standard normal number, so that the middle of the path, where there is
    most to decide, is seen most (Esser et al. 2024).
    """
    n, channels, height, width = image.shape
    # Drawn in the order of memory, which is three times as fast as across it.
    noise = torch.randn(n, height, width, channels, device=image.device).permute(0, 3, 1, 2)
    t = torch.randn(n, device=image.device).sigmoid()
    return PathPoint(torch.lerp(noise, image, _over_pixels(t)), t, noise)


def velocity_to(image: torch.Tensor, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Compute the velocity that carries x at t < 1, ``[n]``, to the image at 1."""
    return (image - x) / (1 - _over_pixels(t))


def velocity_error(given: torch.Tensor, image: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Compute by how much the velocity to a given image differs from that to the true one.

    Near t = 1 it is lowered: 1 − t counts as at least ``MIN_REMAINING``.
    """
    return (given - image) / (1 - _over_pixels(t)).clamp(min=MIN_REMAINING)


def follow(
    velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], noise: torch.Tensor, steps: int
) -> torch.Tensor:
    """Carry noise ``[n, 3, S, S]`` to images in [−1, 1] by Heun's method, in steps of equal length.

    Args:
        velocity: (x_t, t ``[n]`` < 1) → v. The last step is Euler's, since the velocity to an image
            is not defined at t = 1.
    """
    x = noise
    for step in range(steps):
        here = velocity(x, x.new_full((x.shape[0],), step / steps))
        if step < steps - 1:
            ahead = velocity(x + here / steps, x.new_full((x.shape[0],), (step + 1) / steps))
            here = (here + ahead) / 2
        x = x + here / steps
    return x.clamp(-1, 1)


def _over_pixels(t: torch.Tensor) -> torch.Tensor:
    return t[:, None, None, None]
