"""Memorisation: generated images that are nearer to training images than to other real ones."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.nn.cosine import unit_rows
from a2ibench.nn.pairwise import square_lengths, strips
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]

DECIMALS = 9
"""Decimals of the distances: of equal images they are 0, whatever the order of the sums."""
CLOSE = 2**18
"""Maximum number of features of neighbours at a time: they stay in the processor's cache."""
REST = 1e-9
"""Probability that none of the neighbours that are looked at is drawn; the others are left out."""


class Memorisation(Metric):
    """E[(b − a) / (b + a)], a and b the distances to the nearest training and real test image.

    Distances are 1 minus the cosine of the judge's features. Training and test images are drawn
    alike from the world, so a generator that copies nothing, be it good or bad, scores 0: where an
    image lies nearer to one of the sets, that is chance, and another time it is the other set. A
    mean of training images is a little nearer to them. Copies of training images score 1, as far as
    these take part, of test images −1. The three samples are those of the data-copying test of
    Meehan, Chaudhuri and Dasgupta (2020); comparing with the second nearest image, here that of the
    other set, is the relative distance by which Yoon et al. (2023) tell copies. Version 1 counted
    how often a < b, however little: of pictures far from all real ones, such as noise, that is
    settled by the few real ones that happen to be near to all of them.

    - Each test clip has a counterpart in each of its classes, a training clip, by the order of the
      hashes of their names; what has none takes no part. So of many training clips against few
      test clips, or of long against short ones, many images take no part.
    - The test images of the segment's own source clip are left out: an image of that sound is
      *meant* to be near them. So are those of its counterparts: many clips, of which some image is
      near, and few are no equal terms.
    - Both sets have the same number of images of each class. The larger is drawn down at random;
      the value is the exact expectation over these draws (:func:`probabilities`).
    - No more training images take part than there are test segments. Of a generator that copies
      from M training images, the source of an image is among these m with probability m/M: where
      m < M it scores about m/M. The row of nearest training images shows what copies score.

    Rows of shuffled real test images score about −1: they *are* test images.

    That one set happens to have an image near to many generated ones moves the score of all of
    them. So the interval is over the clips of both sets: a block is left out of the test images
    with the counterparts of its clips.
    """

    version = 4
    leaves_out_training = True
    judge: str = option("lite0", "judge whose features are compared")
    reads = ("features",)
    needs = frozenset({"train"})
    title = "memorisation (0: none)"
    group = "variety"
    column = 70
    higher_is_better = False
    bounds = (-1.0, 1.0)
    clips_in_class = 3  # with two, one clip decides against one, and intervals are far too narrow
    variants: ClassVar[Variants] = {"memorisation_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; NaN for a segment to whose sets no class contributes.

        Raises:
            UndefinedScoreError: that is so for all.
        """
        nearer = outputs.once(compare_sets)[0]
        there = np.flatnonzero(np.isfinite(nearer))
        if not len(there):
            raise UndefinedScoreError(
                "no class has training images, and test images of two source clips"
            )
        return Score.mean(nearer[there], there, len(nearer))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the neighbours that are left; NaN where no class is."""
        nearer = outputs.with_blocks(block).once(compare_sets)[1:]
        number = np.isfinite(nearer).sum(axis=1)
        total = np.where(np.isfinite(nearer), nearer, 0).sum(axis=1)
        return np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0)


