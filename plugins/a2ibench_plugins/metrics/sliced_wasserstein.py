"""MIND: the sliced Wasserstein distance of the features, by projections on random directions."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.types import FloatArray, IntArray

SEED = 2020
"""Seed of the directions."""
DIRECTIONS = 50
"""Directions that are projected on at a time."""
ROWS = 4096
"""Images that are projected at a time."""

Array = npt.NDArray[np.float64]


class SlicedWasserstein(Metric):
    """MIND (Berthet et al. 2026): the squared sliced 2-Wasserstein distance of the features, × 3d.

    MIND = 3d / (n M) · Σ_u Σ_i (x₍ᵢ₎ᵘ − y₍ᵢ₎ᵘ)², where u goes over M random directions of length 1
    and x₍ᵢ₎ᵘ, y₍ᵢ₎ᵘ are the projections of the n generated and the n real *test* images on u, each
    in ascending order. With d features, sets that differ by a shift Δ are 3 ‖Δ‖² apart. The
    directions are those of a fixed seed: others move the value by about its M^−½. Unlike
    the Fréchet distance it supposes no Gaussians and forms no covariance. The ground-truth row is
    0, being the very images that it is compared with. On Inception v3 (2015-12-05) it is the
    published distance, but to test images.
    """

    name = "mind"
    projections: int = option(1000, "number M of random directions", minimum=1, maximum=100_000)
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    title = "MIND"
    column = 19
    headline = False
    higher_is_better = False
    bounds = (0.0, float("inf"))
    fewest = 100
    variants: ClassVar[Variants] = {
        "mind_inceptionv3": {"judge": "inceptionv3"},
        "mind_lite0": {"title": "MIND lite0"},
    }

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        x, y = outputs.generated["features"], outputs.real["features"]
        total = 0.0
        for u in self._directions(x.shape[1]):
            difference = np.sort(_project(x, u), axis=1) - np.sort(_project(y, u), axis=1)
            total += float(np.square(difference).sum())
        return Score(3 * x.shape[1] * total / (len(x) * self.projections), len(x))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the order of all images: it is that of the images that are left."""
        x, y = outputs.generated["features"], outputs.real["features"]
        number = int(block.max()) + 1
        total, left = np.zeros(number), len(block) - np.bincount(block, minlength=number)
        for u in self._directions(x.shape[1]):
            (x_sorted, x_block), (y_sorted, y_block) = (
                _sort_with(_project(part, u), block) for part in (x, y)
            )
            for b in np.flatnonzero(left):
                difference = x_sorted[x_block != b] - y_sorted[y_block != b]
                total[b] += float(np.square(difference).sum())
        none = np.full(number, np.nan)
        return 3 * x.shape[1] / self.projections * np.divide(total, left, out=none, where=left > 0)

    def _directions(self, d: int) -> Iterator[Array]:
        """Yield the directions, a few at a time, float64 ``[m, d]``."""
        rng = np.random.default_rng(SEED)
        for start in range(0, self.projections, DIRECTIONS):
            u = rng.normal(size=(min(DIRECTIONS, self.projections - start), d))
            yield u / np.linalg.norm(u, axis=1, keepdims=True)


def _project(x: FloatArray, u: Array) -> Array:
    """Return the projections of images ``[n, d]`` on directions ``[m, d]``, ``[m, n]``."""
    parts = (x[start : start + ROWS].astype(np.float64) for start in range(0, len(x), ROWS))
    return np.concatenate([u @ part.T for part in parts], axis=1)


def _sort_with(projected: Array, block: IntArray) -> tuple[Array, IntArray]:
    order = np.argsort(projected, axis=1)
    return np.take_along_axis(projected, order, axis=1), block[order]
