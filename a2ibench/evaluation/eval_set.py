"""The evaluation set: what every method of a study is judged on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import GRID_SEGMENTS
from a2ibench.data.holdout import part
from a2ibench.evaluation.clip_blocks import make_blocks
from a2ibench.evaluation.disjoint_segments import find_disjoint
from a2ibench.types import IntArray, Pairs

SEED = 2_020
"""Seed of the choice of training images and of the segments of the grid."""
GRID_NOISES = 4
"""Number of noises with which each sound of the grid is drawn."""


@dataclass(frozen=True)
class EvalSet:
    """The test pairs and everything else that every method is judged on.

    Attributes:
        test: the test pairs.
        train: some of the training pairs: as many as there are test pairs, or all. They are of
            whole clips, as the test pairs are: so many pairs of more clips would show more of the
            world.
        grid_rows: int64 ``[A]``, ascending: the test segments that are drawn several times.
        block: int64 ``[n]``, 0 … B − 1: which block of source clips a test segment belongs to.
        stratum: int64 ``[B]``, the stratum of each block: those of one class, or of the same
            classes (:func:`~a2ibench.evaluation.clip_blocks.make_blocks`).
        disjoint: bool ``[n]``, test segments of which no two come from one clip and overlap.
    """

    test: Pairs
    train: Pairs
    grid_rows: IntArray
    block: IntArray
    stratum: IntArray
    disjoint: npt.NDArray[np.bool_]


def make_eval_set(train: Pairs, test: Pairs) -> EvalSet:
    """Make the evaluation set of a split, which follows from the pairs alone."""
    rng = np.random.default_rng(SEED)
    clips, clip = np.unique(train.source, return_inverse=True)
    by_clip = np.argsort(rng.permutation(len(clips))[clip], kind="stable")
    some = np.sort(by_clip[: len(test)]).astype(np.int64)
    block, stratum = make_blocks(test.source, test.label)
    return EvalSet(
        test=test,
        train=part(train, some),
        grid_rows=spread(test.label, GRID_SEGMENTS, rng),
        block=block,
        stratum=stratum,
        disjoint=find_disjoint(test),
    )


def spread(label: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Draw ``count`` rows, or all, at random from the classes in turn: int64, ascending."""
    order = rng.permutation(len(label))
    rank = np.empty(len(label), dtype=np.int64)
    for one in np.unique(label):
        rows = order[label[order] == one]
        rank[rows] = np.arange(len(rows))
    return np.sort(np.lexsort((order.argsort(), rank))[:count]).astype(np.int64)
