"""Describe pictures: a digest, a perceptual hash, and thumbnails, by which copies are found."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.curation.blocks import Progress, column, described
from a2ibench.curation.duplicates import digest
from a2ibench.data.npy_files import StoredArray
from a2ibench.data.store import PairStore
from a2ibench.types import ImageArray

if TYPE_CHECKING:
    from PIL import Image

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
    from PIL import Image
    from PIL.Image import Resampling

    found = np.empty(len(images), dtype=FEATURES)
    grey = np.empty((len(images), SIDE, SIDE))
    for i, pixels in enumerate(images):
        picture = Image.fromarray(pixels)
        luma = picture.convert("L")
        grey[i] = np.asarray(luma.resize((SIDE, SIDE), Resampling.LANCZOS))
        rough = reduced(picture, COARSE)
        found[i] = (
            digest(pixels),
            0,
            max(high - low for low, high in _extrema(picture)),
            np.asarray(luma.resize((SIDE, SIDE), Resampling.BOX)),
            rough[..., 0],
            rough[..., 1:],
        )
    found["hash"] = _hash(grey)
    return found


def _extrema(picture: "Image.Image") -> Any:
    """Return the lowest and highest level of each channel."""
    return picture.getextrema()


def _hash(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Hash pictures ``[n, 32, 32]`` by the signs of their low frequencies around the median.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010). The bits
    are those of ``imagehash.phash``.
    """
    low = (_COSINES @ grey @ _COSINES.T).reshape(len(grey), -1)
    bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
    return bits.view(">u8").ravel().astype(np.uint64)


def reduced(picture: "Image.Image", side: int) -> ImageArray:
    """Average a picture to YCbCr, uint8 ``[side, side, 3]``."""
    from PIL.Image import Resampling

    return np.asarray(picture.resize((side, side), Resampling.BOX).convert("YCbCr"))


def constant(features: Features) -> npt.NDArray[np.bool_]:
    """Tell which pictures have only one colour: bool ``[n]``."""
    return np.asarray(column(features, "range") < CONSTANT)
