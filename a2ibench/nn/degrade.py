"""Blur and noise like those of generated images, which trained judges must look past."""

import numpy as np
from scipy.ndimage import gaussian_filter

from a2ibench.types import ImageArray


def degrade(images: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Add random blur and noise to images uint8 ``[n, S, S, 3]``.

    Each is, with probability ¾ each, blurred by a Gaussian of up to 1/32 of its side and given
    white noise with a standard deviation of up to 40 grey levels.
    """
    degraded = np.empty_like(images)
    for i, image in enumerate(images):
        pixels = image.astype(np.float64)
        if rng.random() < 0.75:
            sigma = rng.uniform(0, image.shape[0] / 32)
            pixels = gaussian_filter(pixels, (sigma, sigma, 0))
        if rng.random() < 0.75:
            pixels += rng.normal(0, rng.uniform(0, 40), pixels.shape)
        degraded[i] = np.clip(np.rint(pixels), 0, 255)
    return degraded
