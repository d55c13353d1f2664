"""All pairs of rows of two sets, in float64, a strip of rows at a time.

The products or distances of n and m rows are n × m numbers, 20 GB for 50,000 of each. A metric asks
for a strip of them, ``[few, m]``, reduces it, and goes on::

    for rows in strips(len(x), len(y)):
        nearest[rows] = squared_distances(x[rows], y).min(axis=1)

The features stay in float32 but for the few rows that are being multiplied.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from a2ibench.types import FloatArray, IntArray

CELLS = 2**23
"""Maximum number of cells of a strip: 64 MiB in float64."""
TILE = 1024
"""Number of rows of the second set that are in float64 at a time."""

Array = npt.NDArray[np.float64]


def strips(n: int, m: int, cells: int | None = None) -> Iterator[slice]:
    """Cut n rows so that each part has at most so many pairs with m others, or is one row.

    ``cells`` is that number, by default :data:`CELLS`.
    """
    step = max(1, (cells or CELLS) // max(1, m))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def product(x: FloatArray, y: FloatArray) -> Array:
    """Compute x yᵀ in float64: ``[n, d]`` and ``[m, d]`` → ``[n, m]``."""
    wide = x.astype(np.float64)
    found = np.empty((len(x), len(y)))
    for tile, rows in _tiles(y):
        np.matmul(wide, rows.T, out=found[:, tile])
    return found


def square_lengths(x: FloatArray) -> Array:
    """Compute ‖x‖² of each row in float64: ``[n, d]`` → ``[n]``."""
    found = np.empty(len(x))
    for tile, rows in _tiles(x):
        found[tile] = np.einsum("nd,nd->n", rows, rows)
    return found


def squared_distances(x: FloatArray, y: FloatArray) -> Array:
    """Compute ‖x − y‖² in float64, at least 0: ``[n, d]`` and ``[m, d]`` → ``[n, m]``.

    It is ‖x‖² + ‖y‖² − 2 xᵀy, so that equal rows are at a distance of about 10⁻¹⁵ of their squared
    length, or 0.
    """
    wide = -2 * x.astype(np.float64)
    found = np.empty((len(x), len(y)))
    for tile, rows in _tiles(y):
        np.matmul(wide, rows.T, out=found[:, tile])
        found[:, tile] += np.einsum("nd,nd->n", rows, rows)
    found += square_lengths(x)[:, np.newaxis]
    return np.maximum(found, 0, out=found)


def rough_distances(x: FloatArray, y: FloatArray, y_length: Array) -> tuple[FloatArray, Array]:
    """Compute ‖x − y‖² in float32, in half the time, and how far it may be off.

    A sum of d products is off by at most d·u·‖x‖·‖y‖, u = 2⁻²⁴ (Higham 2002, eq. 3.5).
    ``y_length`` is ‖y‖² of each row, by :func:`square_lengths`: the same for all strips of x.

    Returns:
        float32 ``[n, m]``, and float64 ``[n]``, a bound of the error of each row; inf for a row
        where float32 may overflow.
    """
    x_length = square_lengths(x)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.matmul(-2 * x, y.T)
        found += y_length.astype(np.float32)
        found += x_length.astype(np.float32)[:, np.newaxis]
    most = (np.sqrt(x_length) + np.sqrt(y_length.max(initial=0))) ** 2
    error = (x.shape[1] + 8) * 2.0**-24 * most
    return found, np.where(4 * most < np.finfo(np.float32).max, error, np.inf)


def distances_of_pairs(x: FloatArray, y: FloatArray, i: IntArray, j: IntArray) -> Array:
    """Compute ‖xᵢ − yⱼ‖² in float64 of some pairs of rows: int64 ``[p]`` and ``[p]`` → ``[p]``."""
    found = np.empty(len(i))
    for part in strips(len(i), x.shape[1]):
        apart = x[i[part]].astype(np.float64) - y[j[part]]
        found[part] = np.einsum("pd,pd->p", apart, apart)
    return found


def _tiles(y: FloatArray) -> Iterator[tuple[slice, Array]]:
    for start in range(0, len(y), TILE):
        tile = slice(start, start + TILE)
        yield tile, y[tile].astype(np.float64)


def distinct_rows(x: Iterable[FloatArray]) -> tuple[IntArray, IntArray]:
    """Find the distinct rows of a set of n, and which of them each row equals.

    What is computed of distinct rows alone, and then spread, is the same for equal rows to the last
    bit, wherever they stand: products of one row in two places may differ by rounding.

    Returns:
        int64 ``[u]``, ascending, where each distinct row stands first; and int64 ``[n]``, which of
        these each row equals. Of all rows different, both are 0 … n − 1.
    """
    place: dict[bytes, int] = {}
    first: list[int] = []
    position: list[int] = []
    for i, row in enumerate(x):
        key = blake2b((row + 0.0).tobytes(), digest_size=16).digest()  # −0 is 0
        position.append(place.setdefault(key, len(place)))
        if len(place) > len(first):
            first.append(i)
    return np.array(first, dtype=np.int64), np.array(position, dtype=np.int64)
