"""Blocks of source clips: how sure a score is of the test set it was measured on.

Segments of one clip resemble each other, so clips, not segments, are what was drawn at random. A
metric is computed again without each clip, or each block of clips where there are many. That works
for any metric, be it a mean over segments or a distance between two sets.

The classes were not drawn: the dataset has these, in these shares. So blocks are compared with
others of the same class only (the stratified jackknife; Wolter, Introduction to Variance
Estimation, 2007, ch. 4.5). What one class always scores more than another is no uncertainty.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.errors import UserError
from a2ibench.hash_order import rank_by_hash
from a2ibench.types import IntArray

BLOCKS = 60
"""Maximum number; each costs a computation of the metric."""
LARGE = 1 / 20
"""Share of the segments from which on a score without a class is another question."""

Array = npt.NDArray[np.float64]


def make_blocks(source: npt.NDArray[np.str_], label: IntArray) -> tuple[IntArray, IntArray]:
    """Make blocks of the clips of each class, and strata of the blocks that may be compared.

    A clip is a block of its own as far as :data:`BLOCKS` allows; else the clips of a class are
    dealt out by a hash of their names, which is as good as at random. The classes are the strata.
    Those of a single clip, which cannot be compared inside the class, are one stratum together, and
    so are several of the others where there are more than half as many as blocks: each of its
    blocks then holds clips of each of them. A clip of several classes counts for its most frequent
    one, or of those for the one that most segments have. Neither the order of the segments nor the
    names or order of the classes matter.

    Args:
        source: ``[n]``, the clip of each segment.
        label: int64 ``[n]``, its class.

    Returns:
        int64 ``[n]``, the block of each segment, 0 … B − 1; and int64 ``[B]``, the stratum of each
        block, 0 … H − 1.
    """
    clips, clip = np.unique(source, return_inverse=True)
    counts = np.zeros((len(clips), int(label.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(counts, (clip, label), 1)
    rank = rank_by_hash(clips)
    order = _by_size(counts, rank)
    of_class = order[counts[:, order].argmax(axis=1)]
    members = [np.flatnonzero(of_class == one) for one in np.unique(of_class)]
    members = [rows[np.argsort(rank[rows])] for rows in members]
    members.sort(key=lambda rows: (len(rows), rank[rows[0]]))
    block = np.empty(len(clips), dtype=np.int64)
    strata: list[int] = []
    groups = _gather(members)
    for stratum, classes in enumerate(groups):
        smallest = len(classes[0])
        together = np.concatenate(classes)
        most = max(2, BLOCKS // len(groups))
        number = min(most, smallest if smallest > 1 else len(together))
        block[together] = len(strata) + np.arange(len(together)) % number
        strata += [stratum] * number
    return block[clip], np.array(strata, dtype=np.int64)


def _by_size(counts: IntArray, rank: IntArray) -> IntArray:
    """Return the classes, those of most segments first: int64 ``[C]``.

    Equal ones are in the order of the clips that they have; ties between identical ones do not
    matter.

    Args:
        counts: int64 ``[clips, C]``, segments of each class.
        rank: int64 ``[clips]``, the place of each clip.
    """
    keys = []
    for one, own in enumerate(counts.T):
        there = np.flatnonzero(own)
        there = there[np.argsort(rank[there])]
        keys.append((-own.sum(), rank[there].tolist(), own[there].tolist(), one))
    return np.array([one for *_, one in sorted(keys)], dtype=np.int64)


def _gather(classes: list[IntArray]) -> list[list[IntArray]]:
    """Gather the classes, given by their clips, the smallest first, into strata."""
    single = [rows for rows in classes if len(rows) == 1]
    others = classes[len(single) :]
    most = BLOCKS // 2 - bool(single)  # strata have two blocks or more
    parts = np.array_split(np.arange(len(others)), min(len(others), most) or 1)
    strata = [single, *([others[i] for i in part] for part in parts)]
    return [stratum for stratum in strata if stratum]


def jackknife(
    metric: Metric, outputs: JudgeOutputs, score: Score, block: IntArray, stratum: IntArray
) -> Array:
    """Return pseudo-values of the delete-a-block jackknife (Quenouille, Tukey).

    They scatter inside a stratum as scores of single blocks would, and their variance there is that
    of the score with the shares of the strata held fixed. With θ₋ᵦ the score without the mᵦ
    segments of block b, and M segments in all, Uᵦ = (M − mᵦ)(θ − θ₋ᵦ) is the sum of their
    influences; r, the mean influence of a segment of the stratum, ΣU / Σm, is what distinguishes
    the class. Of B blocks that the score rests on, the value is θ + r + B (Uᵦ − mᵦ r) / M, less the
    jackknife's bias. For a mean over segments and blocks of one size it is the mean of the block;
    for others it makes the variance that of the separate ratio estimator (Cochran, Sampling
    Techniques, 1977, eq. 6.48).

    Args:
        block: int64 ``[n]``, the block of each segment.
        stratum: int64 ``[B]``, the stratum of each block.

    Returns:
        float64 ``[B]``. NaN for a block that the score does not rest on, for one without which
        there is no score, for one without which a whole class is gone (:func:`find_degenerate`),
        and for one that is alone in its stratum.
    """
    number = len(stratum)
    rows = _rows_behind(metric, outputs, score)
    size = np.bincount(block[rows], minlength=number)
    without = metric.without_blocks(outputs, block)
    if without is None and score.per_segment is not None and not metric.leaves_out_training:
        # The influence of a segment is known, and so is the mean of each class.
        above: Array = score.per_segment[rows].astype(np.float64) - score.value
        cells = _Cells.of(above, outputs.label[rows], block[rows])
        influence = np.bincount(block[rows], above, number).astype(np.float64)
        there = size > 0
    else:
        if without is None:
            blocked = outputs.with_blocks(block)
            without = np.array([_without(metric, blocked, b) for b in range(number)])
        influence = (len(rows) - size) * (score.value - without)
        # The score may rest on a block by other segments than those that it is a mean of.
        there = (size > 0) | (influence != 0)
        filled = np.flatnonzero(there)
        cells = _Cells(influence[filled], size[filled], stratum[filled], filled)
    there = _with_partners(there, stratum)
    influence[find_degenerate(block, outputs.label) | (size == len(rows)) | ~there] = np.nan
    known = np.isfinite(influence)
    known[known] = np.bincount(stratum[known])[stratum[known]] > 1
    bias = influence[known].sum() / max(size[known].sum(), 1)
    rest = cells.rest(known, stratum)
    pseudo = np.full(number, np.nan)
    for one in np.unique(stratum[known]):
        own = known & (stratum == one)
        level = influence[own].sum() / max(size[own].sum(), 1)
        pseudo[own] = score.value + level - bias + there.sum() * rest[own] / len(rows)
    return pseudo


def _with_partners(there: npt.NDArray[np.bool_], stratum: IntArray) -> npt.NDArray[np.bool_]:
    """Add a block without influence to each that is alone in its stratum, to be compared with."""
    alone = np.bincount(stratum[there], minlength=int(stratum.max()) + 1) == 1
    absent = np.flatnonzero(~there)
    one, first = np.unique(stratum[absent], return_index=True)
    found = there.copy()
    found[absent[first[alone[one]]]] = True
    return found


@dataclass(frozen=True)
class _Cells:
    """The contribution of the segments of each group to each block that holds the group.

    Attributes:
        influence: float64 ``[c]``, the sum of the influences.
        size: int64 ``[c]``, the number of segments.
        group: int64 ``[c]``, the class, or the stratum.
        block: int64 ``[c]``.
    """

    influence: Array
    size: IntArray
    group: IntArray
    block: IntArray

    @classmethod
    def of(cls, influence: Array, group: IntArray, block: IntArray) -> "_Cells":
        """Add up the influences of segments, ``[n]`` each."""
        groups = int(group.max(initial=0)) + 1
        cell, position = np.unique(block * groups + group, return_inverse=True)
        size = np.bincount(position)
        total = np.bincount(position, influence).astype(np.float64)
        return cls(total, size, cell % groups, cell // groups)

    def rest(self, known: npt.NDArray[np.bool_], stratum: IntArray) -> Array:
        """Return how much more each block contributes than is usual in its groups: ``[B]``.

        What is of one block alone has nothing to be compared with in its group. It is compared with
        others of that kind in its stratum, else with all others of that kind (collapsed strata;
        Wolter 2007, ch. 2.5), else with the whole. A group that only k of the g blocks of a stratum
        hold counts for what k values tell: √(k / (k − 1)) instead of √(g / (g − 1)), which is what
        the variance has. That is not taken back for collapsed strata: their one block is not moved
        towards a mean of the stratum.

        Args:
            known: bool ``[B]``, the blocks that are compared.
            stratum: int64 ``[B]``.
        """
        used = known[self.block]
        influence, size, block = self.influence[used], self.size[used], self.block[used]
        blocks = np.bincount(stratum[known], minlength=1)[stratum[block]]
        everywhere = np.zeros(len(block), dtype=np.int64)
        rest = np.zeros(len(known))
        left = np.ones(len(block), dtype=np.bool_)
        for group in (self.group[used], stratum[block], everywhere):
            held = np.unique(np.stack([group, block])[:, left], axis=1)[0]
            number = np.bincount(held, minlength=group.max(initial=0) + 1)[group]
            now = left & (number > 1)
            total, count = (np.bincount(group[now], x[now]) for x in (influence, size))
            k, g = number[now], blocks[now]
            scale = np.sqrt(k / (k - 1) * (1 if group is everywhere else (g - 1) / g))
            more = influence[now] - size[now] * (total / np.maximum(count, 1))[group[now]]
            rest += np.bincount(block[now], scale * more, len(rest))
            left &= ~now
        rest[block[left]] += influence[left]
        return rest


def _rows_behind(metric: Metric, outputs: JudgeOutputs, score: Score) -> IntArray:
    """Return the test segments that a score rests on."""
    if score.per_segment is not None:
        return np.flatnonzero(np.isfinite(score.per_segment))
    return outputs.grid_rows if "grid" in metric.needs else np.arange(len(outputs.label))


def _without(metric: Metric, outputs: JudgeOutputs, block: int) -> float:
    try:
        return metric.score(outputs.outside(block, metric.leaves_out_training)).value
    except UserError:
        return float("nan")


def find_degenerate(block: IntArray, label: IntArray) -> npt.NDArray[np.bool_]:
    """Find blocks that hold all of a class that is :data:`LARGE`.

    What is computed without such a block is another question, with a class fewer, and says nothing
    of other clips. A small class does not matter so much.

    Returns:
        bool ``[B]``; none where there is a single class.
    """
    counts = np.zeros((int(block.max()) + 1, int(label.max()) + 1), dtype=np.int64)
    np.add.at(counts, (block, label), 1)
    size = counts.sum(axis=0)
    large = (size >= LARGE * len(label)) & (size < len(label))
    degenerate: npt.NDArray[np.bool_] = ((counts == size) & large).any(axis=1)
    return degenerate
