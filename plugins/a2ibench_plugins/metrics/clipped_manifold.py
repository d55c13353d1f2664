"""Clipped Density and Clipped Coverage: as many good images as a score says, also with outliers."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.nn.pairwise import square_lengths, squared_distances, strips
from a2ibench.types import FloatArray, IntArray

NONE = -1
"""In the place of a block that is left out."""
SLACK = 1e-10
"""Distances that differ by less, relative to the largest squared length, are equal: those of equal
images differ by rounding."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Balls:
    """The balls of n real images, without each of S blocks.

    Attributes:
        radius: ``[S, n]``, squares.
        block: int64 ``[n]``, of each image.
        left_out: the S blocks.
        slack: what rounding may add to a square.
    """

    radius: Array
    block: IntArray
    left_out: Sequence[int]
    slack: float


class ClippedManifold(Metric):
    """Base of the scores of Salvy, Talbot and Thirion (2026): balls of real images, outliers tamed.

    Each real *test* image has a ball that reaches to its k-th nearest other real image. No image
    counts for more than 1, and both scores are calibrated: 1 is due for images of the same
    distribution, and images of which a share p is good, the others being far from all real ones,
    score about p.
    """

    k: int = option(5, "the ball reaches to the k-th nearest image", minimum=1, maximum=99)
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    percent = True
    headline = False
    bounds = (0.0, 1.0)
    fewest = 100

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class.

        Raises:
            UndefinedScoreError: no more images than neighbours, or most real images are one image.
        """
        n = len(outputs.label)
        if n <= self.k:
            raise UndefinedScoreError(
                f"{self.name}: needs more than {self.k} test segments, there are {n}"
            )
        value = float(self._values(outputs, np.zeros(n, dtype=np.int64), (NONE,))[0])
        if np.isnan(value):
            raise UndefinedScoreError(
                f"{self.name}: half of the real images or more have {self.k} others with the same"
                " features; there is no scale to measure on"
            )
        return Score(value, n)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Measure once for all blocks; NaN for one without which there is no score."""
        sizes = np.bincount(block)
        if len(block) - sizes.max() <= self.k:
            return np.full(len(sizes), np.nan)
        return self._values(outputs, block, range(len(sizes)))

    def _values(self, outputs: JudgeOutputs, block: IntArray, left_out: Sequence[int]) -> Array:
        """Return the scores without some blocks; NaN where most radii are 0."""
        x, y = outputs.generated["features"], outputs.real["features"]
        slack = SLACK * float(square_lengths(y).max())
        balls = Balls(radii(y, self.k, block, left_out), block, left_out, slack)
        values = np.full(len(left_out), np.nan)
        counts = self.per_image(x, y, balls)
        for i, b in enumerate(left_out):
            kept = block != b
            if np.median(balls.radius[i, kept]) > slack:
                values[i] = self.calibrated([each[i, kept] for each in counts])
        return values

    @abstractmethod
    def per_image(self, x: FloatArray, y: FloatArray, balls: Balls) -> tuple[IntArray, ...]:
        """Count memberships of balls, int64 ``[S, n]`` each, without each of S blocks."""

    @abstractmethod
    def calibrated(self, counts: Sequence[IntArray]) -> float:
        """Return the score from the counts of the images that are kept."""


