"""The exam: what every method of a study is judged on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import GRID_SEGMENTS
from a2ibench.data.holdout import part
from a2ibench.evaluation.apart import find_apart
from a2ibench.evaluation.blocks import make_blocks
from a2ibench.types import IntArray, Pairs

SEED = 2_020
"""Chooses the training images that are looked at, and the segments of the grid."""
GRID_NOISES = 4
"""How often the sounds of the grid are drawn."""


@dataclass(frozen=True)
class Exam:
    """What everything is judged on.

    Attributes:
        test: the test pairs.
        train: some of the training pairs: as many as there are test pairs, or all. They are of
            whole clips, as the test pairs are: so many pairs of more clips would show more of the
            world.
        grid_rows: int64 ``[A]``, ascending: the test segments that are drawn several times.
        block: int64 ``[n]``, 0 … B − 1: which block of source clips a test segment belongs to.
        apart: bool ``[n]``, test segments of which no two are of one clip and overlap.
    """

    test: Pairs
    train: Pairs
    grid_rows: IntArray
    block: IntArray
    apart: npt.NDArray[np.bool_]


def make_exam(train: Pairs, test: Pairs) -> Exam:
    """The exam of a split; it follows from the pairs alone.

    Args:
        train: what the models were trained on.
        test: the test pairs.
    """
    rng = np.random.default_rng(SEED)
    clips, clip = np.unique(train.source, return_inverse=True)
    by_clip = np.argsort(rng.permutation(len(clips))[clip], kind="stable")
    some = np.sort(by_clip[: len(test)]).astype(np.int64)
    return Exam(
        test=test,
        train=part(train, some),
        grid_rows=spread(test.label, GRID_SEGMENTS, rng),
        block=make_blocks(test.source, test.label),
        apart=find_apart(test),
    )


def spread(label: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """``count`` rows, or all, drawn at random from the classes in turn: int64, ascending."""
    order = rng.permutation(len(label))
    rank = np.empty(len(label), dtype=np.int64)
    for one in np.unique(label):
        rows = order[label[order] == one]
        rank[rows] = np.arange(len(rows))
    return np.sort(np.lexsort((order.argsort(), rank))[:count]).astype(np.int64)
