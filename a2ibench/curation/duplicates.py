"""Copies between sources: what pictures and sounds share in looking for them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from a2ibench import cache
from a2ibench.data.arrays import open_array
from a2ibench.storage import cache_dir, content_key
from a2ibench.types import IntArray

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


@dataclass(frozen=True)
class Copies:
    """Items of one side that occur on the other as well; each stands with its nearest copy.

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


@dataclass
class Nearest:
    """Collects matches and keeps the nearest of each item.

    Attributes:
        found: item → (distance, its copy).
    """

    found: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, a: IntArray, b: IntArray, distance: npt.NDArray[np.floating[Any]]) -> None:
        """Adds matches ``[n]``; of equally near ones the one with the smallest position stays."""
        for item, copy, far in zip(a.tolist(), b.tolist(), distance.tolist(), strict=True):
            if item not in self.found or (far, copy) < self.found[item]:
                self.found[item] = (far, copy)

    def join(self, equal: Copies) -> Copies:
        """The equal ones, then the near ones of items that are not among them."""
        first = set(equal.a.tolist())
        near = sorted((a, b) for a, (_, b) in self.found.items() if a not in first)
        a, b = np.array(near, dtype=np.int64).reshape(-1, 2).T
        return Copies(
            np.concatenate([equal.a, a]),
            np.concatenate([equal.b, b]),
            np.concatenate([equal.equal, np.zeros(len(a), dtype=bool)]),
        )


def equal_copies(
    digest: npt.NDArray[np.uint64], source: IntArray, a: IntArray, b: IntArray
) -> Copies:
    """The items of ``a`` whose content is, bit by bit, that of an item of ``b``.

    Args:
        digest: uint64 ``[N]``, of the content of all items (:func:`digest`).
        source: int64 ``[N]``, a number for each source; two items of one are never copies.
        a: positions that are looked for.
        b: positions among which they are looked for. Where it is ``a`` itself, a copy always
            stands before what it is the copy of, so that each pair is found once.
    """
    inside = a is b
    known: dict[int, list[int]] = {}
    for item in b.tolist():
        # Two sources are enough: one of them is another one than the item's that is looked for.
        kept = known.setdefault(int(digest[item]), [])
        if len(kept) < 2 and (not kept or source[kept[0]] != source[item]):
            kept.append(item)
    pairs = []
    for item in a.tolist():
        for copy in known.get(int(digest[item]), ()):
            if source[copy] != source[item] and not (inside and copy > item):
                pairs.append((item, copy))
                break
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Copies(first, second, np.ones(len(first), dtype=bool))


def digest(array: npt.NDArray[Any]) -> int:
    """64 bits of a hash of the bytes of an array: one in 10⁹ stores of 10⁵ has a false equal."""
    content = np.ascontiguousarray(array).data
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def cached(name: str, identity: Sequence[Any], make: Callable[[Path], None]) -> npt.NDArray[Any]:
    """An array that is computed once and read through a memory map from then on.

    Args:
        name: of its kind.
        identity: plain values that it follows from.
        make: writes it as .npy to a path.

    Raises:
        UserError: the cache cannot be written.
    """
    path = cache_dir("checks") / f"{name}-{content_key([name, *identity])}.npy"
    return cache.cached(path, make, open_array)