class ClippedDensity(ClippedManifold):
    """Clipped Density, k = 5 (Salvy et al. 2026): how real the generated images look.

    The mean over generated images of min(balls that hold it ÷ k, 1), relative to the same of the
    real images, each without its own ball; at most 1. Radii larger than their median are cut to it,
    so that outliers have no wide balls. Balls hold their surface.
    """

    name = "clipped_density"
    title = "clipped density"
    column = 26
    variants: ClassVar[Variants] = {
        "clipped_density5_simclr": {"judge": "simclr", "title": "clipped density simclr"},
        "clipped_density5_lite0": {"title": "clipped density lite0"},
    }

    def per_image(self, x: FloatArray, y: FloatArray, balls: Balls) -> tuple[IntArray, ...]:
        """Count the balls that hold each generated, and each real image."""
        reach = np.empty_like(balls.radius)
        for i, (b, radius) in enumerate(zip(balls.left_out, balls.radius, strict=True)):
            gone = balls.block == b
            middle = np.square(np.median(np.sqrt(radius[~gone])))
            reach[i] = np.where(gone, -1.0, np.minimum(radius, middle) + balls.slack)
        generated, real = np.zeros((2, *reach.shape), dtype=np.int64)
        for rows in strips(len(y), len(y)):
            to_generated, to_real = (squared_distances(y[rows], side) for side in (x, y))
            to_real[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf
            for i in range(len(reach)):
                within = reach[i, rows, np.newaxis]
                generated[i] += np.count_nonzero(to_generated <= within, axis=0)
                real[i] += np.count_nonzero(to_real <= within, axis=0)
        return generated, real

    def calibrated(self, counts: Sequence[IntArray]) -> float:
        """Return the ratio of the means, at most 1."""
        generated, real = (np.minimum(each / self.k, 1).mean() for each in counts)
        return float(min(1.0, generated / real))


class ClippedCoverage(ClippedManifold):
    """Clipped Coverage, k = 5 (Salvy et al. 2026): how much of the real is generated.

    The mean over real images of min(generated images in its ball ÷ k, 1), put through g: the share
    p of n images that would have to be of the real distribution for that mean to be expected. The
    number of m such images in a ball is beta-binomial, BB(m, k, n − k), whatever the distribution,
    which gives the expectation of each m. Balls do not hold their surface.
    """

    name = "clipped_coverage"
    title = "clipped coverage"
    column = 27
    variants: ClassVar[Variants] = {
        "clipped_coverage5_simclr": {"judge": "simclr", "title": "clipped coverage simclr"},
        "clipped_coverage5_lite0": {"title": "clipped coverage lite0"},
    }

    def per_image(self, x: FloatArray, y: FloatArray, balls: Balls) -> tuple[IntArray, ...]:
        """Count the generated images in each ball."""
        inside = np.zeros(balls.radius.shape, dtype=np.int64)
        members = [np.flatnonzero(balls.block == b) for b in balls.left_out]
        for rows in strips(len(y), len(x)):
            distance = squared_distances(y[rows], x)
            for i, own in enumerate(members):
                within = balls.radius[i, rows, np.newaxis] - balls.slack
                inside[i, rows] = np.count_nonzero(distance < within, axis=1)
                inside[i, rows] -= np.count_nonzero(distance[:, own] < within, axis=1)
        return (inside,)

    def calibrated(self, counts: Sequence[IntArray]) -> float:
        """Return g of the mean, a multiple of 1 / (n + 1)."""
        (inside,) = counts
        expected = expected_coverage(len(inside), self.k)
        mean = np.minimum(inside / self.k, 1).mean()
        return float(np.searchsorted(expected, mean) / len(expected))


def radii(y: FloatArray, k: int, block: IntArray, left_out: Sequence[int]) -> Array:
    """Return squared distances to the k-th nearest other image, without each of S blocks.

    Shapes: y ``[n, d]``, block int64 ``[n]`` → ``[S, n]``; those of images that are themselves left
    out mean nothing. More than k images must be left without any of the blocks.
    """
    most = max(int(np.count_nonzero(block == b)) for b in left_out)
    found = np.empty((len(left_out), len(y)))
    for rows in strips(len(y), len(y)):
        distance = squared_distances(y[rows], y)
        own = np.arange(rows.stop - rows.start)
        distance[own, own + rows.start] = np.inf
        # With m images left out at most, the k-th nearest of the others is among the k + m nearest.
        near = np.argpartition(distance, min(k + most, len(y)) - 1, axis=1)[:, : k + most]
        close = np.take_along_axis(distance, near, axis=1)
        order = np.argsort(close, axis=1)
        close = np.take_along_axis(close, order, axis=1)
        owner = block[np.take_along_axis(near, order, axis=1)]
        for i, b in enumerate(left_out):
            place = (np.cumsum(owner != b, axis=1) == k).argmax(axis=1)
            found[i, rows] = close[own, place]
    return found


def expected_coverage(n: int, k: int) -> Array:
    """Return E min(J, k) / k of J ~ BB(m, k, n − k), for m = 0 … n: ``[n + 1]``, ascending.

    0 for m < k, as the authors have it: fewer than k images cannot fill a ball.
    """
    from scipy.special import betaln, gammaln

    m, j = np.arange(n + 1)[:, np.newaxis], np.arange(k)
    m = np.maximum(m, k)
    chance = np.exp(
        gammaln(m + 1) - gammaln(j + 1) - gammaln(m - j + 1)
        + betaln(k + j, n - k + m - j) - betaln(k, n - k)
    )  # fmt: skip
    expected = 1 - (chance * (k - j)).sum(axis=1) / k
    return np.where(np.arange(n + 1) < k, 0.0, expected)
