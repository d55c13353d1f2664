"""Drawing: acoustic features + noise → 8-bit images."""

import logging

import numpy as np
import torch

from a2ibench.contracts.model import Model
from a2ibench.types import FloatArray, ImageArray

DRAW_BATCH = 100
LOG = logging.getLogger(__name__)


def draw_noise(n: int, dim: int, seed: int) -> torch.Tensor:
    """Draw standard normal ``[n, dim]``; a row depends on its position and the seed, not on n."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((n, dim), dtype=np.float32))


def draw(model: Model, acoustic: FloatArray, noise: torch.Tensor) -> ImageArray:
    """Draw one image per feature, uint8 ``[n, S, S, 3]``, and leave the model in evaluation mode.

    Acoustic features are float32 ``[n, d]``, standardised, noise is float32 ``[n, noise_dim]``;
    image i depends on row i of both alone.

    Raises:
        ValueError: the model draws something other than finite floats ``[n, 3, S, S]``.
    """
    device = next(model.parameters()).device
    size = model.spec.image_size
    model.eval()
    images = np.empty((len(acoustic), size, size, 3), dtype=np.uint8)
    lowest = 1.0
    # Not in inference mode: what a method may cache here is used again by its next training step.
    with torch.no_grad():
        for start in range(0, len(acoustic), DRAW_BATCH):
            rows = slice(start, start + DRAW_BATCH)
            a = torch.from_numpy(np.ascontiguousarray(acoustic[rows])).to(device)
            image = model.generate(a, noise[rows].to(device))
            if not image.is_floating_point():
                raise ValueError(
                    f"{model.name}.generate: expected floats in [−1, 1], got {image.dtype}"
                )
            shape = (len(a), 3, size, size)
            if image.shape != shape:
                raise ValueError(
                    f"{model.name}.generate: expected images {shape}, got {tuple(image.shape)}"
                )
            if not bool(image.isfinite().all()):
                raise ValueError(f"{model.name}.generate: NaN or infinite pixels")
            lowest = min(lowest, float(image.min()))
            images[rows] = to_pixels(image).cpu().numpy()
    if lowest >= 0:
        LOG.warning(
            "%s.generate: no pixel of %d images is below 0, the middle grey; a model returns images"
            " in [−1, 1], not in [0, 1]",
            model.name,
            len(acoustic),
        )
    return images


def to_pixels(image: torch.Tensor) -> torch.Tensor:
    """Convert floats ``[n, 3, S, S]`` in [−1, 1] to uint8 ``[n, S, S, 3]``, clamped and rounded."""
    # In this order: the bytes are those of a division by 2 before the multiplication by 255.
    levels = ((image.float() + 1) / 2).clamp(0, 1) * 255
    return levels.round().to(torch.uint8).permute(0, 2, 3, 1)


def draw_grid(model: Model, acoustic: FloatArray, count: int, seed: int) -> ImageArray:
    """Draw ``count`` images per feature ``[A, d]``, with the same noises for all features.

    Returns:
        uint8 ``[A, count, S, S, 3]``.
    """
    noise = draw_noise(count, model.noise_dim, seed)
    each = np.repeat(acoustic, count, axis=0)
    images = draw(model, each, noise.repeat(len(acoustic), 1))
    return images.reshape(len(acoustic), count, *images.shape[1:])
