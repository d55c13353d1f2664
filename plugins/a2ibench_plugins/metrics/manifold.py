"""Precision, recall, density, coverage: the images that lie where the other set's images lie."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.nn.pairwise import (
    distances_of_pairs,
    distinct_rows,
    rough_distances,
    square_lengths,
    squared_distances,
    strips,
)
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Side = Literal["real", "generated"]


@dataclass(frozen=True)
class Members:
    """Numbers of images in spheres, each int32 ``[1 + B, n]``.

    The first row is of all images, row 1 + b of those outside of block b: their spheres reach to
    other neighbours. Images and spheres of the block itself have 0 there.

    Attributes:
        inside: for each image of the other set, the spheres in which it lies below the surface.
        held: the same, or on the surface.
        holds: for each sphere, the images of the other set in it or on its surface.
    """

    inside: Counts
    held: Counts
    holds: Counts


@dataclass(frozen=True)
class Spheres:
    """Spheres around the images of one set, each to its k-th nearest *other* image of that set.

    Called with a judge's outputs, it finds the :class:`Members`. Equal images have equal distances
    to the last bit, so that what is on a surface is known.
    """

    around: Side
    k: int

    def __call__(self, outputs: JudgeOutputs) -> Members:
        """Compute ‖x − y‖² some spheres at a time.

        Radii are computed in float64; what lies in a sphere in float32, and in float64 near its
        surface.
        """
        middles, others = outputs.real["features"], outputs.generated["features"]
        if self.around == "generated":
            middles, others = others, middles
        n, block = len(middles), outputs.block
        first, position = distinct_rows(chain(middles, others))
        own, new = first[first < n], first[first >= n] - n
        sets = [_take(middles, own), _take(others, new)]
        length = square_lengths(sets[1])
        shape = (1 + int(block.max(initial=-1)) + 1, n)
        inside, held, holds = (np.zeros(shape, dtype=np.int32) for _ in range(3))
        for rows in strips(n, len(first)):
            among = squared_distances(middles[rows], sets[0])
            np.put_along_axis(among, position[rows, np.newaxis], 0.0, axis=1)
            rough, error = rough_distances(middles[rows], sets[1], length)
            apart = among
            if len(first) < 2 * n:
                apart = among[:, position[:n]]
                with np.errstate(over="ignore"):  # the error is inf
                    rough = np.concatenate([among.astype(np.float32), rough], axis=1)
                rough = rough[:, position[n:]]
            radius = radii(apart, self.k, block, block[rows])
            sphere, image, reach, near = possible_members(rough, error, radius)
            column = position[n + image[near]]
            same = column < len(own)  # as an image of this set
            reach[near[same]] = among[sphere[near[same]], column[same]]
            near = near[~same]
            reach[near] = distances_of_pairs(
                middles, others, rows.start + sphere[near], image[near]
            )
            for row, limit in enumerate(radius):
                within = reach <= limit[sphere]
                if row:
                    within &= block[image] != row - 1
                below = within & (reach < limit[sphere])
                inside[row] += np.bincount(image[below], minlength=n).astype(np.int32)
                held[row] += np.bincount(image[within], minlength=n).astype(np.int32)
                holds[row, rows] = np.bincount(sphere[within], minlength=len(radius[0]))
        return Members(inside, held, holds)


def possible_members(
    rough: FloatArray, error: Array, radius: Array
) -> tuple[IntArray, IntArray, Array, IntArray]:
    """Return the spheres and the images of all pairs where the image may be in the sphere.

    Args:
        rough: float32 ``[c, n]``, distances from the middles to the images.
        error: float64 ``[c]``, by which they may be off at most.
        radius: see :func:`radii`.

    Returns:
        int64 ``[p]`` and ``[p]``; the distances of these pairs; and int64 ``[u]``, which of these
        are too near a surface to tell.
    """
    widest = (radius.max(axis=0) + error).astype(np.float32)
    sphere, image = np.nonzero(~(rough > widest[:, np.newaxis]))
    reach = rough[sphere, image].astype(np.float64)
    narrowest = radius[0]  # of no block left out
    return sphere, image, reach, np.flatnonzero(~(reach < (narrowest - error)[sphere]))


def _take(x: FloatArray, rows: IntArray) -> FloatArray:
    return x if len(rows) == len(x) else x[rows]


def radii(among: Array, k: int, block: IntArray, own: IntArray) -> Array:
    """Return the radii, squared, of some of a set's spheres: ``[1 + B, c]``.

    The first row is of all images; row 1 + b of those outside of block b, and −1, so that nothing
    is in it, for a sphere of block b. With m images in the largest block, the k-th nearest of the
    others is one of the k + m nearest.

    Args:
        among: ``[c, n]``, distances from the middles to all images of their set; 0 to themselves.
        k: 1 … n − 1.
        block: int64 ``[n]``, or empty.
        own: int64 ``[c]``, the blocks of the middles.
    """
    sizes = np.bincount(block)
    most = min(k + int(sizes.max(initial=0)), among.shape[1] - 1)
    near = np.argpartition(among, most, axis=1)[:, : most + 1]
    distance = np.take_along_axis(among, near, axis=1)
    order = np.argsort(distance, axis=1)
    distance = np.take_along_axis(distance, order, axis=1)
    radius = np.tile(distance[:, k], (1 + len(sizes), 1))
    if len(sizes):
        owner = block[np.take_along_axis(near, order, axis=1)]
        # Without a block that none of the k nearest is of, a sphere is what it was.
        for b in range(len(sizes)):
            row = np.flatnonzero((owner[:, : k + 1] == b).any(axis=1) & (own != b))
            place = np.cumsum(owner[row] != b, axis=1) == k + 1  # the first is the middle itself
            radius[1 + b, row] = distance[row, place.argmax(axis=1)]
        radius[1 + own, np.arange(len(own))] = -1.0
    return radius


class Manifold(Metric):
    """Base of the metrics of which images of one set lie in the spheres of the other.

    Real images are the *test* images, one per segment, as many as generated ones. An interval takes
    blocks of segments out of both sets. The ground-truth row, the very images that it is compared
    with, reaches 1.
    """

    k: int
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    percent = True
    bounds = (0.0, 1.0)
    fewest = 100
    around: ClassVar[Side] = "real"
    """The set that has the spheres; the other one lies in them."""

    @abstractmethod
    def per_image(self, members: Members) -> Array:
        """Return one number per image, ``[1 + B, n]``; the score is their mean."""

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the number of each image."""
        return Score.mean(self.per_image(outputs.once(Spheres(self.around, self.k)))[0])

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use what was counted: other images have other neighbours where a block is missing."""
        sizes = np.bincount(block)
        if len(block) - sizes.max() <= self.k:
            return np.full(len(sizes), np.nan)
        members = outputs.with_blocks(block).once(Spheres(self.around, self.k))
        return self.per_image(members)[1:].sum(axis=1) / (len(block) - sizes)


class Precision(Manifold):
    """Improved precision, k = 3 (Kynkäänniemi et al. 2019): the generated images that look real.

    The share of generated images in the sphere of at least one real image; a sphere holds its
    surface (eq. 1). One outlier among the real images, with its wide sphere, raises it: density
    counts spheres instead.
    """

    k: int = option(3, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "precision"
    column = 24
    variants: ClassVar[Variants] = {"precision3_lite0": {"title": "precision lite0"}}
    headline = False

    def per_image(self, members: Members) -> Array:
        """Return 1 for an image in a sphere, else 0."""
        return (members.held > 0).astype(np.float64)


class Recall(Precision):
    """Improved recall, k = 3 (Kynkäänniemi et al. 2019): the real images that could be generated.

    The share of real images in the sphere of at least one generated image. Generated images that
    are all poor and far apart raise it: coverage has its spheres around real images instead.
    """

    title = "recall"
    column = 25
    variants: ClassVar[Variants] = {"recall3_lite0": {"title": "recall lite0"}}
    around = "generated"


class Density(Manifold):
    """Density, k = 5 (Naeem et al. 2020, eq. 3): how many real spheres a generated image is in.

    Divided by k: 1 is expected where both sets are of one distribution, and the ground truth has 1;
    more is possible where generated images gather where the real ones are dense. An image on the
    surface of a sphere, as the k-th nearest real image itself is, is not in it (version 2), as in
    the authors' ``prdc``: with it the ground truth would have 1 + 1/k. Spheres around a picture
    that is there k + 1 times, or more often, are empty.
    """

    version = 2
    k: int = option(5, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "density"
    column = 22
    variants: ClassVar[Variants] = {
        "density5_simclr": {"judge": "simclr", "title": "density simclr"},
        "density5_lite0": {"title": "density lite0", "headline": False},
    }
    bounds = (0.0, float("inf"))

    def per_image(self, members: Members) -> Array:
        """Return the number of spheres that a generated image is inside of, ÷ k."""
        return members.inside / self.k


class Coverage(Manifold):
    """Coverage, k = 5 (Naeem et al. 2020, eq. 4): the real images with a generated one nearby.

    The share of real images whose sphere holds at least one generated image. Of two large sets of
    one size and one distribution 1 − 2⁻⁵ = 97 % is expected. A sphere holds its surface: unlike in
    ``prdc``, a real picture that is there k + 1 times is covered by that picture.
    """

    k: int = option(5, "the sphere reaches to the k-th nearest image", minimum=1, maximum=99)
    title = "coverage"
    column = 23
    variants: ClassVar[Variants] = {
        "coverage5_simclr": {"judge": "simclr", "title": "coverage simclr"},
        "coverage5_lite0": {"title": "coverage lite0", "headline": False},
    }

    def per_image(self, members: Members) -> Array:
        """Return 1 for a real image with a generated one in its sphere, else 0."""
        return (members.holds > 0).astype(np.float64)
