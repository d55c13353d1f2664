"""Places of own candidates among all others, by cosine."""

import numpy as np

from a2ibench.nn.cosine import cosine_strips
from a2ibench.types import FloatArray, IntArray


def count_nearer(
    queries: FloatArray, candidates: FloatArray, group: IntArray | None = None, groups: int = 1
) -> tuple[IntArray, IntArray]:
    """Count the other candidates that are nearer than the own one, and those that are as near.

    Equal candidates are as near as each other, to the last bit.

    Args:
        queries: ``[n, d]``; candidate i is query i's own.
        candidates: ``[n, d]``.
        group: int64 ``[n]``, 0 … G − 1, of candidates that are counted apart; None for one of all.
        groups: G.

    Returns:
        int64 ``[n, G]`` each.
    """
    n = len(candidates)
    group = np.zeros(n, dtype=np.int64) if group is None else group
    # Sums of ones are exact in float32 up to 2²⁴.
    member = (group[:, np.newaxis] == np.arange(groups)).astype(np.float32)
    nearer, ties = np.empty((2, n, groups), dtype=np.int64)
    for rows, cosine in cosine_strips(queries, candidates):
        own = np.diagonal(cosine[:, rows])[:, np.newaxis]
        nearer[rows] = (cosine > own).astype(np.float32) @ member
        ties[rows] = (cosine == own).astype(np.float32) @ member
    ties[np.arange(n), group] -= 1
    return nearer, ties
