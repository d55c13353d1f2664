"""Find pictures that show one frame, although re-encoded, rescaled or brightened.

There are three steps, each more expensive and on fewer pairs than the one before: a perceptual hash
of 64 bits for all pairs; thumbnails for those with near hashes; the pictures themselves, filtered
onto each other, for those with near thumbnails. Two frames of one static scene pass the first two
steps; the third finds the sprite that moved.
"""

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from a2ibench.curation.blocks import Progress, column, in_blocks, in_threads
from a2ibench.curation.duplicates import Copies, Matches, find_copies, rank_in_group
from a2ibench.curation.near_hashes import HASH_BITS, NearHashes
from a2ibench.curation.picture_features import COARSE, Features
from a2ibench.curation.same_picture import compare
from a2ibench.types import Images, IntArray

NEAREST = 16
"""Number of candidates per picture whose thumbnails are compared: in a static scene, all hashes
agree."""
CROWD = 8_192
"""Number of candidates from which the nearest are searched for by a tree: the number of
comparisons grows no faster than that of pictures."""
COMPONENTS = 8
"""Number of principal components of the rough pictures in that tree …"""
NEIGHBOURS = (64, 256, 1_024)
"""… and numbers of neighbours that are asked of it, until ``NEAREST`` are of other sources."""
BLOCK = 512
"""Number of pictures, or of pairs of pictures, that are compared at once …"""
WIDE = 16_384
"""… and number of pairs of rough pictures."""


def picture_copies(
    images: Images,
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
        progress: called with the number of steps done: two for each picture.
    """

    def search(wanted: IntArray) -> Iterator[Matches]:
        candidates = _Candidates(features, source, sides)
        found = [(wanted[:0], wanted[:0])]
        for some in in_threads(candidates.of, wanted, BLOCK):
            found.append(some)
            progress((len(found) - 2) * BLOCK, 2 * len(wanted))
        p, q = map(np.concatenate, zip(*found, strict=True))
        parts = [slice(i, i + BLOCK) for i in range(0, len(p), BLOCK)]
        calls = [(images, features, p[part], q[part]) for part in parts]
        for part, residual in zip(parts, in_blocks(compare, calls), strict=True):
            same = np.isfinite(residual)
            yield p[part][same], q[part][same], residual[same]
            progress(len(wanted) * (len(p) + part.start) // len(p), 2 * len(wanted))
        progress(2 * len(wanted), 2 * len(wanted))

    return find_copies(column(features, "digest"), source, sides, search)


class _Candidates:
    """Search for pictures that may be copies: near hashes, then the nearest rough pictures.

    Rough pictures are ranked by the largest difference, which is small for a codec and large for a
    sprite. Where very many hashes are near, as in a static scene, only the nearest neighbours among
    the principal components of all rough pictures are ranked.

    Args:
        features: of the whole store.
        source: int64 ``[N]``, a number for each source.
        sides: positions to look for and to look among, in order.
    """

    def __init__(
        self, features: Features, source: IntArray, sides: tuple[IntArray, IntArray]
    ) -> None:
        self._inside, self._others = sides[0] is sides[1], sides[1]
        self._source = source
        self._hashes = column(features, "hash")
        rough = column(features, "rough").reshape(-1, COARSE * COARSE).astype(np.float32)
        # Without the mean, so that a brighter copy is as near as any other.
        rough -= rough.mean(axis=1, keepdims=True)
        self._rough = np.clip(rough, -127, 127).astype(np.int8)
        self._near = NearHashes(self._hashes[self._others])

    @functools.cached_property
    def _tree(self) -> "_Tree":
        return _Tree(self._rough[self._others])

    def of(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return rows and their candidates, at most ``NEAREST`` each: int64 ``[m]``."""
        crowded = self._near.count(self._hashes[rows]) > CROWD
        few = rows[~crowded]
        found = [(few[:0], few[:0])]
        for start in range(0, len(few), BLOCK // 8):
            some = few[start : start + BLOCK // 8]
            i, j = self._near.find(self._hashes[some])
            found.append(self._rank(some[i], self._others[j]))
        if crowded.any():
            found.append(self._in_crowd(rows[crowded]))
        p, q = map(np.concatenate, zip(*found, strict=True))
        return p, q

    def _in_crowd(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return the candidates of rows, in order, with very many near hashes."""
        found = []
        for number in NEIGHBOURS:
            j = self._tree.nearest(self._rough[rows], number)
            p, q = np.repeat(rows, j.shape[1]), self._others[j.ravel()]
            near = np.bitwise_count(self._hashes[p] ^ self._hashes[q]) <= HASH_BITS
            p, q = self._rank(p[near], q[near])
            row = np.searchsorted(rows, p)
            enough = np.bincount(row, minlength=len(rows)) == NEAREST
            if number == NEIGHBOURS[-1]:
                enough[:] = True
            found.append((p[enough[row]], q[enough[row]]))
            if not len(rows := rows[~enough]):
                break
        p, q = map(np.concatenate, zip(*found, strict=True))
        return p, q

    def _rank(self, p: IntArray, q: IntArray) -> tuple[IntArray, IntArray]:
        """Keep the ``NEAREST`` pictures of other sources for each; inside a side, earlier ones."""
        fits = self._source[p] != self._source[q]
        if self._inside:
            fits &= q < p
        p, q = p[fits], q[fits]
        far = np.empty(len(p), dtype=np.int16)
        for start in range(0, len(p), WIDE):
            part = slice(start, start + WIDE)
            x, y = self._rough[p[part]], self._rough[q[part]]
            far[part] = np.abs(np.subtract(x, y, dtype=np.int16)).max(axis=1)
        order = np.lexsort((q, far, p))
        order = order[rank_in_group(p[order]) < NEAREST]
        return p[order], q[order]


class _Tree:
    """Neighbours among rough pictures int8 ``[n, d]``, whatever their contrast."""

    def __init__(self, rough: npt.NDArray[np.int8]) -> None:
        from scipy.spatial import cKDTree

        unit = _of_one_length(rough)
        self._mean = unit.mean(axis=0)
        unit -= self._mean
        self._axes = np.linalg.eigh(unit.T @ unit)[1][:, -COMPONENTS:]
        self._tree = cKDTree(unit @ self._axes)

    def nearest(self, rough: npt.NDArray[np.int8], number: int) -> IntArray:
        """Return the nearest neighbours of each of ``[m, d]``: int64 ``[m, number]`` or fewer."""
        place = (_of_one_length(rough) - self._mean) @ self._axes
        _, found = self._tree.query(place, min(number, self._tree.n), workers=-1)
        return np.asarray(found, dtype=np.int64).reshape(len(rough), -1)


def _of_one_length(rough: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    values = rough.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1))
