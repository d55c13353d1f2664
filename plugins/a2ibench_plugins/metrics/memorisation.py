"""Memorisation: generated images that are nearer to training images than to other real ones."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UserError
from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]

DECIMALS = 9
"""Decimals of the distances: equal images are equally near, whatever the order of the sums."""


class Memorisation(Metric):
    """P[the nearest training image is nearer than the nearest real test image].

    Distances are 1 minus the cosine of the judge's features. Training and test images
    are drawn alike from the world, so a generator that copies nothing, be it good or bad, scores ½;
    one that copies scores up to 1. The three samples are those of the data-copying test of Meehan,
    Chaudhuri and Dasgupta (2020), the question (which real image is nearest?) that of authenticity
    (Alaa et al. 2022).

    - The test images of the segment's own source clip are left out: an image of that sound is
      *meant* to be near them.
    - Both sets have the same number of images of each class. The larger is drawn down at random;
      the value is the exact expectation over these draws (:func:`train_is_nearer`). A copy whose
      source is not drawn counts about ½.
    - As many training images are compared with as there are test segments. Of a generator that
      copies from M training images, the source of an image is among these m with probability m/M:
      where m < M it scores about ½ + m/2M. The row of nearest training images shows what copies
      score.

    Rows of shuffled real test images score 0: they *are* test images. Pictures far from all real
    ones share a few nearest neighbours: their score rests on those few and strays from ½ by more
    than its interval says. Only a score well above ½, of pictures that look real, is a finding.
    """

    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    needs = frozenset({"train"})
    title = "memorisation (½: none)"
    group = "variety"
    column = 70
    higher_is_better = False
    bounds = (0.0, 1.0)
    variants: ClassVar[Variants] = {"memorisation_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; NaN for a segment to whose sets no class contributes.

        Raises:
            UserError: that is so for all.
        """
        from sklearn.metrics import pairwise_distances

        generated = outputs.generated["features"]
        to_train, to_test = (
            pairwise_distances(generated, real["features"], metric="cosine")
            .astype(np.float64)
            .round(DECIMALS)
            for real in (outputs.train, outputs.real)
        )
        nearer = np.empty(len(generated))
        for i in range(len(generated)):
            others = outputs.source != outputs.source[i]
            nearer[i] = train_is_nearer(
                to_train[i], outputs.train_label, to_test[i, others], outputs.label[others]
            )
        if np.isnan(nearer).all():
            raise UserError(
                f"{self.name}: needs a class with training images and with test images of two"
                " source clips"
            )
        n = int(np.isfinite(nearer).sum())
        return Score(float(np.nanmean(nearer)), n, per_segment=nearer.astype(np.float32))


def train_is_nearer(
    to_train: Array, train_label: IntArray, to_test: Array, test_label: IntArray
) -> float:
    """Return the probability that the nearest of both sets is a training image; a tie counts ½.

    Of each class c, t_c = min(m_c, n_c) of the m_c training and of the n_c test images are drawn at
    random. None of the drawn training images is within the distance r with probability
    S(r) = Π_c C(m_c − g_c(r), t_c) / C(m_c, t_c), where g_c(r) of them are; so the distance of the
    nearest one takes each value with a known probability, and that of the nearest test image
    likewise.

    Distances to the training images are ``[m]``, to the test images ``[n]``, as are their labels.

    Returns:
        In [0, 1]; NaN where no class is in both sets.
    """
    classes = int(max(train_label.max(initial=0), test_label.max(initial=0))) + 1
    m = np.bincount(train_label, minlength=classes)
    n = np.bincount(test_label, minlength=classes)
    t = np.minimum(m, n)
    if not t.any():
        return float("nan")
    train, none_train = _none_within(to_train, train_label, m, t)
    test, none_test = _none_within(to_test, test_label, n, t)
    farther, as_far = (none_train[np.searchsorted(train, test, side)] for side in ("right", "left"))
    nearest = -np.diff(none_test)
    return float(np.clip(np.sum(nearest * (1 - (farther + as_far) / 2)), 0, 1))


def _none_within(
    distance: Array, label: IntArray, size: IntArray, t: IntArray
) -> tuple[Array, Array]:
    """Return the distances, ascending, ``[k]``, and the probability that none of the drawn images
    is among the nearest 0 … k, ``[k + 1]``."""
    order = np.argsort(distance)
    one_hot = label[order, np.newaxis] == np.arange(len(size))
    left = (size - np.cumsum(one_hot, axis=0))[one_hot]  # of its class, farther than each image
    drawn = t[label[order]]
    # C(left, t) / C(left + 1, t): that it is not drawn if none of its class before it is.
    share = np.maximum(left + 1 - drawn, 0) / (left + 1)
    return distance[order], np.concatenate([[1.0], np.cumprod(share)])
