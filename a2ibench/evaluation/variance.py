"""Variance of scores: what training seeds, test clips, and the rest contribute.

The pseudo-values x_sb of S seeds and B blocks of test clips follow a model of crossed random
effects, x_sb = μ + seed_s + block_b + rest_sb (Searle, Casella & McCulloch 1992, ch. 4). Blocks are
drawn inside strata, the classes (:mod:`a2ibench.evaluation.clip_blocks`), and a score is compared
with another one on the same blocks, while each has seeds of its own: that two arms have a seed's
number in common makes their scores hardly alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeedScores:
    """One metric of one arm over its training seeds.

    Attributes:
        seeds: the seeds that have a result, ascending.
        values: float64 ``[S]``, the score of each.
        n: images behind each score.
        spread: float64 ``[S]``, what the protocol prints behind ±; None where it has none.
        blocks: float64 ``[S, B]``, jackknife pseudo-values of the blocks of test clips; NaN where
            there are none.
        clips: test clips that the n images are of; None where that is not known.
        chance: the score of who knows nothing, on these test segments; None without such a score.
        strata: int64 ``[B]``, the stratum of each block; None where all are of one.
        undefined: number of further seeds whose images have no score.
        pooled: whether the score is of all images together, as KID is, and not the mean of scores
            of single segments: then no block has a score of its own.
    """

    seeds: tuple[int, ...]
    values: Array
    n: int
    spread: Array | None
    blocks: Array
    clips: int | None = None
    chance: float | None = None
    strata: IntArray | None = None
    undefined: int = 0
    pooled: bool = False

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))


@dataclass(frozen=True)
class Estimate:
    """An estimate of the variance of a mean, with its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class MeanSquares:
    """The analysis of variance of a score, or of a difference; see :func:`mean_squares`.

    Attributes:
        seeds: of each arm with several seeds, the variance of its mean by the scatter of its seeds.
        blocks: the variance of the mean, or the difference of the means, by the scatter of blocks.
        rest: the share of ``blocks`` that other seeds would change as well.
        number: blocks that every score has a pseudo-value of.
    """

    seeds: tuple[Estimate, ...]
    blocks: Estimate
    rest: float
    number: int


@dataclass(frozen=True)
class Components:
    """The variance components of a score, or of a difference; see :func:`components`.

    Each is the variance that it gives a score of one seed on these test clips, in squared units of
    the score; at least 0. Of a difference, each arm having as many seeds.

    Attributes:
        seed: of the training seed; NaN with one seed.
        block: of the choice of test clips, alike for every seed. It includes ``rest`` with one
            seed, from which the two cannot be told apart.
        rest: of what each seed makes of each clip; NaN with one seed.
    """

    seed: float
    block: float
    rest: float

    def variance(self, seeds: int, clips: float = 1.0) -> float:
        """Return the variance of the mean over seeds, with ``clips`` times as many test clips."""
        return self.seed / seeds + self.block / clips + self.rest / (seeds * clips)


def components(arm: SeedScores, base: SeedScores | None = None) -> Components | None:
    """Return the variance components of an arm's score, or of its difference from a base.

    They solve the expected mean squares, a component that comes out negative being 0: for S seeds,
    E[A] = (seed + rest) / S, E[C] = block + rest / S, E[E] = rest / S.

    Returns:
        None where fewer than two blocks can be compared.

    Raises:
        ValueError: the two have different blocks.
    """
    arms = (arm,) if base is None else (arm, base)
    found = mean_squares(arms)
    if found is None:
        return None
    if any(len(one.seeds) < 2 for one in arms):
        return Components(float("nan"), found.blocks.variance, float("nan"))
    blocks, strata = comparable(arms)
    rests = [_rest(one, strata) * len(one) for one in blocks]
    seeds = [
        max(A.variance * len(one.seeds) - rest, 0.0)
        for A, one, rest in zip(found.seeds, arms, rests, strict=True)
    ]
    return Components(sum(seeds), max(found.blocks.variance - found.rest, 0.0), sum(rests))


