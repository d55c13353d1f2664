"""Memorisation: generated images that are nearer to training images than to other real ones."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UserError
from a2ibench.nn.cosine import unit_rows
from a2ibench.nn.pairwise import product, square_lengths, strips
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
      the value is the exact expectation over these draws (:func:`nearest_drawn`).
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
            UserError: that is so for all.
        """
        clips, clip = np.unique(outputs.source, return_inverse=True)
        shape = len(clips), len(outputs.classes)
        of_clip = np.zeros(shape, dtype=np.int64)
        np.add.at(of_clip, (clip, outputs.label), 1)
        tested = of_clip.sum(axis=0) - of_clip
        trained = np.bincount(outputs.train_label, minlength=shape[1])
        drawn = np.minimum(tested, trained)
        if not drawn.any():
            raise UserError(
                f"{self.name}: needs a class with training images and with test images of two"
                " source clips"
            )
        nearer = np.empty(len(clip))
        generated, train, test = (
            side["features"] for side in (outputs.generated, outputs.train, outputs.real)
        )
        for rows in strips(len(clip), max(len(train), len(test))):
            own = clip[rows]
            to_train, to_test = (_distances(generated[rows], real) for real in (train, test))
            to_test[own[:, np.newaxis] == clip] = np.inf
            size = np.broadcast_to(trained, (len(own), len(trained)))
            a = nearest_drawn(to_train, outputs.train_label, size, drawn[own])
            b = nearest_drawn(to_test, outputs.label, tested[own], drawn[own])
            nearer[rows] = compare(a, b)
        rows = np.flatnonzero(drawn[clip].any(axis=1))
        return Score.mean(nearer[rows], rows, len(nearer))


def _distances(x: FloatArray, y: FloatArray) -> Array:
    found = product(unit_rows(x), y)
    length = np.sqrt(square_lengths(y))
    found /= -np.where(length > 0, length, 1)
    found += 1
    return found.round(DECIMALS, out=found)


def nearest_drawn(
    distance: Array, label: IntArray, size: IntArray, drawn: IntArray
) -> tuple[Array, Array]:
    """Return how far the nearest of some images may be that are drawn at random.

    Of the m_c images of each class c, t_c are drawn. None of the k nearest images is among them
    with probability S(k) = Π_c C(m_c − g_c, t_c) / C(m_c, t_c), where g_c of the k are of class c;
    so the k-th is the nearest that is drawn with probability S(k − 1) − S(k).

    Args:
        distance: float64 ``[n, m]``; inf to an image that is left out.
        label: int64 ``[m]``, classes of the images to which these are, 0 … C − 1.
        size: int64 ``[n, C]``, m_c, without those that are left out.
        drawn: int64 ``[n, C]``, t_c ≤ m_c.

    Returns:
        The distances of the nearest images, ascending, ``[n, k]``, and the probability of each.
        Images that lie farther have a total probability of at most :data:`REST`. All are 0 where
        nothing is drawn.
    """
    share = np.divide(drawn, size, out=np.ones(drawn.shape), where=drawn > 0).min()
    needed = 1 if share == 1 else int(np.ceil(np.log(REST) / np.log1p(-share)))
    count = min(needed, distance.shape[1])
    if not drawn.all():  # classes of which none is drawn would take places among the nearest
        distance = np.where(drawn[:, label] > 0, distance, np.inf)
    near = np.argpartition(distance, count - 1, axis=1)[:, :count]
    r = np.take_along_axis(distance, near, axis=1)
    order = r.argsort(axis=1)
    near, r = (np.take_along_axis(one, order, axis=1) for one in (near, r))
    missed = np.ones(r.shape)
    of = label[near]
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
