"""Uncertainty of scores: intervals and tests over training seeds and blocks of test clips.

The pseudo-values x_sb of S seeds and B blocks follow a model of crossed random effects,
x_sb = μ + seed_s + block_b + noise_sb. With the mean squares of its analysis of variance, divided
by S B so that each speaks of the mean (A of the seeds, C of the blocks, E of the rest), the
variance of the mean is estimated by V = A + C − E (Searle, Casella & McCulloch 1992, ch. 4), but by
no less than A or C: a component that comes out negative is set to 0. The interval is Student's t
with ν degrees of freedom, 1 / ν = (A / V) / (S − 1) + (C / V) / (B − 1). Satterthwaite's formula
(1946) has the shares squared; with the one or two degrees of freedom of a few seeds that is
liberal. Dropping seeds from the sum whenever A ≤ E (pooling) comes nearer to 95 % where nothing but
noise is there, but then a method that is compared with itself over three seeds was called different
in 14 of 100 comparisons by four metrics after Holm's correction: the interval is rather too wide
there than too narrow elsewhere.

A percentile bootstrap that resamples seeds and blocks (the pigeonhole bootstrap, Owen 2007) was
the alternative. ``benchmarks/interval_coverage.py`` simulates both with normal effects: 12 ratios
of the variances × B = 6, 12, 20, 400 studies each (± 1.1 a line). Coverage of 95 % intervals in
percent, lowest to highest line and mean, and mean width in standard deviations of the mean:

    ==  ========================  ============================
    S   this interval             bootstrap
    ==  ========================  ============================
    2   93.5–99.2, 97.0; 13.0     51.0–98.0, 87.2; 3.7
    3   93.8–99.8, 97.4; 6.7      69.2–99.5, 90.7; 4.0
    5   95.0–99.5, 97.1; 5.2      82.8–99.8, 93.3; 4.3
    10  93.8–100, 96.2; 4.7       85.8–99.5, 94.5; 4.5
    ==  ========================  ============================

It covers more than 97 % where the noise of seed × block rules, and with two seeds of which the
variance is nearly all, but not all (outside of those ratios), down to 92 %.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]

LEVEL = 0.95
NOISE = 1e-12
"""Relative to the scores: a smaller scatter is that of rounding."""
MIN_CLIPS = 5
"""Blocks of test clips below which nothing is said of how sure a score is: the variance between two
to four clips is hardly known, and intervals made from it miss the truth in either direction."""
MIN_SEEDS = 3
"""Training seeds below which a difference has no effect size: two seeds that happen to be alike
make any difference many standard deviations large."""


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
    """

    seeds: tuple[int, ...]
    values: Array
    n: int
    spread: Array | None
    blocks: Array
    clips: int | None = None
    chance: float | None = None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))


@dataclass(frozen=True)
class Paired:
    """A paired difference arm − base over common seeds and the same test clips.

    Attributes:
        value: the mean difference.
        low: lower end of its 95 % interval; None where there is none (see ``reason``).
        high: upper end.
        p: two-sided, of "no difference", by the t that the interval is made from; None with one
            seed (clips alone cannot tell a method from a lucky run) and without an interval.
        effect: the difference in units of the seeds' standard deviation, pooled over the two arms;
            None below :data:`MIN_SEEDS` seeds or without an interval, or where no seed differs
            from another.
        favours: the share of test blocks on which the arm is better, ties counting half, in
            [0, 1]; 0.5 is no preference. None without an interval.
        seeds: number of common seeds.
        reason: why there is no interval, in words; None where there is one.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    effect: float | None
    favours: float | None
    seeds: int
    reason: str | None = None


def interval(scores: SeedScores) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean over training seeds and test clips (see the module).

    With one seed it covers the choice of clips alone. None where :func:`no_interval` says why.
    """
    found = _standard_error(scores.values, scores.blocks, _scale(scores))
    if found is None or _why_none(scores.blocks, found, "score") is not None:
        return None
    return _ends(scores.mean, *found)


def no_interval(scores: SeedScores) -> str | None:
    """Say why a score has no interval; None where it has one."""
    found = _standard_error(scores.values, scores.blocks, _scale(scores))
    return _why_none(scores.blocks, found, "score")


def _why_none(blocks: Array, found: tuple[float, float] | None, what: str) -> str | None:
    """Say why pseudo-values have no interval, from their standard error and degrees of freedom."""
    if blocks.shape[1] < MIN_CLIPS:
        return f"there are fewer than {MIN_CLIPS} test clips"
    if found is None:
        return (
            f"fewer than {MIN_CLIPS} blocks of test clips can be left out without the loss of a"
            " whole class, or of the score"
        )
    if found[0] == 0:
        return f"neither another seed nor another choice of test clips changes the {what}"
    return None


