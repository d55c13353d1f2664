"""Plain measures of pictures, to see what a change of the sound does to them."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from a2ibench.types import FloatArray, ImageArray

Array = npt.NDArray[np.float64]

CHANGED = 8
"""Levels of 255 by which a pixel must differ in some channel to count as changed."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601."""
BATCH = 32
FROM_BASE = ("distance", "changed")
"""Names of the measures that compare with a base picture."""


def measure(images: ImageArray, base: ImageArray) -> Mapping[str, Array]:
    """Measure every picture.

    Args:
        images: uint8 ``[n, S, S, 3]``.
        base: uint8 ``[n, S, S, 3]``, the pictures that they are compared with.

    Returns:
        By name, float64 ``[n]``:

        - ``distance``: Euclidean, between the EfficientNet-lite0 features of picture and base;
        - ``changed``: the share of pixels that differ from the base by more than ``CHANGED`` of 255
          levels in some channel;
        - ``brightness``: mean luma, in [0, 1];
        - ``contrast``: standard deviation of the luma;
        - ``sharpness``: variance of the Laplacian of the luma (Pech-Pacheco et al. 2000);
        - ``colourfulness``: σ_rgyb + 0.3 μ_rgyb (Hasler and Süsstrunk 2003), on 0 … 255.
    """
    from scipy import ndimage

    luma = images @ LUMA / 255
    laplacian = np.stack([ndimage.laplace(one, mode="nearest") for one in luma])
    features = _features(np.concatenate([images, base])).astype(np.float64)
    differs = np.abs(images.astype(np.int16) - base).max(axis=-1) > CHANGED
    return {
        "distance": np.linalg.norm(features[: len(images)] - features[len(images) :], axis=1),
        "changed": differs.mean(axis=(1, 2)),
        "brightness": luma.mean(axis=(1, 2)),
        "contrast": luma.std(axis=(1, 2)),
        "sharpness": laplacian.var(axis=(1, 2)),
        "colourfulness": _colourfulness(images),
    }


def _colourfulness(images: ImageArray) -> Array:
    red, green, blue = np.moveaxis(images.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = np.hypot(rg.std(axis=(1, 2)), yb.std(axis=(1, 2)))
    mean = np.hypot(rg.mean(axis=(1, 2)), yb.mean(axis=(1, 2)))
    return np.asarray(spread + 0.3 * mean)


def _features(images: ImageArray) -> FloatArray:
    """Embed equal pictures once: their distance is 0, not a rounding error."""
    from a2ibench.nn.lite0 import Lite0

    distinct, position = np.unique(images, axis=0, return_inverse=True)
    network = Lite0()
    parts = [
        network.look(distinct[start : start + BATCH])[0].cpu().numpy()
        for start in range(0, len(distinct), BATCH)
    ]
    return np.concatenate(parts)[position.reshape(-1)]
