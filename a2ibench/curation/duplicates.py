"""Find copies between sources, with the search that pictures and sounds share."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray

Matches = tuple[IntArray, IntArray, npt.NDArray[np.floating[Any]]]
"""Items, their possible copies, and the distance between them: ``[n]`` each."""


@dataclass(frozen=True)
class Copies:
    """Items of one side with their nearest copy on the other.

    Attributes:
        a: int64 ``[n]``, positions, each at most once.
        b: int64 ``[n]``, the copy of each, from another source.
        equal: bool ``[n]``, whether the two are equal to the last bit.
    """

    a: IntArray
    b: IntArray
    equal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.a)


def find_copies(
    digest: npt.NDArray[np.uint64],
    source: IntArray,
    sides: tuple[IntArray, IntArray],
    search: Callable[[IntArray], Iterable[Matches]],
) -> Copies:
    """Find the equal copies of the items of one side, then the nearest other copy of the rest.

    Args:
        digest: see :func:`equal_copies`.
        source: see :func:`equal_copies`.
        sides: positions to look for and positions to look among; the same array twice for copies
            inside one side.
        search: yields matches of the given items.
    """
    equal = equal_copies(digest, source, *sides)
    found = [*search(np.setdiff1d(sides[0], equal.a))]
    a, b = equal.a[:0], equal.b[:0]
    if found:
        item, copy, distance = map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((copy, distance, item))
        nearest = order[rank_in_group(item[order]) == 0]
        a, b = item[nearest], copy[nearest]
    return Copies(
        np.concatenate([equal.a, a]),
        np.concatenate([equal.b, b]),
        np.arange(len(equal) + len(a)) < len(equal),
    )


def equal_copies(
    digest: npt.NDArray[np.uint64], source: IntArray, a: IntArray, b: IntArray
) -> Copies:
    """Find the items of ``a`` whose content equals, bit by bit, that of an item of ``b``.

    Args:
        digest: uint64 ``[N]``, digests of the content of all items (:func:`digest`).
        source: int64 ``[N]``, a number for each source; two items of one source are never copies.
        a: positions to look for.
        b: positions to look among, in order. If it is ``a`` itself, a copy always comes before the
            item it is a copy of, so that each pair is found once.
    """
    import pandas as pd

    known = pd.DataFrame({"digest": digest[b], "copy": b, "other": source[b]})
    # Two sources are enough: one of them is not the item's own.
    known = known.drop_duplicates(["digest", "other"]).groupby("digest").head(2)
    items = pd.DataFrame({"digest": digest[a], "item": a, "own": source[a]})
    found = items.merge(known, on="digest")
    found = found[found["own"] != found["other"]]
    if a is b:
        found = found[found["copy"] < found["item"]]
    found = found.drop_duplicates("item")
    first, second = (found[name].to_numpy(dtype=np.int64) for name in ("item", "copy"))
    return Copies(first, second, np.ones(len(first), dtype=bool))


def rank_in_group(group: IntArray) -> IntArray:
    """Return the position of each entry within its run of equal numbers: int64 ``[n]``."""
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
    lengths = np.diff(np.r_[starts, len(group)])
    return np.arange(len(group), dtype=np.int64) - np.repeat(starts, lengths)


def digest(array: npt.NDArray[Any]) -> int:
    """Hash the bytes of an array to 64 bits: 1 in 10⁹ stores of 10⁵ items has a collision."""
    content = np.ascontiguousarray(array).data
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
