"""Conditional Vendi and RKE scores: the effective number of different pictures of one sound."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.nn.cosine import unit_rows
from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]


class ConditionalDiversity(Metric):
    """Base of the scores exp(H_α(X | T)) of Jalali et al. (2024): the diversity that is not T's.

    X are the pictures of the grid, A sounds × Z noises, and T is which sound each is of. H_α(X | T)
    = H_α((K_X ∘ K_T) / n) − H_α(K_T / n), where H_α of a matrix is the Rényi entropy of its
    eigenvalues, K_X holds the cosines of the judge's features, and K_T is 1 for two pictures of one
    sound and 0 for others: the paper's Gaussian kernel on texts, with a width of nothing. From 1,
    all pictures of a sound are alike, to Z, each is orthogonal to the others.

    What the sounds explain does not count: a method that draws another picture of each sound, but
    always the same of one, scores 1. The level depends on Z and on the judge, whose features are
    never orthogonal: the row of real pictures of other segments of the class shows what is to be
    had. Version 2 has the scores of version 1, with intervals by the blocks that are in the grid.
    """

    version = 2
    judge: str = option("lite0", "whose features the pictures are compared by")
    reads = ("features",)
    needs = frozenset({"grid", "noise"})
    group = "variety"
    headline = False
    bounds = (1.0, float("inf"))
    fewest = 2

    @abstractmethod
    def of_sound(self, eigenvalues: Array) -> Array:
        """Return a number for each sound, ``[A]``, from the eigenvalues of K_X / Z, ``[A, Z]``."""

    @abstractmethod
    def of_mean(self, mean: Array) -> Array:
        """Return the score from the mean of these numbers over the sounds."""

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class.

        Raises:
            UndefinedScoreError: there is one sound, or one picture of each, or a picture without
                features.
        """
        each = self._each(outputs)
        return Score(float(self.of_mean(each.mean())), len(each))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the number of each sound; NaN where fewer than two are left."""
        each, own = self._each(outputs), block[outputs.grid_rows]
        left = [each[own != b] for b in range(int(block.max()) + 1)]
        means = np.array([rest.mean() if len(rest) > 1 else np.nan for rest in left])
        return self.of_mean(means)

    def _each(self, outputs: JudgeOutputs) -> Array:
        phi = outputs.grid["features"]
        sounds, draws, k = phi.shape
        if sounds < 2 or draws < 2:
            raise UndefinedScoreError(
                f"{self.name}: needs two pictures of each of two sounds, there are {draws} of"
                f" {sounds}"
            )
        u = unit_rows(phi.reshape(-1, k)).reshape(phi.shape)
        if not u.any(axis=2).all():
            raise UndefinedScoreError(
                f"{self.name}: a picture whose features are all 0 has no direction"
            )
        eigenvalues = np.linalg.eigvalsh(u @ u.transpose(0, 2, 1) / draws)
        return self.of_sound(np.clip(eigenvalues, 0, 1))


class ConditionalVendi(ConditionalDiversity):
    """Conditional Vendi score (Jalali et al. 2024): α = 1, the Shannon entropy.

    The geometric mean over the sounds of the Vendi score (Friedman and Dieng 2023) of each.
    """

    name = "cond_vendi"
    title = "cond. Vendi"
    column = 66
    variants: ClassVar[Variants] = {"cond_vendi_lite0": {}}

    def of_sound(self, eigenvalues: Array) -> Array:
        """Return −Σ λ log λ."""
        positive = np.where(eigenvalues > 0, eigenvalues, 1.0)
        return -(positive * np.log(positive)).sum(axis=1)

    def of_mean(self, mean: Array) -> Array:
        """Return its exponential, at least 1."""
        return np.maximum(np.exp(mean), 1.0)


class ConditionalRKE(ConditionalDiversity):
    """Conditional RKE score (Jalali et al. 2024): α = 2, less sensitive to rare differences.

    The harmonic mean over the sounds of the RKE score (Jalali et al. 2023) of each.
    """

    name = "cond_rke"
    title = "cond. RKE"
    column = 67
    variants: ClassVar[Variants] = {"cond_rke_lite0": {}}

    def of_sound(self, eigenvalues: Array) -> Array:
        """Return Σ λ²."""
        return np.square(eigenvalues).sum(axis=1)

    def of_mean(self, mean: Array) -> Array:
        """Return its inverse, at least 1."""
        return np.maximum(1 / mean, 1.0)
