"""A golden: what was measured once, and how near a later measurement has to be.

Whole numbers and texts have to be equal. Floating-point numbers have to be near: processors and
libraries round differently, and each group of goldens says by how much.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("goldens.json")

Value = int | float | str | Sequence["Value"] | None


@dataclasses.dataclass(frozen=True)
class Golden:
    """What an entry measures.

    Attributes:
        identity: what names the plug-in behind it, its version or the hash of its code: where that
            is another, other values are another plug-in's. Empty for the bench itself.
        values: name → what was measured.
    """

    identity: str
    values: Mapping[str, Value]


Goldens = dict[str, Golden]


def digest(array: Any) -> str:
    """Return a hash of an array of whole numbers, of its type and shape."""
    plain = np.ascontiguousarray(array)
    assert plain.dtype.kind in "iub", plain.dtype
    return hashlib.sha256(f"{plain.dtype.str} {plain.shape}".encode() + plain.tobytes()).hexdigest()


def shape_of(*arrays: Any) -> list[float]:
    """Return two numbers of arrays together, which hardly any change of them leaves as they are.

    The logarithm of their root mean square, and their projection on random signs, in standard
    deviations of what random numbers would have.
    """
    flat = np.concatenate([np.asarray(one, dtype=np.float64).ravel() for one in arrays])
    signs = np.random.default_rng(len(flat)).integers(0, 2, len(flat)) * 2 - 1
    size = float(np.sqrt(np.square(flat).mean()))
    return [
        float(np.log(max(size, 1e-6))),
        float(flat @ signs) / max(size * np.sqrt(len(flat)), 1e-12),
    ]


def differences(expected: Golden, found: Golden, near: float) -> list[str]:
    """Return what is not as expected, a line for each value.

    Args:
        expected: as recorded.
        found: as measured now.
        near: how far a floating-point number may be off: as a share of it, or of 1 where it is
            smaller.
    """
    lines = []
    for name in sorted({*expected.values, *found.values}):
        before, now = expected.values.get(name), found.values.get(name)
        if not _alike(before, now, near):
            lines.append(f"{name} was {before}, is {now}")
    return lines


def _alike(before: Value, now: Value, near: float) -> bool:
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(
            _alike(a, b, near) for a, b in zip(before, now, strict=True)
        )
    if isinstance(before, float) and isinstance(now, float):
        return abs(before - now) <= near * max(1.0, abs(before))
    return type(before) is type(now) and before == now
