"""Diversity and sensitivity: how far a picture moves with the noise, and with the sound.

The distance of two pictures is d = ½ ‖u − u'‖², with u the judge's feature (that of
EfficientNet-lite0 unless another judge is named) scaled to length 1: 1 minus the cosine, the
distance of LPIPS (Zhang et al. 2018, eq. 1, without learnt weights) on the last, averaged layer
alone. Sensitivities are means over all pairs of different
sounds, or of different noises (the estimator of a total effect of Jansen 1999), relative to the
same of real test images I: at 1, pictures move as far as from one real segment to another. Pixel
noise that differs from picture to picture is movement, too.
"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import GRID_SEGMENTS, JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.nn.cosine import unit_rows
from a2ibench.nn.pairwise import strips
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""Mean distance of equal pictures, at most."""
ALIKE = "the real images are all alike: there is nothing to compare with"


class _OnGrid(Metric):
    """A metric of the pictures that are drawn of some sounds, each with the same noises.

    Version 2 has the scores of version 1, with intervals by the blocks that these rest on.
    """

    version = 2
    judge: str = option("lite0", "judge by whose features pictures are compared")
    reads = ("features",)
    needs = frozenset({"grid"})
    group = "variety"
    bounds = (0.0, float("inf"))

    def relative(self, outputs: JudgeOutputs, swapped: Callable[[FloatArray], Array]) -> Score:
        """Return the mean distance of swapped pictures relative to that of real images."""
        drawn = outputs.grid["features"]
        if len(drawn) < 2:
            raise UndefinedScoreError("only one sound is drawn several times")
        between = float(apart(outputs.real["features"]))
        if between < ROUNDING:
            raise UndefinedScoreError(ALIKE)
        return Score(float(swapped(drawn).mean() / between), len(drawn))


