"""Cosine similarity of sounds and images in acoustic space."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from a2ibench.nn.pairwise import distinct_rows, product, square_lengths, strips
from a2ibench.types import FloatArray

Array = npt.NDArray[np.float64]


def cosine_strips(a: FloatArray, v: FloatArray) -> Iterator[tuple[slice, Array]]:
    """Yield cosines of rows ``[n, d]`` and ``[m, d]`` in strips: rows, and float64 ``[few, m]``.

    They are 0 for a row of zeros. Equal rows of ``v`` get equal cosines, to the last bit.
    """
    first, position = distinct_rows(v)
    repeats = len(first) < len(v)
    distinct = v[first] if repeats else v
    length = _lengths(distinct)
    for rows in strips(len(a), len(v)):
        cosine = product(a[rows], distinct)
        cosine /= length
        cosine /= _lengths(a[rows])[:, np.newaxis]
        yield rows, cosine[:, position] if repeats else cosine


def unit_rows(x: FloatArray) -> Array:
    """Scale rows to length 1, float64 ``[n, d]``; a row of zeros stays as it is."""
    return x.astype(np.float64) / _lengths(x)[:, np.newaxis]


def _lengths(x: FloatArray) -> Array:
    """Return the length of each row; 1 for a row of zeros, so that it can be divided by."""
    length = np.sqrt(square_lengths(x))
    return np.where(length > 0, length, 1.0)
