"""The exam: what every method of a study is judged on."""

from dataclasses import dataclass

import numpy as np

from a2ibench.data.holdout import part
from a2ibench.data.types import IntArray, Pairs
from a2ibench.evaluation.blocks import make_blocks

SEED = 2_020
"""Chooses the training images that are looked at, and the segments of the grid."""
GRID_SEGMENTS, GRID_NOISES = 48, 4
"""Sounds that are drawn several times, and how often."""


@dataclass(frozen=True)
class Exam:
    """What everything is judged on.

    Attributes:
        test: the test pairs.
        train: some of the training pairs: as many as there are test pairs, or all.
        grid_rows: int64 ``[A]``, ascending: the test segments that are drawn several times.
        block: int64 ``[n]``, 0 … B − 1: which block of source clips a test segment belongs to.
    """

    test: Pairs
    train: Pairs
    grid_rows: IntArray
    block: IntArray


def make_exam(train: Pairs, test: Pairs) -> Exam:
    """The exam of a split; it follows from the pairs alone.

    Args:
        train: what the models were trained on.
        test: the test pairs.
    """
    rng = np.random.default_rng(SEED)
    some = np.sort(rng.permutation(len(train))[: len(test)]).astype(np.int64)
    return Exam(
        test=test,
        train=part(train, some),
        grid_rows=_spread(test.label, GRID_SEGMENTS, rng),
        block=make_blocks(test.source, test.label),
    )


def _spread(label: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """``count`` rows, or all, the classes in turn: int64, ascending."""
    order = rng.permutation(len(label))
    rank = np.empty(len(label), dtype=np.int64)
    for one in np.unique(label):
        rows = order[label[order] == one]
        rank[rows] = np.arange(len(rows))
    return np.sort(np.lexsort((order.argsort(), rank))[:count]).astype(np.int64)