class Diversity(_OnGrid):
    """E_{a, z≠z'} d(G(a, z), G(a, z')): how far apart the pictures of one sound are.

    0 for a method that ignores its noise. What there is to be had shows in the row of real pictures
    of other segments of the class.
    """

    needs = frozenset({"grid", "noise"})
    title = "diversity"
    column = 60
    bounds = (0.0, 2.0)
    variants: ClassVar[Variants] = {"diversity_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is NaN outside the grid."""
        per_segment = np.full(len(outputs.label), np.nan, dtype=np.float32)
        moved = _over_noises(outputs.grid["features"])
        per_segment[outputs.grid_rows] = moved
        return Score(float(np.nanmean(per_segment)), len(moved), per_segment=per_segment)


class AudioSensitivity(_OnGrid):
    """E_{z, a≠a'} d(G(a, z), G(a', z)) / E_{i≠j} d(I_i, I_j): the sound is swapped.

    0 for a method that is deaf.
    """

    title = "audio sensitivity"
    column = 62
    variants: ClassVar[Variants] = {"audio_sensitivity_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        return self.relative(outputs, apart)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use sums over the blocks."""
        own, number = block[outputs.grid_rows], int(block.max()) + 1
        moved = apart_without(outputs.grid["features"], own, number).mean(axis=1)
        return moved / apart_without(outputs.real["features"], block, number)


class AudioSensitivityInClass(_OnGrid):
    """The same inside the classes: Σ_c E d(G(a, z), G(a', z)) / Σ_c E d(I_i, I_j).

    Sounds a ≠ a' and images i ≠ j are of class c, and the sums go over the classes with two sounds
    in the grid. 0 for a method that hears the class alone.
    """

    name = "audio_sensitivity_inclass"
    title = "audio sensitivity in class"
    column = 63
    variants: ClassVar[Variants] = {"audio_sensitivity_inclass_lite0": {}}

    def check(self, label: IntArray, classes: tuple[str, ...]) -> None:
        """Refuse a grid, which takes segments of the classes in turn, with no class twice."""
        present = len(np.unique(label))
        if present >= min(GRID_SEGMENTS, len(label)):
            raise UserError(
                f"{self.name}: needs two sounds of one class among the {GRID_SEGMENTS} that are"
                f" drawn several times; there are {present} classes"
            )

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class.

        Raises:
            UndefinedScoreError: no class has two sounds in the grid, or two different real images.
        """
        drawn, real = outputs.grid["features"], outputs.real["features"]
        label = outputs.label[outputs.grid_rows]
        classes = np.flatnonzero(np.bincount(label) > 1)
        if not len(classes):
            raise UndefinedScoreError("no class has two sounds that are drawn several times")
        moved = sum(float(apart(drawn[label == one]).mean()) for one in classes)
        between = sum(float(apart(real[outputs.label == one])) for one in classes)
        if between < ROUNDING:
            raise UndefinedScoreError(ALIKE)
        return Score(moved / between, int(np.isin(label, classes).sum()))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use sums over the blocks of each class."""
        drawn, real = outputs.grid["features"], outputs.real["features"]
        label, own = outputs.label[outputs.grid_rows], block[outputs.grid_rows]
        number = int(block.max()) + 1
        moved, between = np.zeros(number), np.zeros(number)
        for one in np.flatnonzero(np.bincount(label) > 1):
            asked, shown = label == one, outputs.label == one
            here = apart_without(drawn[asked], own[asked], number).mean(axis=1)
            twice = np.isfinite(here)  # a class counts where two of its sounds are left
            moved[twice] += here[twice]
            between[twice] += apart_without(real[shown], block[shown], number)[twice]
        none = np.full(number, np.nan)
        return np.divide(moved, between, out=none, where=between > 0)


class NoiseSensitivity(_OnGrid):
    """E_{a, z≠z'} d(G(a, z), G(a, z')) / E_{i≠j} d(I_i, I_j): the noise is swapped.

    0 for a method that ignores its noise.
    """

    needs = frozenset({"grid", "noise"})
    title = "noise sensitivity"
    column = 64
    variants: ClassVar[Variants] = {"noise_sensitivity_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        return self.relative(outputs, _over_noises)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the distances of each sound; NaN where fewer than two sounds are left."""
        moved, own = _over_noises(outputs.grid["features"]), block[outputs.grid_rows]
        number = int(block.max()) + 1
        left = [moved[own != b] for b in range(number)]
        means = np.array([rest.mean() if len(rest) > 1 else np.nan for rest in left])
        return means / apart_without(outputs.real["features"], block, number)


def apart(phi: FloatArray) -> Array:
    """Return ½ E‖u − u'‖² over pairs of different rows, the unbiased variance: sums, no pairs.

    phi is ``[n, …, k]``, n ≥ 2; the result, ``[…]``, is exactly 0 where all rows are equal.
    """
    return _spread(*(part[0] for part in _sums(phi, np.zeros(len(phi), dtype=np.int64), 1)))


def apart_without(phi: FloatArray, block: IntArray, number: int) -> Array:
    """Return :func:`apart` of the rows outside each of ``number`` blocks, ``[B, …]``.

    ``block`` is int64 ``[n]``. NaN where fewer than two rows are left.
    """
    return _spread(*(part.sum(axis=0) - part for part in _sums(phi, block, number)))


def _sums(phi: FloatArray, block: IntArray, number: int) -> tuple[Array, Array, Array]:
    """Return Σ 1, Σ u and Σ ‖u‖² of each block: ``[B, …]``, ``[B, …, k]`` and ``[B, …]``.

    The u are less that of the first row: what is equal becomes 0, not a rounding error.
    """
    shape = phi.shape[1:]
    first = _unit(phi[:1])
    size, square = np.zeros((2, number, *shape[:-1]))
    total = np.zeros((number, *shape))
    for rows in strips(len(phi), int(np.prod(shape))):
        u = _unit(phi[rows]) - first
        member = np.equal.outer(np.arange(number), block[rows]).astype(np.float64)
        size += member.sum(axis=1).reshape(-1, *[1] * (phi.ndim - 2))
        total += np.tensordot(member, u, 1)
        square += np.tensordot(member, np.square(u).sum(axis=-1), 1)
    return size, total, square


def _spread(size: Array, total: Array, square: Array) -> Array:
    n = np.where(size > 1, size, np.nan)
    spread: Array = (square - np.square(total).sum(axis=-1) / n) / (n - 1)
    return np.maximum(spread, 0.0)  # not below by rounding


def _unit(phi: FloatArray) -> Array:
    return unit_rows(phi.reshape(-1, phi.shape[-1])).reshape(phi.shape)


def _over_noises(drawn: FloatArray) -> Array:
    return apart(drawn.transpose(1, 0, 2))
