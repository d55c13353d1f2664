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
REST = 1e-9
"""Probability that none of the neighbours that are looked at is drawn; the others are left out."""


class Memorisation(Metric):
    """E[(b − a) / (b + a)], a and b the distances to the nearest training and real test image.

    Distances are 1 minus the cosine of the judge's features. Training and test images are drawn
    alike from the world, so a generator that copies nothing, be it good or bad, scores 0: where an
    image lies nearer to one of the sets, that is chance, and another time it is the other set.
    Copies of training images score 1, of test images −1. The three samples are those of the
    data-copying test of Meehan, Chaudhuri and Dasgupta (2020); comparing with the second nearest
    image, here that of the other set, is the relative distance by which Yoon et al. (2023) tell
    copies. Version 1 counted how often a < b, however little: of pictures far from all real ones,
    such as noise, that is settled by the few real ones that happen to be near to all of them.

    - The test images of the segment's own source clip are left out: an image of that sound is
      *meant* to be near them.
    - Both sets have the same number of images of each class. The larger is drawn down at random;
      the value is the exact expectation over these draws (:func:`probabilities`).
    - As many training images are compared with as there are test segments. Of a generator that
      copies from M training images, the source of an image is among these m with probability m/M:
      where m < M it scores about m/M. The row of nearest training images shows what copies score.

    Rows of shuffled real test images score about −1: they *are* test images.
    """

    version = 2
    judge: str = option("lite0", "judge whose features are compared")
    reads = ("features",)
    needs = frozenset({"train"})
    title = "memorisation (0: none)"
    group = "variety"
    column = 70
    higher_is_better = False
    bounds = (-1.0, 1.0)
    variants: ClassVar[Variants] = {"memorisation_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; NaN for a segment to whose sets no class contributes.

        Raises:
            UndefinedScoreError: that is so for all.
        """
        clips, clip = np.unique(outputs.source, return_inverse=True)
        shape = len(clips), len(outputs.classes)
        of_clip = np.zeros(shape, dtype=np.int64)
        np.add.at(of_clip, (clip, outputs.label), 1)
        tested = of_clip.sum(axis=0) - of_clip
        trained = np.bincount(outputs.train_label, minlength=shape[1])
        drawn = np.minimum(tested, trained)
        if not drawn.any():
            raise UndefinedScoreError(
                "no class has training images, and test images of two source clips"
            )
        nearer = np.empty(len(clip))
        generated, train, test = (
            side["features"] for side in (outputs.generated, outputs.train, outputs.real)
        )
        for rows in strips(len(clip), max(len(train), len(test))):
            own = clip[rows]
            taken, size = drawn[own], np.broadcast_to(trained, (len(own), len(trained)))
            never = (taken == 0)[:, outputs.train_label]
            a = nearest_drawn(generated[rows], train, outputs.train_label, never, size, taken)
            never = (taken == 0)[:, outputs.label] | (own[:, np.newaxis] == clip)
            b = nearest_drawn(generated[rows], test, outputs.label, never, tested[own], taken)
            nearer[rows] = compare(a, b)
        there = np.flatnonzero(drawn[clip].any(axis=1))
        return Score.mean(nearer[there], there, len(nearer))


def nearest_drawn(
    images: FloatArray,
    others: FloatArray,
    label: IntArray,
    never: npt.NDArray[np.bool_],
    size: IntArray,
    drawn: IntArray,
) -> tuple[Array, Array]:
    """Return how far the nearest of some others may be that are drawn at random, and how likely.

    Args:
        images: float32 ``[n, d]``, features.
        others: float32 ``[m, d]``.
        label: int64 ``[m]``, the classes of the others, 0 … C − 1.
        never: bool ``[n, m]``, others that are not drawn for an image.
        size: int64 ``[n, C]``, m_c, the number of others of each class that may be drawn.
        drawn: int64 ``[n, C]``, t_c ≤ m_c, the number that is.

    Returns:
        See :func:`probabilities`, of the nearest k others. That a farther one is the nearest has a
        probability of at most :data:`REST`.
    """
    share = np.divide(drawn, size, out=np.ones(drawn.shape), where=drawn > 0).min()
    needed = 1 if share == 1 else int(np.ceil(np.log(REST) / np.log1p(-share)))
    count = min(needed, len(others))
    u, length = unit_rows(images), np.sqrt(square_lengths(others))
    length[length == 0] = 1
    # Neighbours are found in float32, which is twice as fast; their distances are exact.
    apart = u.astype(np.float32) @ others.T
    apart /= -length.astype(np.float32)
    apart[never] = np.inf
    near = np.argpartition(apart, count - 1, axis=1)[:, :count]
    distance = np.empty(near.shape)
    for rows in strips(len(u), count * others.shape[1]):
        v = others[near[rows]].astype(np.float64)
        distance[rows] = 1 - np.einsum("nd,nkd->nk", u[rows], v) / length[near[rows]]
    distance = distance.round(DECIMALS)
    distance[np.take_along_axis(never, near, axis=1)] = np.inf
    return probabilities(distance, label[near], size, drawn)


def probabilities(
    distance: Array, label: IntArray, size: IntArray, drawn: IntArray
) -> tuple[Array, Array]:
    """Return distances, ascending, and the probability of each to be that of the nearest drawn one.

    Of the m_c images of each class c, t_c are drawn. None of the k nearest is among them with
    probability S(k) = Π_c C(m_c − g_c, t_c) / C(m_c, t_c), where g_c of the k are of class c; so
    the k-th is the nearest with probability S(k − 1) − S(k).

    Shapes: distance float64 ``[n, k]``, inf to what is not drawn, label int64 ``[n, k]``; size and
    drawn as in :func:`nearest_drawn`. The results are ``[n, k]``; 0 where the distance is inf.
    """
    order = distance.argsort(axis=1)
    r, of = (np.take_along_axis(one, order, axis=1) for one in (distance, label))
    missed = np.ones(r.shape)
    for c in np.unique(of):
        same = of == c
        left = np.maximum(size[:, [c]] + 1 - np.cumsum(same, axis=1), 1)  # itself, and farther ones
        missed[same] = (np.maximum(left - drawn[:, [c]], 0) / left)[same]
    there = np.isfinite(r)
    none = np.cumprod(np.where(there, missed, 1), axis=1)
    return np.where(there, r, 0), -np.diff(none, axis=1, prepend=1)


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
