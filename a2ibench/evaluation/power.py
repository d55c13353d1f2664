"""Power of a test: the difference that some seeds and test clips detect, and how many it needs.

The test is that of :func:`~a2ibench.evaluation.statistics.difference`: a difference counts if its
absolute value exceeds r = max(t √ΣA, t' √V), where ΣA and V are random themselves. Given r, a
difference D ~ N(δ, σ²) is found with probability Φ((δ − r) / σ); the power is the mean of that over
the distribution of r. For ΣA alone and two arms alike it is the tail of a non-central t
distribution (Welch's test; Cohen 1988, ch. 2). For the larger of two that share D and ΣA it has no
closed form, and is a mean over evenly spread quantiles of the mean squares, each σ² χ² / ν. The
variances come from a pilot (:func:`~a2ibench.evaluation.variance.components`).

``benchmarks/power.py`` compares it with simulated studies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, special

from a2ibench.config import MAX_SEEDS
from a2ibench.evaluation.clip_blocks import BLOCKS
from a2ibench.evaluation.statistics import MIN_CLIPS, MIN_SEEDS, NOISE
from a2ibench.evaluation.variance import Array, SeedScores, components, mean_squares

MAX_CLIPS = 1_000_000
"""Test clips beyond which no number is searched."""
NODES = 512
"""Quantiles of the mean squares over which the power is a mean; a power of 2."""


@dataclass(frozen=True)
class Pilot:
    """The variances of a difference, as one study shows them and others are planned with.

    Attributes:
        seed: of each arm, the variance that the training seed gives a score.
        rest: of each arm, the variance of what each seed makes of each clip, with ``clips`` clips.
        block: the variance of the difference by the choice of ``clips`` test clips.
        freedom: degrees of freedom of the blocks.
        blocks: number of blocks.
        seeds: training seeds of each arm; the smaller number where they differ.
        clips: test clips; where results of an earlier version do not say how many, test segments.
        earlier: whether its blocks are those of an earlier version, which did not compare them
            inside classes.
        counted: whether the number of test clips is known.
        correlation: Pearson's r of the two arms' scores over the seeds that both have, in [−1, 1];
            None for fewer than three of these, or where the scores of an arm do not vary.
    """

    seed: tuple[float, float]
    rest: tuple[float, float]
    block: float
    freedom: float
    blocks: int
    seeds: int
    clips: int
    earlier: bool = False
    counted: bool = True
    correlation: float | None = None

    def power(self, difference: float, level: float, seeds: float, clips: float) -> float:
        """Return the probability of the right verdict on a difference of some absolute value.

        It rises with seeds and clips, with one exception: where the seeds of one arm scatter many
        times as much as those of the other, clips that remove the rest leave Welch's test with
        fewer degrees of freedom.

        Args:
            level: the p below which the test has a verdict, corrections included.
            seeds: training seeds of each arm, at least 3.
            clips: test clips, at least 5.
        """
        reach, sd = self._test(level, seeds, clips)
        return float(special.ndtr((difference - reach) / sd).mean())

    def detectable(self, power: float, level: float, seeds: float, clips: float) -> float:
        """Return the difference that is found with a given probability; see :meth:`power`."""
        reach, sd = self._test(level, seeds, clips)
        low, high = float(reach.min() - 9 * sd), float(reach.max() + 9 * sd)
        found: float = optimize.brentq(
            lambda delta: special.ndtr((delta - reach) / sd).mean() - power, low, high
        )
        return found

    def seeds_needed(
        self, difference: float, power: float, level: float, clips: float
    ) -> int | None:
        """Return the number of seeds that find a difference; None where more seeds alone cannot."""
        return _smallest(
            lambda n: self.power(difference, level, n, clips) >= power,
            MIN_SEEDS,
            self.seeds,
            MAX_SEEDS,
        )

    def clips_needed(
        self, difference: float, power: float, level: float, seeds: float
    ) -> int | None:
        """Return the number of clips that find a difference; None where more clips alone cannot."""
        return _smallest(
            lambda n: self.power(difference, level, seeds, n) >= power,
            MIN_CLIPS,
            self.clips,
            MAX_CLIPS,
        )

    def both_needed(
        self, difference: float, power: float, level: float, seeds: int, clips: int
    ) -> tuple[int, int] | None:
        """Return the least multiple of seeds and of clips that together find a difference."""
        found = _smallest(
            lambda n: self.power(difference, level, n, np.ceil(clips * n / seeds)) >= power,
            seeds,
            seeds,
            MAX_SEEDS,
        )
        return None if found is None else (found, int(np.ceil(clips * found / seeds)))

    def _test(self, level: float, seeds: float, clips: float) -> tuple[Array, float]:
        """Return r at evenly spread quantiles, and the standard deviation of the difference.

        The blocks grow in number with the clips, up to the largest number that is made.
        """
        share = clips / self.clips
        rest = [one / share / seeds for one in self.rest]
        of_seeds = [one / seeds + other for one, other in zip(self.seed, rest, strict=True)]
        blocks = min(self.blocks * share, max(BLOCKS, self.blocks))
        freedom = max(self.freedom * blocks / self.blocks, 1.0)
        first, second, third, fourth = _uniform()
        A = of_seeds[0] * _mean_square(seeds - 1, first)
        B = of_seeds[1] * _mean_square(seeds - 1, second)
        beyond = (self.block / share + sum(rest)) * _mean_square(freedom, third)
        beyond -= sum(rest) * _mean_square((seeds - 1) * freedom, fourth)
        reach = half_width(A, B, np.maximum(beyond, 0), seeds - 1, freedom, level)
        return reach, float(np.sqrt(sum(of_seeds) + self.block / share))


def pilot(arm: SeedScores, base: SeedScores) -> Pilot | None:
    """Return what two arms show of the scatter of their difference, on the same test clips.

    Returns:
        None where an arm has a single seed, there are too few blocks, or nothing varies.

    Raises:
        ValueError: the two have different blocks.
    """
    both, found = components(arm, base), mean_squares([arm, base])
    each = [components(one) for one in (arm, base)]
    seeds = min(len(arm.seeds), len(base.seeds))
    if found is None or both is None or None in each or seeds < 2 or found.number < MIN_CLIPS:
        return None
    if not both.variance(1) > 0:
        return None
    first, second = (one for one in each if one is not None)
    return Pilot(
        seed=(first.seed, second.seed),
        rest=(first.rest, second.rest),
        block=both.block,
        freedom=found.blocks.freedom,
        blocks=found.number,
        seeds=seeds,
        clips=arm.clips or arm.n,
        earlier=arm.strata is None,
        counted=arm.clips is not None,
        correlation=seed_correlation(arm, base),
    )


def seed_correlation(arm: SeedScores, base: SeedScores) -> float | None:
    """Return how much alike the seeds of two arms are (see :class:`Pilot`)."""
    _, i, j = np.intersect1d(arm.seeds, base.seeds, return_indices=True)
    shared = np.stack([arm.values[i], base.values[j]])
    if len(i) < MIN_SEEDS or np.any(np.ptp(shared, axis=1) <= NOISE * np.abs(shared).max()):
        return None
    return float(np.corrcoef(shared[0], shared[1])[0, 1])


def half_width(
    A: Array, B: Array, beyond: Array, of_seeds: float, of_blocks: float, level: float
) -> Array:
    """Return the difference from which on the test has a verdict, for many studies at once.

    Args:
        A: variances of the mean of the arm by the scatter of its seeds.
        B: of the base.
        beyond: variances by the scatter of blocks, beyond what ``A`` and ``B`` hold of it.
        of_seeds: degrees of freedom of ``A`` and of ``B``.
        of_blocks: degrees of freedom of ``beyond``.
    """
    both = A + B + beyond
    with np.errstate(divide="ignore", invalid="ignore"):  # seeds that do not matter: A + B = 0
        seeds = of_seeds * (A + B) ** 2 / (A**2 + B**2)
        freedom = both**2 / (np.nan_to_num((A + B) ** 2 / seeds) + beyond**2 / of_blocks)
        reach = special.stdtrit(freedom, 1 - level / 2) * np.sqrt(both)
        alone = special.stdtrit(seeds, 1 - level / 2) * np.sqrt(A + B)
    return np.asarray(np.fmax(reach, alone))


def _smallest(enough: Callable[[int], bool], low: int, start: int, high: int) -> int | None:
    """Return the smallest number from ``low`` to ``high`` that is enough, by bisection below the
    first of ``start`` and its doubles that is; None where none of them is."""
    below, above = low - 1, max(low, start)
    while not enough(above):
        if above >= high:
            return None
        below, above = above, min(2 * above, high)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return above


def _mean_square(freedom: float, share: Array) -> Array:
    """Return quantiles of χ² / ν."""
    return np.asarray(2 / freedom * special.gammaincinv(freedom / 2, share))


@cache
def _uniform() -> Array:
    """Return float64 ``[4, NODES]``, points evenly spread in (0, 1)⁴."""
    from scipy.stats import qmc

    points = qmc.Sobol(4, scramble=False).random(NODES)
    return np.asarray(points.T + 0.5 / NODES)
