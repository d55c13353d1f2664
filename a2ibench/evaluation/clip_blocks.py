"""Blocks of source clips: how sure a score is of the test set it was measured on.

Segments of one clip resemble each other, so clips, not segments, are what was drawn at random.
They are gathered into blocks; a metric is computed again without each of them. That works for any
metric, be it a mean over segments or a distance between two sets.
"""

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.errors import UserError
from a2ibench.types import IntArray

BLOCKS = 20
"""Maximum number; each costs a computation of the metric, and 20 leave 19 degrees of freedom."""


def make_blocks(source: npt.NDArray[np.str_], label: IntArray) -> IntArray:
    """Gather clips into blocks of about one size and one mixture of classes.

    Returns:
        int64 ``[n]`` for n segments, 0 … B − 1, B at most ``BLOCKS``. Clips of a class are dealt
        out in turn, the largest first, each class going on where the one before ended.
    """
    clips, position, size = np.unique(source, return_inverse=True, return_counts=True)
    classes = int(label.max(initial=0)) + 1
    counts = np.zeros((len(clips), classes), dtype=np.int64)
    np.add.at(counts, (position, label), 1)
    order = np.lexsort((-size, counts.argmax(axis=1)))
    block = np.empty(len(clips), dtype=np.int64)
    block[order] = np.arange(len(clips)) % min(BLOCKS, len(clips))
    return block[position]


def jackknife(
    metric: Metric, outputs: JudgeOutputs, score: Score, block: IntArray
) -> npt.NDArray[np.float64]:
    """Return pseudo-values B θ − (B − 1) θ₋ᵦ of the delete-a-block jackknife (Quenouille, Tukey).

    Their mean is the score less its first-order bias, and they scatter as scores of single blocks
    would.

    Returns:
        float64 ``[B]``; all NaN where there is a single block. NaN for a block without which there
        is no score, and for one without which a whole class is gone (:func:`find_degenerate`).
    """
    number = int(block.max()) + 1
    if number < 2:
        return np.full(number, np.nan)
    if (better := metric.without_blocks(outputs, block)) is not None:
        without = better
    elif score.per_segment is not None:
        values = score.per_segment.astype(np.float64)
        there = np.isfinite(values)
        total = np.bincount(block, np.where(there, values, 0.0), number)
        count = np.bincount(block, there, number)
        rest = count.sum() - count
        without = np.divide(total.sum() - total, rest, out=np.full(number, np.nan), where=rest > 0)
    else:
        without = np.array([_without(metric, outputs, block != b) for b in range(number)])
    pseudo: npt.NDArray[np.float64] = number * score.value - (number - 1) * without
    pseudo[find_degenerate(block, outputs.label)] = np.nan
    return pseudo


def _without(metric: Metric, outputs: JudgeOutputs, kept: npt.NDArray[np.bool_]) -> float:
    try:
        return metric.score(outputs.take(np.flatnonzero(kept))).value
    except UserError:
        return float("nan")


def find_degenerate(block: IntArray, label: IntArray) -> npt.NDArray[np.bool_]:
    """Find blocks that hold all of a class which is as large as a block.

    What is computed without such a block is another question, with a class fewer, and says nothing
    of other clips. A small class does not matter so much.

    Returns:
        bool ``[B]``; none where there is a single class.
    """
    number = int(block.max()) + 1
    counts = np.zeros((number, int(label.max()) + 1), dtype=np.int64)
    np.add.at(counts, (block, label), 1)
    size = counts.sum(axis=0)
    large = (number * size >= len(label)) & (size < len(label))
    degenerate: npt.NDArray[np.bool_] = ((counts == size) & large).any(axis=1)
    return degenerate