def mean_squares(arms: Sequence[SeedScores]) -> MeanSquares | None:
    """Return the mean squares of one arm, or of the difference of two, as variances of the mean.

    Returns:
        None where fewer than two blocks can be compared.

    Raises:
        ValueError: the two have different blocks.
    """
    blocks, strata = comparable(arms)
    if not len(strata):
        return None
    means = [one.mean(axis=0) for one in blocks]
    several = [(arm, one) for arm, one in zip(arms, blocks, strict=True) if len(arm.seeds) > 1]
    return MeanSquares(
        seeds=tuple(
            Estimate(float(np.var(arm.values, ddof=1)) / len(arm.seeds), len(arm.seeds) - 1)
            for arm, _ in several
        ),
        blocks=_of_blocks(means[0] if len(means) < 2 else means[0] - means[1], strata),
        rest=sum(_rest(one, strata) for _, one in several),
        number=len(strata),
    )


def comparable(arms: Sequence[SeedScores]) -> tuple[list[Array], IntArray]:
    """Return the blocks that every seed has a pseudo-value of, and their strata of two or more.

    Raises:
        ValueError: the arms have different blocks.
    """
    first, strata = arms[0], _strata(arms[0])
    for arm in arms[1:]:
        if not np.array_equal(_strata(arm), strata):
            raise ValueError(
                f"expected the same blocks of test clips, got {first.blocks.shape[1]} and"
                f" {arm.blocks.shape[1]}"
            )
    there = np.logical_and.reduce([np.isfinite(arm.blocks).all(axis=0) for arm in arms])
    there[there] = np.bincount(strata[there], minlength=1)[strata[there]] > 1
    return [arm.blocks[:, there] for arm in arms], strata[there]


def satterthwaite(*parts: Estimate) -> Estimate:
    """Return the sum of independent estimates, with the degrees of freedom of Satterthwaite 1946,
    1 / ν = Σ (share of the part)² / ν of the part."""
    total = sum(part.variance for part in parts)
    if total == 0:
        return Estimate(0.0, min(part.freedom for part in parts))
    inverse = sum((part.variance / total) ** 2 / part.freedom for part in parts)
    return Estimate(total, 1 / inverse)


def _strata(arm: SeedScores) -> IntArray:
    return np.zeros(arm.blocks.shape[1], np.int64) if arm.strata is None else arm.strata


def _residuals(blocks: Array, strata: IntArray) -> Array:
    """Return blocks less the mean of their stratum of g, × √(g / (g − 1)): ``[S, B]``."""
    member = np.equal.outer(strata, np.unique(strata)).astype(np.float64)
    size = member.sum(axis=0)
    means = (blocks @ member / size) @ member.T
    residuals: Array = (blocks - means) * np.sqrt(member @ (size / (size - 1)))
    return residuals


def _of_blocks(means: Array, strata: IntArray) -> Estimate:
    """Return the variance of a mean over blocks that are drawn inside strata.

    Its degrees of freedom are Satterthwaite's, with the bias of the squares of estimates removed,
    ν = (Σ V)² / Σ (V² / (g + 1)) − 2: one for each of many strata of two blocks, g − 1 for one.
    """
    squares = (_residuals(means[np.newaxis], strata)[0] / len(means)) ** 2
    _, position, size = np.unique(strata, return_inverse=True, return_counts=True)
    variances = np.bincount(position, squares)
    total = float(variances.sum())
    if total == 0:
        return Estimate(0.0, float((size - 1).sum()))
    freedom = total**2 / float(np.sum(variances**2 / (size + 1))) - 2
    return Estimate(total, max(freedom, 1.0))


def _rest(blocks: Array, strata: IntArray) -> float:
    """Return the part of the variance of the mean over blocks that is of single seeds' scores."""
    residuals = _residuals(blocks, strata)
    rest = residuals - residuals.mean(axis=0)
    return float(np.sum(rest**2)) / ((len(blocks) - 1) * len(blocks) * blocks.shape[1] ** 2)
