"""Orders of names, or of rows, that depend on nothing else, and are as good as random ones."""

from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray


def rank_by_hash(names: npt.NDArray[np.str_]) -> IntArray:
    """Return the place of each of ``[n]`` names, int64, in an order as good as a random one."""
    coded = [str(name).encode(errors="surrogateescape") for name in names]
    hashes = [blake2b(one, digest_size=8).digest() for one in coded]
    return np.argsort(np.argsort(hashes)).astype(np.int64)


def order_of_content(*parts: npt.NDArray[Any]) -> IntArray:
    """Return an order of rows, int64 ``[n]``, that is the same wherever they stand.

    ``parts`` are ``[n, …]`` each; those of one place make up a row, the first counting most.
    """
    keys = [
        b"".join(blake2b(part.tobytes()).digest() for part in row)
        for row in zip(*parts, strict=True)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
