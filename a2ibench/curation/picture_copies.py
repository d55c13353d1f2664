"""Find pictures that show one frame, although re-encoded, rescaled or brightened.

There are three steps, each more expensive and on fewer pairs than the one before: a perceptual hash
of 64 bits for all pairs; thumbnails for those with near hashes; the pictures themselves, filtered
onto each other, for those with near thumbnails. Two frames of one static scene pass the first two
steps; the third finds the sprite that moved.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.curation.duplicates import (
    Copies,
    Matches,
    Progress,
    cached,
    digest,
    find_copies,
    rank_in_group,
)
from a2ibench.data.npy_files import write_header
from a2ibench.data.store import PairStore
from a2ibench.types import ImageArray, IntArray

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Version, raised when the same picture gets other features than before."""
HASH_BITS = 10
"""Hashes that differ in more of the 64 bits belong to different pictures. JPEG at quality 50, WebP
at 60, half the size and 8 % more light change at most 10 bits of 97 % of photographs."""
NEAREST = 16
"""Number of candidates per picture whose thumbnails are compared: in a static scene, all hashes
agree."""
CONSTANT = 8
"""Number of levels from the darkest to the brightest pixel below which a picture has one colour; a
codec turns black into up to 4."""
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
SIDE, COARSE, FINE = 32, 8, 64
"""Sides of the thumbnail, of its rough version and of the filtered picture, in pixels."""
BLOCK = 512
"""Number of pictures of one side that are compared at once …"""
WIDE = 16_384
"""… with this many of the other: 8 MB of distances."""

FEATURES = np.dtype(
    [
        ("digest", "<u8"),
        ("hash", "<u8"),
        ("range", "u1"),
        ("luma", "u1", (SIDE, SIDE)),
        ("rough", "u1", (COARSE, COARSE)),
        ("chroma", "u1", (COARSE, COARSE, 2)),
    ]
)
Features = npt.NDArray[np.void]
"""An array of dtype ``FEATURES``."""
Luma = npt.NDArray[np.float32]


def picture_features(store: PairStore, progress: Progress) -> Features:
    """Describe the pictures of a store, or read their features from the cache.

    Returns:
        ``FEATURES`` ``[len(store)]``, a read-only memory map.
    """

    def make(path: Path) -> None:
        with path.open("wb") as stream:
            write_header(stream, (len(store),), FEATURES)
            for start in range(0, len(store), BLOCK):
                stream.write(describe(store.images[start : start + BLOCK]).tobytes())
                progress(min(start + BLOCK, len(store)), len(store))

    return cached("pictures", [store.stored_hash, VERSION], make)


def describe(images: ImageArray) -> Features:
    """Compute the features of pictures ``[n, S, S, 3]``: ``FEATURES`` ``[n]``."""
    import imagehash
    from PIL import Image

    found = np.empty(len(images), dtype=FEATURES)
    for i, pixels in enumerate(np.asarray(images)):
        picture = Image.fromarray(pixels)
        bits = imagehash.phash(picture).hash.ravel()
        rough = _reduce(picture, COARSE)
        found[i] = (
            digest(pixels),
            int.from_bytes(np.packbits(bits).tobytes(), "big"),
            np.ptp(pixels.reshape(-1, 3), axis=0).max(),
            _reduce(picture, SIDE)[..., 0],
            rough[..., 0],
            rough[..., 1:],
        )
    return found


def _reduce(picture: "Image.Image", side: int) -> ImageArray:
    """Average a picture to YCbCr, uint8 ``[side, side, 3]``."""
    from PIL.Image import Resampling

    return np.asarray(picture.resize((side, side), Resampling.BOX).convert("YCbCr"))


def constant(features: Features) -> npt.NDArray[np.bool_]:
    """Tell which pictures have only one colour: bool ``[n]``."""
    return np.asarray(features["range"] < CONSTANT)


def picture_copies(
    images: ImageArray,
    features: Features,
    source: IntArray,
    sides: tuple[IntArray, IntArray],
    progress: Progress,
) -> Copies:
    """Find the pictures of one side that have a copy on the other.

    Args:
        images: uint8 ``[N, S, S, 3]``, of the whole store.
        features: of the whole store, ``[N]``.
        source: int64 ``[N]``, a number for each source.
        sides: see :func:`~a2ibench.curation.duplicates.find_copies`.
        progress: called with the number of pictures done.
    """
    rough = features["rough"].reshape(-1, COARSE * COARSE).astype(np.int16)
    # Without the mean, so that a brighter copy is as near as any other.
    centred = np.clip(rough - rough.mean(axis=1, keepdims=True), -127, 127).astype(np.int8)
    hashes = np.array(features["hash"])

    def search(wanted: IntArray) -> Iterator[Matches]:
        for start in range(0, len(wanted), BLOCK):
            rows = wanted[start : start + BLOCK]
            first, second = _candidates(hashes, centred, source, rows, sides)
            for i in range(0, len(first), BLOCK):
                p, q = first[i : i + BLOCK], second[i : i + BLOCK]
                alike = _thumbnails_agree(features[p], features[q])
                p, q = p[alike], q[alike]
                residual = np.array(
                    [_residual(images[x], images[y]) for x, y in zip(p, q, strict=True)]
                )
                same = np.isfinite(residual)
                yield p[same], q[same], residual[same]
            progress(min(start + BLOCK, len(wanted)), len(wanted))

    return find_copies(features["digest"], source, sides, search)


