"""Precision, recall, density, coverage: the images that lie where the other set's images lie."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]
Members = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Distances:
    """Squared Euclidean distances between all features of two sets of n, each ``[n, n]``.

    Equal images have equal distances to the last bit, so that a sphere holds what is on it.

    Attributes:
        generated: of generated image i and generated image j.
        real: of real image i and real image j.
        cross: of generated image i and real image j.
    """

    generated: Array
    real: Array
    cross: Array


def find_distances(outputs: JudgeOutputs) -> Distances:
    """Compute ‖x − y‖² of the features, in float64, in memory for 11 n² numbers."""
    x, y = outputs.generated["features"], outputs.real["features"]
    distinct, position = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    wide = distinct.astype(np.float64)
    square = np.square(wide).sum(axis=1)
    product = wide @ wide.T
    product *= 2
    distance = square[:, np.newaxis] + square
    distance -= product
    np.maximum(distance, 0, out=distance)
    # i is as far from j as j from i, to the last bit; the product's memory takes the result.
    distance = np.minimum(distance, distance.T, out=product)
    np.fill_diagonal(distance, 0.0)
    i, j = np.split(position.reshape(-1), [len(x)])
    return Distances(distance[np.ix_(i, i)], distance[np.ix_(j, j)], distance[np.ix_(i, j)])


def radii(among: Array, k: int) -> Array:
    """Return the radii ``[n]``, squared, of a set's spheres: to the k-th nearest *other* image.

    ``among`` is ``[n, n]``, of the middles of the spheres, with 0 on the diagonal; k is 1..n − 1.
    """
    return np.asarray(np.partition(among, k, axis=1)[:, k])


def radii_without_blocks(among: Array, k: int, block: IntArray) -> Array:
    """Return the radii without each block, ``[B, n]``; −1, so that nothing is in it, for its own.

    With m images in the largest block, the k-th nearest of the others is one of the k + m nearest.
    """
    sizes = np.bincount(block)
    near = np.argpartition(among, k + sizes.max(), axis=1)[:, : k + sizes.max() + 1]
    distance = np.take_along_axis(among, near, axis=1)
    order = np.argsort(distance, axis=1)
    distance = np.take_along_axis(distance, order, axis=1)
    owner = block[np.take_along_axis(near, order, axis=1)]
    radius = np.empty((len(sizes), len(block)))
    for b in range(len(sizes)):
        place = np.cumsum(owner != b, axis=1) == k + 1  # the first of them is the middle itself
        radius[b] = np.take_along_axis(distance, place.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
        radius[b, block == b] = -1.0
    return radius


class Manifold(Metric):
    """Base of the metrics of which images of one set lie in the spheres of the other.

    A sphere holds its surface (Kynkäänniemi et al. 2019, eq. 1). Real images are the *test* images,
    one per segment, as many as generated ones. An interval takes blocks of segments out of both
    sets. The ground-truth row, the very images that it is compared with, reaches 1 (density about
    1).
    """

    k: int
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    percent = True
    bounds = (0.0, 1.0)
    fewest = 100
    spheres: ClassVar[Literal["real", "generated"]] = "real"
    """The set that has the spheres; the other one lies in them."""

    @abstractmethod
    def per_image(self, held: Members) -> Array:
        """Return one number per image, ``[n]``; the score is their mean.

        ``held``, bool ``[n, n]``: whether image i of the one set lies in sphere j of the other.
        """

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the number of each image."""
        among, across = self._distances(outputs)
        return Score.mean(self.per_image(across <= radii(among, self.k)))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the distances: other images have other neighbours where a block is missing."""
        among, across = self._distances(outputs)
        sizes = np.bincount(block)
        if len(block) - sizes.max() <= self.k:
            return np.full(len(sizes), np.nan)
        values = np.empty(len(sizes))
        for b, radius in enumerate(radii_without_blocks(among, self.k, block)):
            held = across <= radius
            held[block == b] = False
            values[b] = self.per_image(held)[block != b].mean()
        return values

    def _distances(self, outputs: JudgeOutputs) -> tuple[Array, Array]:
        """Return distances between the spheres' middles, and from the other images to them."""
        distances = outputs.once(find_distances)
        if self.spheres == "real":
            return distances.real, distances.cross
        return distances.generated, distances.cross.T


class Precision(Manifold):
    """Improved precision, k = 3 (Kynkäänniemi et al. 2019): the generated images that look real.

    The share of generated images in the sphere of at least one real image. One outlier among the
    real images, with its wide sphere, raises it: density counts spheres instead.
    """

    k: int = option(3, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "precision"
    column = 24
    variants: ClassVar[Variants] = {"precision3_lite0": {"title": "precision lite0"}}
    headline = False

    def per_image(self, held: Members) -> Array:
        """Return 1 for an image in a sphere, else 0."""
        return np.asarray(held.any(axis=1), dtype=np.float64)


class Recall(Precision):
    """Improved recall, k = 3 (Kynkäänniemi et al. 2019): the real images that could be generated.

    The share of real images in the sphere of at least one generated image. Generated images that
    are all poor and far apart raise it: coverage has its spheres around real images instead.
    """

    title = "recall"
    column = 25
    variants: ClassVar[Variants] = {"recall3_lite0": {"title": "recall lite0"}}
    spheres = "generated"


class Density(Manifold):
    """Density, k = 5 (Naeem et al. 2020, eq. 3): how many real spheres a generated image is in.

    Divided by k: 1 is expected where both sets are of one distribution; more is possible where
    generated images gather where the real ones are dense. Spheres hold their surface.
    """

    k: int = option(5, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "density"
    column = 22
    variants: ClassVar[Variants] = {"density5_lite0": {"title": "density lite0"}}
    bounds = (0.0, float("inf"))

    def per_image(self, held: Members) -> Array:
        """Return the number of spheres that hold a generated image, ÷ k."""
        return np.asarray(held.sum(axis=1) / self.k)


class Coverage(Manifold):
    """Coverage, k = 5 (Naeem et al. 2020, eq. 4): the real images with a generated one nearby.

    The share of real images whose sphere holds at least one generated image. Of two large sets of
    one size and one distribution 1 − 2⁻⁵ = 97 % is expected. Spheres hold their surface.
    """

    k: int = option(5, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "coverage"
    column = 23
    variants: ClassVar[Variants] = {"coverage5_lite0": {"title": "coverage lite0"}}

    def per_image(self, held: Members) -> Array:
        """Return 1 for a real image with a generated one in its sphere, else 0."""
        return np.asarray(held.any(axis=0), dtype=np.float64)
