"""Describe pictures: a digest, a perceptual hash, and thumbnails, by which copies are found."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.curation.blocks import Progress, column, described
from a2ibench.curation.duplicates import digest
from a2ibench.data.npy_files import StoredArray
from a2ibench.data.store import PairStore
from a2ibench.types import ImageArray

if TYPE_CHECKING:
    from PIL.Image import Resampling

VERSION = 3
"""Version, raised when the same picture gets other features than before."""
CONSTANT = 8
"""Number of levels from the darkest to the brightest pixel below which a picture has one colour; a
codec turns black into up to 4."""
SIDE, COARSE = 32, 8
"""Sides of the thumbnail and of its rough version, in pixels."""
LOWEST = 8
"""Number of frequencies in each direction whose amplitudes make up the hash."""

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
Features = npt.NDArray[np.void] | StoredArray
"""An array of dtype ``FEATURES``, in memory or on disk."""

_COSINES = np.cos(np.pi / SIDE * np.outer(np.arange(LOWEST), np.arange(SIDE) + 0.5))


def picture_features(store: PairStore, progress: Progress) -> StoredArray:
    """Describe the pictures of a store, or read their features from the cache.

    Returns:
        ``FEATURES`` ``[len(store)]``.
    """
    n = len(store)
    return described(
        "pictures",
        [store.stored_hash, VERSION],
        _describe_rows,
        lambda rows: (store.images, rows),
        n,
        n,
        progress,
    )


def _describe_rows(images: StoredArray, rows: slice) -> npt.NDArray[np.void]:
    return describe(images[rows])


def describe(images: ImageArray) -> npt.NDArray[np.void]:
    """Compute the features of pictures ``[n, S, S, 3]``: ``FEATURES`` ``[n]``."""
    from PIL.Image import Resampling

    found = np.empty(len(images), dtype=FEATURES)
    grey = _converted(images, "L")
    rough = reduced(images, COARSE)
    found["digest"] = [digest(pixels) for pixels in images]
    found["hash"] = _hash(_resized(grey, SIDE, Resampling.LANCZOS).astype(np.float64))
    # One axis after another: NumPy is 30 times as slow over both at once.
    found["range"] = np.max(images.max(axis=1).max(axis=1) - images.min(axis=1).min(axis=1), axis=1)
    found["luma"] = _resized(grey, SIDE, Resampling.BOX)
    found["rough"] = rough[..., 0]
    found["chroma"] = rough[..., 1:]
    return found


def _resized(pictures: ImageArray, side: int, how: "Resampling") -> ImageArray:
    """Resize pictures ``[n, S, S, …]`` to ``[n, side, side, …]``, as Pillow does with each alone.

    Pillow resizes the rows of a picture, then its columns. So one call is enough for the rows of
    all, one above the other, and one for the columns of all, side by side.
    """
    from PIL import Image

    n, height, width, *channels = pictures.shape
    above = Image.fromarray(pictures.reshape(n * height, width, *channels))
    rows = np.asarray(above.resize((side, n * height), how))
    beside = rows.reshape(n, height, side, *channels).swapaxes(0, 1)
    columns = Image.fromarray(beside.reshape(height, n * side, *channels))
    both = np.asarray(columns.resize((n * side, side), how))
    return both.reshape(side, n, side, *channels).swapaxes(0, 1)


def _converted(pictures: ImageArray, mode: str) -> ImageArray:
    """Convert RGB pictures ``[n, S, S, 3]`` to another mode of Pillow."""
    from PIL import Image

    n, height, width, _ = pictures.shape
    found = np.asarray(Image.fromarray(pictures.reshape(n * height, width, 3)).convert(mode))
    return found.reshape(n, height, width, *found.shape[2:])


def _hash(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Hash pictures ``[n, 32, 32]`` by the signs of their low frequencies around the median.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010). The bits
    are those of ``imagehash.phash``.
    """
    low = (_COSINES @ grey @ _COSINES.T).reshape(len(grey), -1)
    bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
    return bits.view(">u8").ravel().astype(np.uint64)


def reduced(pictures: ImageArray, side: int) -> ImageArray:
    """Average RGB pictures ``[n, S, S, 3]`` to YCbCr, uint8 ``[n, side, side, 3]``."""
    from PIL.Image import Resampling

    return _converted(_resized(pictures, side, Resampling.BOX), "YCbCr")


def constant(features: Features) -> npt.NDArray[np.bool_]:
    """Tell which pictures have only one colour: bool ``[n]``."""
    return np.asarray(column(features, "range") < CONSTANT)
