"""Tell whether two pictures show one frame: by thumbnails, then by the pictures themselves."""

import numpy as np
import numpy.typing as npt

from a2ibench.curation.near_hashes import HASH_BITS
from a2ibench.curation.picture_features import Features, reduced
from a2ibench.types import Images, IntArray

STEP = 30.0
"""Largest luma (0 to 255) by which a pixel of a thumbnail may lie outside the neighbourhood of the
same pixel in the other one."""
STEP_SHARE = 8.0
"""The same as a multiple of the mean difference: a codec errs everywhere, a sprite in one place."""
TINT = 10.0
"""Largest chroma by which an eighth of the picture may differ; codecs change at most 10."""
LIGHT = 25.0
"""Largest luma by which the means may differ: a brighter copy, not another time of day."""
RESIDUAL = 24.0
"""Luma by which any pixel may differ after one picture is filtered onto the other. Copies of
photographs: 95 % below 24.7 in every kind tried; frames with a sprite that moved: 30 and more …"""
RESIDUAL_SPREAD = 13.0
"""… or more than that, up to this multiple of the mean difference: hard edges under a codec, 8 to
12 times; a sprite that moved, 18 and more."""
RESIDUAL_SHARE = 16.0
"""Upper bound in any case, as a multiple of the mean difference above ``FLOOR``."""
FLOOR = 8.0
"""Luma lost by rounding, and by clipping in a brightened copy."""
FINE = 64
"""Side of the filtered picture, in pixels."""

Luma = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def compare(images: Images, features: Features, p: IntArray, q: IntArray) -> Floats:
    """Return how far pictures are from being copies of others; ∞ for those that are none.

    Args:
        images: uint8 ``[N, S, S, 3]``.
        features: of all of them, ``[N]``.
        p: int64 ``[n]``, positions.
        q: int64 ``[n]``, what each may be a copy of.
    """
    found = np.full(len(p), np.inf)
    alike = np.flatnonzero(_thumbnails_agree(features[p], features[q]))
    found[alike] = _residuals(images, p[alike], q[alike])
    return found


def is_still(images: Images, features: Features, rows: IntArray) -> bool:
    """Tell whether the pictures of one source, up to eight spread over it, show the same frame."""
    some = rows[np.unique(np.linspace(0, len(rows) - 1, 8).round().astype(int))]
    about = features[some]
    return all(
        about["digest"][i] == about["digest"][0]
        or bool(
            np.bitwise_count(about["hash"][i] ^ about["hash"][0]) <= HASH_BITS
            and np.isfinite(compare(images, features, some[[0]], some[[i]])[0])
        )
        for i in range(1, len(some))
    )


def _thumbnails_agree(a: npt.NDArray[np.void], b: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Tell which pairs of thumbnails can show one picture: bool ``[n]``."""
    x = a["luma"].astype(np.float32)
    y = b["luma"].astype(np.float32)
    light = np.abs(x.mean(axis=(1, 2)) - y.mean(axis=(1, 2)))
    y = _same_contrast(x, y)
    outside = np.zeros(len(x), dtype=np.float32)
    for one, other in ((x, y), (y, x)):
        low, high = _neighbourhood(one, np.minimum), _neighbourhood(one, np.maximum)
        outside = np.maximum(outside, np.maximum(low - other, other - high).max(axis=(1, 2)))
    mean = np.abs(x - y).mean(axis=(1, 2))
    tint = np.abs(a["chroma"].astype(np.int16) - b["chroma"]).max(axis=(1, 2, 3))
    return np.asarray(
        (outside <= np.minimum(STEP, 3 + STEP_SHARE * mean)) & (tint <= TINT) & (light <= LIGHT)
    )


def _neighbourhood(x: Luma, extreme: np.ufunc) -> Luma:
    """Return the smallest or largest value of 3 × 3 pixels around each."""
    for axis in (1, 2):
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = slice(1, None), slice(None, -1)
        found = x.copy()
        extreme(found[*first], x[*last], out=found[*first])
        extreme(found[*last], x[*first], out=found[*last])
        x = found
    return x


def _same_contrast(x: Luma, y: Luma) -> Luma:
    """Give y the mean of x, and also its contrast if the two differ by a quarter at most."""
    mean, own = x.mean(axis=(1, 2), keepdims=True), y.mean(axis=(1, 2), keepdims=True)
    common = ((x - mean) * (y - own)).sum(axis=(1, 2), keepdims=True)
    spread = ((y - own) ** 2).sum(axis=(1, 2), keepdims=True)
    return np.asarray(mean + np.clip(common / np.maximum(spread, 1e-6), 0.8, 1.25) * (y - own))


def _residuals(images: Images, p: IntArray, q: IntArray) -> Floats:
    """Return the largest difference after one picture is filtered onto the other; ∞ for no copy.

    A filter of 3 × 3 and an offset, the same all over the picture and fitted by least squares, is
    what blur, sharpening, contrast, light and a shift by part of a pixel do to a picture. It
    cannot move one sprite in front of a static scene. The better direction counts: a sharp
    picture becomes its blurred copy, not the other way round.
    """
    if len(p) == 0:
        return np.empty(0)
    rows, position = np.unique(np.concatenate([p, q]), return_inverse=True)
    fine = reduced(images[rows], FINE)[..., 0].astype(np.float64)
    best = np.full(len(p), np.inf)
    last, design = -1, np.empty(0)
    for i, (x, y) in enumerate(position.reshape(2, -1).T):
        if x != last:  # its candidates come one after another
            last, design = x, _design(fine[x])
        for one, other in ((design, fine[y]), (_design(fine[y]), fine[x])):
            error = np.abs(other.ravel() - _filtered(one, other.ravel()))
            largest, mean = float(error.max()), float(error.mean())
            most = max(RESIDUAL, RESIDUAL_SPREAD * mean)
            if largest <= min(most, FLOOR + RESIDUAL_SHARE * mean):
                best[i] = min(best[i], largest)
    return best


def _design(x: Floats) -> Floats:
    """Return the terms of all filters of a picture: its nine shifts and 1, ``[10, FINE²]``."""
    padded = np.pad(x, 1, mode="edge")
    design = np.ones((10, FINE, FINE))
    for tap in range(9):
        i, j = divmod(tap, 3)
        design[tap] = padded[i : i + FINE, j : j + FINE]
    return design.reshape(10, -1)


def _filtered(design: Floats, y: Floats) -> Floats:
    """Apply to a picture the filter that brings it nearest to y, both ``[FINE²]``.

    A small weight pulls the filter towards leaving the picture as it is; a flat picture determines
    no other.
    """
    weight = 0.01 * design.shape[1]
    left = design @ design.T + weight * np.eye(10)
    right = design @ y + weight * np.eye(10)[4]
    return np.asarray(np.linalg.solve(left, right) @ design)