def compare_sets(outputs: JudgeOutputs) -> Array:
    """Return E[(b − a) / (b + a)] of each generated image: ``[1 + B, n]``.

    The first row is by all images, row 1 + k by those outside of block k. NaN for a segment to
    whose sets no class contributes, and in row 1 + k for those of block k.
    """
    clip, pair, classes = outputs.clip, outputs.train_counterpart, len(outputs.classes)
    n = len(clip)
    clips, block = clip.max(initial=-1) + 1, outputs.block
    if not len(block):
        block = np.full(n, -1, dtype=np.int64)
    number = 1 + int(block.max(initial=-1))
    paired = _count(pair, outputs.train_label, clips, classes)
    # What has no counterpart takes no part.
    used = np.flatnonzero(pair >= 0), np.flatnonzero(paired[clip, outputs.label] > 0)
    labels = outputs.train_label[used[0]], outputs.label[used[1]]
    blocks = outputs.train_block[used[0]], block[used[1]]
    others = outputs.train["features"][used[0]], outputs.real["features"][used[1]]
    of_clip = pair[used[0]], clip[used[1]]
    own = [_count(one, label, clips, classes) for one, label in zip(of_clip, labels, strict=True)]
    # Images of each class outside of no block, then of each: two arrays [1 + B, C].
    left = [
        np.bincount(label, minlength=classes)
        - np.concatenate([np.zeros((1, classes), np.int64), _count(b, label, number, classes)])
        for b, label in zip(blocks, labels, strict=True)
    ]
    found = np.full((1 + number, n), np.nan)
    for rows in strips(n, max(map(len, others))):
        images, here = outputs.generated["features"][rows], clip[rows]
        sizes = [
            [one - counts[here] for one in every] for every, counts in zip(left, own, strict=True)
        ]
        drawn = [np.minimum(*sides) for sides in zip(*sizes, strict=True)]
        sides = [
            Neighbours(
                images, others[i], labels[i], blocks[i],
                max(map(needed, sizes[i], drawn)),
                here[:, np.newaxis] == of_clip[i],
            )
            for i in (0, 1)
        ]  # fmt: skip
        for k in range(1 + number):
            outside = block[rows] != k - 1 if k else np.ones(len(here), dtype=np.bool_)
            some = np.flatnonzero(outside & (drawn[k] > 0).any(axis=1))
            found[k, rows.start + some] = compare(
                *(
                    side.without(k - 1, some, size[k][some], drawn[k][some])
                    for side, size in zip(sides, sizes, strict=True)
                )
            )
    return found


def needed(size: IntArray, drawn: IntArray) -> int:
    """Return the number of neighbours outside of which the nearest drawn one is with a probability
    of at most :data:`REST`; size and drawn are int64 ``[n, C]`` as in :class:`Neighbours`."""
    share = np.divide(drawn, size, out=np.ones(drawn.shape), where=drawn > 0).min(initial=1)
    return 1 if share == 1 else int(np.ceil(np.log(REST) / np.log1p(-share)))


def _count(group: IntArray, label: IntArray, groups: int, classes: int) -> IntArray:
    """Count labels in groups, −1 being none: int64 ``[groups, classes]``."""
    known = group >= 0
    cells = np.bincount(group[known] * classes + label[known], minlength=groups * classes)
    return cells.reshape(groups, classes).astype(np.int64)


class Neighbours:
    """The nearest of some others, with or without a block of them.

    Args:
        images: float32 ``[n, d]``, features.
        others: float32 ``[m, d]``.
        label: int64 ``[m]``, the classes of the others, 0 … C − 1.
        block: int64 ``[m]``, their blocks.
        count: number of neighbours that are found of each image.
        never: bool ``[n, m]``, others that do not count for an image.
    """

    def __init__(
        self,
        images: FloatArray,
        others: FloatArray,
        label: IntArray,
        block: IntArray,
        count: int,
        never: npt.NDArray[np.bool_],
    ) -> None:
        self._others, self._label, self._block = others, label, block
        self._unit, self._length = unit_rows(images), np.sqrt(square_lengths(others))
        self._length[self._length == 0] = 1
        # Neighbours are found in float32, which is twice as fast; their distances are exact.
        self._apart = self._unit.astype(np.float32) @ others.T
        self._apart /= -self._length.astype(np.float32)
        self._apart[never] = np.inf
        self._count = min(count, len(self._others))
        # As many again, and some, to take the places of those that are left out.
        found = min(2 * count + 8, len(self._others))
        self._near, self._distance = self._find(self._apart, np.arange(len(self._apart)), found)

    def without(
        self, block: int, rows: IntArray, size: IntArray, drawn: IntArray
    ) -> tuple[Array, Array]:
        """Return how far the nearest one may be, for some images, if others are drawn at random.

        Args:
            block: that is left out; −1 for none.
            rows: int64 ``[r]``, the images.
            size: int64 ``[r, C]``, m_c, the number of others of each class that may be drawn.
            drawn: int64 ``[r, C]``, t_c ≤ m_c, the number that is.

        Returns:
            See :func:`probabilities`.
        """
        near, distance = self._near[rows], self._distance[rows]
        gone = np.take_along_axis(drawn == 0, self._label[near], axis=1)
        if block >= 0:
            gone |= self._block[near] == block
        gone &= np.isfinite(distance)
        distance[gone] = np.inf
        order = distance.argsort(axis=1)[:, : self._count]
        near = np.take_along_axis(near, order, axis=1)
        distance = np.take_along_axis(distance, order, axis=1)
        if self._near.shape[1] < len(self._others):
            few = np.flatnonzero(np.isinf(distance[:, -1]) & gone.any(axis=1))
            apart = self._apart[rows[few]]
            apart[(drawn[few] == 0)[:, self._label]] = np.inf
            if block >= 0:
                apart[:, self._block == block] = np.inf
            near[few], distance[few] = self._find(apart, rows[few], self._count)
        return probabilities(distance, self._label[near], size, drawn)

    def _find(self, apart: FloatArray, rows: IntArray, number: int) -> tuple[IntArray, Array]:
        """Return the nearest others, int64 ``[r, number]``, and their distances; ∞ to none."""
        near = np.argpartition(apart, number - 1, axis=1)[:, :number]
        distance = np.empty(near.shape)
        for part in strips(len(near), number * self._others.shape[1], CLOSE):
            v = self._others[near[part]].astype(np.float64)
            cosine = np.einsum("nd,nkd->nk", self._unit[rows[part]], v)
            distance[part] = 1 - cosine / self._length[near[part]]
        distance = distance.round(DECIMALS)
        distance[np.isinf(np.take_along_axis(apart, near, axis=1))] = np.inf
        return near, distance