def difference(arm: SeedScores, base: SeedScores, higher_is_better: bool = True) -> Paired | None:
    """Return the paired difference arm − base on their common seeds and the same test clips.

    Two that are equal on every seed and block have the interval [0, 0] and p = 1; any other
    difference that neither seeds nor clips change has no interval, like a score.


    Returns:
        None without a common seed.

    Raises:
        ValueError: another number of blocks: the two were judged on different test clips.
    """
    if arm.blocks.shape[1] != base.blocks.shape[1]:
        raise ValueError(
            f"expected the same blocks of test clips, got {arm.blocks.shape[1]} and"
            f" {base.blocks.shape[1]}"
        )
    common = sorted(set(arm.seeds) & set(base.seeds))
    if not common:
        return None
    a = [arm.seeds.index(seed) for seed in common]
    b = [base.seeds.index(seed) for seed in common]
    pairs = SeedScores(
        tuple(common), arm.values[a] - base.values[b], arm.n, None, arm.blocks[a] - base.blocks[b]
    )
    scale = float(max(np.abs(arm.values[a]).max(), np.abs(base.values[b]).max()))
    value = pairs.mean if abs(pairs.mean) > NOISE * scale else 0.0
    found = _standard_error(pairs.values, pairs.blocks, scale)
    reason = _why_none(pairs.blocks, found, "difference")
    if found is not None and found[0] == 0 == value:
        reason = None
    if found is None or reason is not None:
        return Paired(value, None, None, None, None, None, len(common), reason)
    low, high = _ends(value, *found)
    return Paired(
        value=value,
        low=low,
        high=high,
        p=None if len(common) < 2 else _p_value(value, *found),
        effect=_effect(value, arm.values[a], base.values[b], scale),
        favours=_favours(pairs, 1 if higher_is_better else -1),
        seeds=len(common),
    )


def _standard_error(values: Array, blocks: Array, scale: float) -> tuple[float, float] | None:
    """Return the standard error of the mean and its degrees of freedom; None of too few blocks."""
    S = len(values)
    blocks = _finite(blocks)
    B = blocks.shape[1]
    if B < MIN_CLIPS:
        return None
    A = float(np.var(values, ddof=1)) / S if S > 1 else 0.0
    C = float(np.var(blocks.mean(axis=0), ddof=1)) / B
    if S < 2:
        return _clean(C, scale), B - 1
    rest = blocks - blocks.mean(axis=0) - blocks.mean(axis=1, keepdims=True) + blocks.mean()
    E = float(np.sum(rest**2)) / ((S - 1) * (B - 1) * S * B)
    variance, freedom = variance_of_mean(A, C, E, S, B)
    return _clean(variance, scale), freedom


def variance_of_mean(A: float, C: float, E: float, S: int, B: int) -> tuple[float, float]:
    """Return the variance of the mean of S × B pseudo-values, and its degrees of freedom.

    A, C and E are the mean squares of the seeds, the blocks and the rest, each / (S B); S, B ≥ 2.
    """
    variance = max(A + C - E, A, C)
    least = min(S, B) - 1
    if variance == 0:
        return 0.0, least
    inverse = (A / variance) / (S - 1) + (C / variance) / (B - 1)
    return variance, max(1 / inverse, least)


def _ends(mean: float, error: float, freedom: float) -> tuple[float, float]:
    reach = error * float(special.stdtrit(freedom, (1 + LEVEL) / 2))
    return mean - reach, mean + reach


def _clean(variance: float, scale: float) -> float:
    error = float(np.sqrt(variance))
    return error if error > NOISE * scale else 0.0


def _p_value(value: float, error: float, freedom: float) -> float:
    if error == 0:
        return 1.0  # of a tie: any other difference without an error has no test
    return float(2 * special.stdtr(freedom, -abs(value) / error))


def _effect(value: float, arm: Array, base: Array, scale: float) -> float | None:
    if len(arm) < MIN_SEEDS:
        return None
    sd = float(np.sqrt((np.var(arm, ddof=1) + np.var(base, ddof=1)) / 2))
    return value / sd if sd > NOISE * scale else None


def _favours(pairs: SeedScores, sign: int) -> float:
    """Return the share of blocks on which the arm is better, ties counting half.

    Pseudo-values are moved so that their mean is the score: of a metric that is biased at small n
    they scatter around its value without the bias, on whichever side of 0 that may be.
    """
    blocks = _finite(pairs.blocks)
    moved = blocks - blocks.mean(axis=1, keepdims=True) + pairs.values[:, np.newaxis]
    scale = float(np.abs(blocks).max())
    mean = moved.mean(axis=0)
    mean[np.abs(mean) <= NOISE * scale] = 0.0
    return float(np.mean((np.sign(sign * mean) + 1) / 2))


def _finite(blocks: Array) -> Array:
    """Return the blocks that every seed has a pseudo-value of."""
    return blocks[:, np.isfinite(blocks).all(axis=0)]


def _scale(scores: SeedScores) -> float:
    return float(np.abs(scores.values).max())