def is_still(images: ImageArray, features: Features, rows: IntArray) -> bool:
    """Tell whether the pictures of one source, up to eight spread over it, show the same frame."""
    some = rows[np.unique(np.linspace(0, len(rows) - 1, 8).round().astype(int))]
    return all(
        features["digest"][row] == features["digest"][some[0]]
        or bool(
            np.bitwise_count(features["hash"][row] ^ features["hash"][some[0]]) <= HASH_BITS
            and _thumbnails_agree(features[[some[0]]], features[[row]])[0]
            and np.isfinite(_residual(images[some[0]], images[row]))
        )
        for row in some[1:]
    )


def _candidates(
    hashes: npt.NDArray[np.uint64],
    rough: npt.NDArray[np.int8],
    source: IntArray,
    rows: IntArray,
    sides: tuple[IntArray, IntArray],
) -> tuple[IntArray, IntArray]:
    """Pair rows with near hashes; keep the ``NEAREST`` with the nearest rough pictures per row.

    They are ranked by the largest difference, which is small for a codec and large for a sprite.
    """
    inside, others = sides[0] is sides[1], sides[1]
    p, q, far = rows[:0], rows[:0], np.zeros(0, dtype=np.int16)
    for start in range(0, len(others), WIDE):
        block = others[start : start + WIDE]
        if inside and block[0] > rows[-1]:
            break
        i, j = np.nonzero(np.bitwise_count(hashes[rows][:, None] ^ hashes[block]) <= HASH_BITS)
        x, y = rows[i], block[j]
        fits = (source[x] != source[y]) & ((y < x) if inside else True)
        x, y = x[fits], y[fits]
        steps = [slice(k, k + WIDE) for k in range(0, len(x), WIDE)]
        near = [np.abs(np.subtract(rough[x[k]], rough[y[k]], dtype=np.int16)) for k in steps]
        p, q = np.r_[p, x], np.r_[q, y]
        far = np.concatenate([far, *(part.max(axis=1) for part in near)])
        order = np.lexsort((q, far, p))
        order = order[rank_in_group(p[order]) < NEAREST]
        p, q, far = p[order], q[order], far[order]
    return p, q


def _thumbnails_agree(a: Features, b: Features) -> npt.NDArray[np.bool_]:
    """Tell which pairs of thumbnails can show one picture: bool ``[n]``."""
    from scipy.ndimage import maximum_filter, minimum_filter

    x = a["luma"].astype(np.float32)
    y = b["luma"].astype(np.float32)
    light = np.abs(x.mean(axis=(1, 2)) - y.mean(axis=(1, 2)))
    y = _same_contrast(x, y)
    size = (1, 3, 3)
    outside = np.zeros(len(x), dtype=np.float32)
    for one, other in ((x, y), (y, x)):
        low, high = minimum_filter(one, size), maximum_filter(one, size)
        outside = np.maximum(outside, np.maximum(low - other, other - high).max(axis=(1, 2)))
    mean = np.abs(x - y).mean(axis=(1, 2))
    tint = np.abs(a["chroma"].astype(np.int16) - b["chroma"]).max(axis=(1, 2, 3))
    return np.asarray(
        (outside <= np.minimum(STEP, 3 + STEP_SHARE * mean)) & (tint <= TINT) & (light <= LIGHT)
    )


def _same_contrast(x: Luma, y: Luma) -> Luma:
    """Give y the mean of x, and also its contrast if the two differ by a quarter at most."""
    mean, own = x.mean(axis=(1, 2), keepdims=True), y.mean(axis=(1, 2), keepdims=True)
    common = ((x - mean) * (y - own)).sum(axis=(1, 2), keepdims=True)
    spread = ((y - own) ** 2).sum(axis=(1, 2), keepdims=True)
    return np.asarray(mean + np.clip(common / np.maximum(spread, 1e-6), 0.8, 1.25) * (y - own))


def _residual(a: ImageArray, b: ImageArray) -> float:
    """Return the largest difference after one picture is filtered onto the other; ∞ for no copy.

    A filter of 3 × 3 and an offset, the same all over the picture and fitted by least squares, is
    what blur, sharpening, contrast, light and a shift by part of a pixel do to a picture. It
    cannot move one sprite in front of a static scene. The better direction counts: a sharp
    picture becomes its blurred copy, not the other way round.
    """
    from PIL import Image

    x, y = (
        _reduce(Image.fromarray(np.asarray(i)), FINE)[..., 0].astype(np.float64) for i in (a, b)
    )
    best = np.inf
    for one, other in ((x, y), (y, x)):
        error = np.abs(other.ravel() - _filtered(one, other))
        largest = float(error.max())
        mean = float(error.mean())
        most = max(RESIDUAL, RESIDUAL_SPREAD * mean)
        if largest <= min(most, FLOOR + RESIDUAL_SHARE * mean):
            best = min(best, largest)
    return best


def _filtered(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Apply to x the filter that brings it nearest to y: ``[FINE²]``.

    A small weight pulls the filter towards leaving x as it is; a flat picture determines no other.
    """
    padded = np.pad(x, 1, mode="edge")
    taps = [padded[i : i + FINE, j : j + FINE].ravel() for i in range(3) for j in range(3)]
    design = np.stack([*taps, np.ones(FINE * FINE)], axis=1)
    weight = 0.01 * len(design)
    left = design.T @ design + weight * np.eye(10)
    right = design.T @ y.ravel() + weight * np.eye(10)[4]
    return np.asarray(design @ np.linalg.solve(left, right))