def probabilities(
    distance: Array, label: IntArray, size: IntArray, drawn: IntArray
) -> tuple[Array, Array]:
    """Return distances, ascending, and the probability of each to be that of the nearest drawn one.

    Of the m_c images of each class c, t_c are drawn. None of the k nearest is among them with
    probability S(k) = Π_c C(m_c − g_c, t_c) / C(m_c, t_c), where g_c of the k are of class c; so
    the k-th is the nearest with probability S(k − 1) − S(k).

    Shapes: distance float64 ``[n, k]``, inf to what is not drawn, label int64 ``[n, k]``; size and
    drawn int64 ``[n, C]``, m and t. The results are ``[n, k]``; 0 where the distance is inf.
    """
    order = distance.argsort(axis=1)
    r, of = np.take_along_axis(distance, order, axis=1), np.take_along_axis(label, order, axis=1)
    may, taken = np.take_along_axis(size, of, axis=1), np.take_along_axis(drawn, of, axis=1)
    left = np.maximum(may - rank_among_equal(of), 1)  # itself, and farther ones of its class
    missed = np.maximum(left - taken, 0) / left
    there = np.isfinite(r)
    none = np.cumprod(np.where(there, missed, 1), axis=1)
    return np.where(there, r, 0), -np.diff(none, axis=1, prepend=1)


def rank_among_equal(x: IntArray) -> IntArray:
    """Count the entries before each that are equal to it, in rows of their own: ``[n, k]``."""
    order = x.argsort(axis=1, kind="stable")
    place = np.broadcast_to(np.arange(x.shape[1]), x.shape)
    first = np.diff(np.take_along_axis(x, order, axis=1), axis=1, prepend=-1) != 0
    rank = np.empty_like(x)
    np.put_along_axis(
        rank, order, place - np.maximum.accumulate(np.where(first, place, 0), axis=1), axis=1
    )
    return rank


def compare(a: tuple[Array, Array], b: tuple[Array, Array]) -> Array:
    """Return E[(b − a) / (b + a)], ``[n]``, of independent distances and their probabilities.

    Each side is ``[n, k]`` and ``[n, k]``; two distances of 0 are alike, and count 0.
    """
    found = np.zeros(len(a[0]))
    for i in range(a[0].shape[1]):
        first = a[0][:, i, np.newaxis]
        total = b[0] + first
        ratio = np.divide(b[0] - first, total, out=np.zeros(total.shape), where=total > 0)
        found += a[1][:, i] * (b[1] * ratio).sum(axis=1)
    return found
