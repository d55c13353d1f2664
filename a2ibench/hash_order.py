"""An order of names that depends on nothing else, and is as good as a random one."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray


def rank_by_hash(names: npt.NDArray[np.str_]) -> IntArray:
    """Return the place of each of ``[n]`` names, int64, in an order as good as a random one."""
    coded = [str(name).encode(errors="surrogateescape") for name in names]
    hashes = [blake2b(one, digest_size=8).digest() for one in coded]
    return np.argsort(np.argsort(hashes)).astype(np.int64)
