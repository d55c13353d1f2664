"""R-precision: is the image of a sound found among the images of other sounds?"""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from a2ibench.contracts.metric import OWN, Group, Looks, Metric, Score
from a2ibench.nn.cosine import cosines
from a2ibench.types import IntArray

POOL = 100
"""Images in a pool: the segment's own and 99 others."""


def hits(cosine: npt.NDArray[np.float64], k: int, pool: int = POOL) -> npt.NDArray[np.float64]:
    """The probability that a sound's own image is among the k nearest of a random pool.

    It is the exact expectation over all pools and all orders of ties, so nothing is drawn. Let M =
    n − 1 other images be there, g of them nearer than the own one and t as near. A pool holds
    ``pool`` − 1 of the M; how many of them come before the own image is hypergeometric, with u ties
    before it, u uniform on 0..t:  P = 1/(t+1) Σ_u P[Hypergeometric(M, g + u, pool − 1) < k].

    Args:
        cosine: ``[n, n]``, of sound i and image j; the own images are on the diagonal.
        k: how many of the nearest count.
        pool: images in a pool, 2..n.

    Returns:
        float64 ``[n]`` in [0, 1].
    """
    others = len(cosine) - 1
    own = np.diagonal(cosine)[:, np.newaxis]
    nearer = (cosine > own).sum(axis=1)
    ties = (cosine == own).sum(axis=1) - 1
    before = np.arange(others + 1)
    first_k = hypergeom.cdf(k - 1, others, before, pool - 1)
    summed = np.concatenate([[0.0], np.cumsum(first_k)])
    return np.clip((summed[nearer + ties + 1] - summed[nearer]) / (ties + 1), 0.0, 1.0)


class RPrecision(Metric):
    """R-precision@k in pools of 100 (Xu et al. 2018, AttnGAN), in acoustic space.

    A segment counts by the probability that, in a pool of its own generated image and 99 images
    generated for other segments, its own is among the k whose feature has the largest cosine with
    the segment's acoustic feature. The probability is exact, over all pools (:func:`hits`); the
    published protocol draws one pool for each segment and has the same expectation. Chance is
    k/100.

    No two images of a pool are of segments that overlap, since nothing could tell those apart: of
    the segments of each clip the largest number takes part of which no two share any sound, as
    sounds and as candidates (version 2; where no segments overlap, it is version 1). Others have no
    score. Segments of one clip that do not overlap may be in one pool.
    """

    version = 2
    judge = "i2a_lite0"
    group: ClassVar[Group] = "match"
    percent = True
    bounds = (0.0, 1.0)
    fewest = POOL
    k: ClassVar[int]

    def compute(self, looks: Looks) -> Score:
        """See the class; ``per_segment`` is NaN for segments that take no part."""
        rows = looks.apart_rows
        return self._score(looks, rows, hits(_cosines(looks, rows), self.k))

    def _score(self, looks: Looks, rows: IntArray, hit: npt.NDArray[np.float64]) -> Score:
        per_segment = np.full(len(looks.label), np.nan, dtype=np.float32)
        per_segment[rows] = hit
        return Score(float(hit.mean()), len(hit), per_segment=per_segment, chance=self.k / POOL)


class RPrecisionInClass(RPrecision):
    """The same with the 99 others of the segment's own class: what the class alone gives is gone.

    A generator that is right about the class and random inside it scores chance, k/100.
    """

    group = "match_in_class"
    fewest_in_class = POOL
    clips_in_class = 2

    def compute(self, looks: Looks) -> Score:
        """See the class."""
        apart = looks.apart_rows
        label = looks.label[apart]
        hit = np.empty(len(apart))
        for one in np.unique(label):
            own = label == one
            hit[own] = hits(_cosines(looks, apart[own]), self.k)
        return self._score(looks, apart, hit)


def _cosines(looks: Looks, rows: IntArray) -> npt.NDArray[np.float64]:
    return cosines(looks.acoustic[rows], looks.generated["acoustic"][rows])


class RPrecision1(RPrecision):
    """k = 1, pools from all segments."""

    name = "rprec1_i2a_lite0"
    title = "R-prec@1"
    column = 30
    k = 1


class RPrecision5(RPrecision):
    """k = 5, pools from all segments."""

    name = "rprec5_i2a_lite0"
    title = "R-prec@5"
    column = 31
    k = 5


class RPrecision10(RPrecision):
    """k = 10, pools from all segments."""

    name = "rprec10_i2a_lite0"
    title = "R-prec@10"
    column = 32
    k = 10


class RPrecision1InClass(RPrecisionInClass):
    """k = 1, pools from the segment's class."""

    name = "rprec1_inclass_i2a_lite0"
    title = "R-prec@1 in class"
    column = 40
    k = 1


class RPrecision5InClass(RPrecisionInClass):
    """k = 5, pools from the segment's class."""

    name = "rprec5_inclass_i2a_lite0"
    title = "R-prec@5 in class"
    column = 41
    k = 5


class RPrecision10InClass(RPrecisionInClass):
    """k = 10, pools from the segment's class."""

    name = "rprec10_inclass_i2a_lite0"
    title = "R-prec@10 in class"
    column = 42
    k = 10


class RPrecision1CNN(RPrecision1):
    """The same by the other image-to-audio judge."""

    name = "rprec1_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@1 cnn"
    column = 39
    headline = False


class RPrecision5CNN(RPrecision5):
    """The same by the other image-to-audio judge."""

    name = "rprec5_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@5 cnn"
    column = 39
    headline = False


class RPrecision10CNN(RPrecision10):
    """The same by the other image-to-audio judge."""

    name = "rprec10_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@10 cnn"
    column = 39


class RPrecision1InClassCNN(RPrecision1InClass):
    """The same by the other image-to-audio judge."""

    name = "rprec1_inclass_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@1 in class cnn"
    column = 45
    headline = False


class RPrecision5InClassCNN(RPrecision5InClass):
    """The same by the other image-to-audio judge."""

    name = "rprec5_inclass_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@5 in class cnn"
    column = 45
    headline = False


class RPrecision10InClassCNN(RPrecision10InClass):
    """The same by the other image-to-audio judge."""

    name = "rprec10_inclass_i2a_cnn"
    judge = "i2a_cnn"
    title = "R-prec@10 in class cnn"
    column = 45


class RPrecision1Own(RPrecision):
    """k = 1, by the network that the method trains against: what it was trained to please."""

    name = "rprec1_own"
    judge = OWN
    group = "own"
    title = "R-prec@1 own"
    column = 50
    k = 1


class RPrecision10Own(RPrecision):
    """k = 10, by the network that the method trains against."""

    name = "rprec10_own"
    judge = OWN
    group = "own"
    title = "R-prec@10 own"
    column = 52
    k = 10
