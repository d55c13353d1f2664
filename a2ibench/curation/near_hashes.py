"""Find near hashes among many without comparing each with each.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index
Hashing", CVPR 2012): of two hashes of 64 bits that differ in at most ``HASH_BITS``, one of the four
bands of 16 bits differs in at most a quarter of that number.
"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray

HASH_BITS = 10
"""Hashes that differ in more of the 64 bits belong to different pictures. JPEG at quality 50, WebP
at 60, half the size and 8 % more light change at most 10 bits of 97 % of photographs."""
BANDS, WIDTH = 4, 16
RADIUS = HASH_BITS // BANDS

Hashes = npt.NDArray[np.uint64]

_CHANGES = np.array(
    [
        sum(1 << bit for bit in bits)
        for number in range(RADIUS + 1)
        for bits in combinations(range(WIDTH), number)
    ]
)
"""Every change of up to ``RADIUS`` bits of a band."""


class NearHashes:
    """An index of hashes.

    Args:
        hashes: uint64 ``[n]``.
    """

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        bands = _bands(hashes)
        self._order = [np.argsort(band, kind="stable") for band in bands]
        sizes = [np.bincount(band, minlength=1 << WIDTH) for band in bands]
        self._start = [np.concatenate([[0], np.cumsum(size)]) for size in sizes]
        values = np.arange(1 << WIDTH)
        self._within = [sum(size[values ^ change] for change in _CHANGES) for size in sizes]

    def count(self, wanted: Hashes) -> IntArray:
        """Return the number of hashes that :meth:`find` looks at for each: int64 ``[m]``."""
        counts = zip(self._within, _bands(wanted), strict=True)
        return np.sum([within[band] for within, band in counts], axis=0, dtype=np.int64)

    def find(self, wanted: Hashes) -> tuple[IntArray, IntArray]:
        """Return all pairs of near hashes: positions in ``wanted`` and in the index."""
        found = []
        mine = _bands(wanted)
        for band, (start, order) in enumerate(zip(self._start, self._order, strict=True)):
            values = (mine[band][:, None] ^ _CHANGES).ravel()
            first = start[values]
            size = start[values + 1] - first
            i = np.repeat(np.arange(len(wanted)), size.reshape(len(wanted), -1).sum(axis=1))
            j = order[np.repeat(first - np.cumsum(size) + size, size) + np.arange(size.sum())]
            differ = wanted[i] ^ self._hashes[j]
            near = np.flatnonzero(np.bitwise_count(differ) <= HASH_BITS)
            i, j, differ = i[near], j[near], differ[near]
            fresh = np.ones(len(i), dtype=np.bool_)  # not found by an earlier band
            for earlier in _bands(differ)[:band]:
                fresh &= np.bitwise_count(earlier) > RADIUS
            found.append((i[fresh], j[fresh]))
        i, j = map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((j, i))
        return i[order], j[order]


def _bands(hashes: Hashes) -> list[IntArray]:
    mask = np.uint64((1 << WIDTH) - 1)
    return [((hashes >> np.uint64(WIDTH * band)) & mask).astype(np.int64) for band in range(BANDS)]
