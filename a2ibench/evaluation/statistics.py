"""Uncertainty of scores: intervals and tests over training seeds and blocks of test clips.

The variance of a mean over seeds, or of the difference of two, is estimated from the analysis of
variance (:mod:`a2ibench.evaluation.variance`) by V = ΣA + max(C − E, 0): A of the seeds of each
arm, C of the blocks, E of the rest, which A holds already. Two intervals are made and the wider one
is given, two tests and the larger p: one by V, one by the seeds alone, ΣA. Both are Student's t
with the degrees of freedom of Satterthwaite (1946); for the seeds of two arms that is Welch's test
(1947). By V alone, seeds that happen to agree would lend a difference the many degrees of freedom
of the blocks: with two seeds a side a fifth of the comparisons of a method with itself then found a
difference, by 20 metrics and after Holm's correction.

``benchmarks/interval_coverage.py`` simulates intervals with normal effects: 12 ratios of the
variances × B = 6, 20, 50, 200 studies each (± 1.5 a line). Coverage of 95 % intervals in percent,
lowest to highest line and mean, and mean width in standard deviations of the mean, beside a
percentile bootstrap that resamples seeds and blocks (the pigeonhole bootstrap, Owen 2007):

    ==  ========================  ============================
    S   this interval             bootstrap
    ==  ========================  ============================
    2   92.0–99.0, 96.6; 15.8     50.5–99.0, 87.9; 3.7
    3   93.0–98.0, 95.2; 6.3      65.0–99.5, 91.0; 4.1
    5   92.0–98.0, 95.1; 4.8      86.0–100, 94.1; 4.3
    10  91.0–98.0, 94.8; 4.3      85.0–100, 94.9; 4.5
    ==  ========================  ============================
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from a2ibench.evaluation.variance import (
    Array,
    Estimate,
    MeanSquares,
    comparable,
    mean_squares,
    satterthwaite,
)
from a2ibench.evaluation.variance import SeedScores as SeedScores

LEVEL = 0.95
NOISE = 1e-12
"""Relative to the scores: a smaller scatter is that of rounding."""
MIN_CLIPS = 5
"""Blocks of test clips below which nothing is said of how sure a score is: the variance between two
to four clips is hardly known, and intervals made from it miss the truth in either direction."""
MIN_SEEDS = 3
"""Training seeds of each arm below which a difference has neither a test nor an effect size: two
seeds that happen to be alike make any difference many standard deviations large."""


@dataclass(frozen=True)
class Paired:
    """A difference arm − base that is paired by test clips; each has seeds of its own.

    Attributes:
        value: the difference of the means over seeds.
        low: lower end of its 95 % interval; None where there is none (see ``reason``).
        high: upper end.
        p: two-sided, of "no difference": below 0.05 where the interval leaves 0 out. None below
            :data:`MIN_SEEDS` seeds and without an interval.
        effect: the difference in units of the seeds' standard deviation, pooled over the two arms;
            None below :data:`MIN_SEEDS` seeds or without an interval, or where no seed differs
            from another.
        favours: the share of test blocks on which the arm is better, ties counting half, in
            [0, 1]; 0.5 is no preference. None without an interval, and for pooled scores.
        seeds: number of seeds of each; the smaller one where they differ.
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
    found = mean_squares([scores])
    if found is None or _why_none([scores], found, "score") is not None:
        return None
    reach = _reach(found)
    return scores.mean - reach, scores.mean + reach


def no_interval(scores: SeedScores) -> str | None:
    """Say why a score has no interval; None where it has one."""
    return _why_none([scores], mean_squares([scores]), "score")


def difference(arm: SeedScores, base: SeedScores, higher_is_better: bool = True) -> Paired:
    """Return the difference arm − base on the same test clips, each over its own seeds.

    Seeds are not paired, though an arm and its ablation may begin with the same weights: the
    scores of the same seed turn out hardly more alike than those of any other. Two arms that
    are equal, and that nothing changes, have the interval [0, 0] and p = 1; any other difference
    that neither seeds nor clips change has no interval, like a score. Where the metric is undefined
    for some seeds there is none either: these are the ones that fail, and the others stand for less
    than the method.

    Raises:
        ValueError: the two have different blocks: they were judged on different test clips.
    """
    arms = [arm, base]
    seeds = min(len(one.seeds) + one.undefined for one in arms)
    found = mean_squares(arms)
    value = arm.mean - base.mean
    if abs(value) <= NOISE * _scale(arms):
        value = 0.0
    tied = (
        value == 0
        and found is not None
        and found.number >= MIN_CLIPS
        and _error(found) <= NOISE * _scale(arms)
    )
    reason = _undefined(arms) or (None if tied else _why_none(arms, found, "difference"))
    if found is None or reason is not None:
        return Paired(value, None, None, None, None, None, seeds, reason)
    reach = 0.0 if tied else _reach(found)
    p = 1.0 if tied else _p_value(value, found)
    return Paired(
        value=value,
        low=value - reach,
        high=value + reach,
        p=p if seeds >= MIN_SEEDS else None,
        effect=_effect(value, arm.values, base.values, _scale(arms)),
        favours=None
        if arm.pooled or base.pooled
        else _favours(arm, base, 1 if higher_is_better else -1),
        seeds=seeds,
    )


def _undefined(arms: Sequence[SeedScores]) -> str | None:
    """Say that some seeds of an arm have no score."""
    for arm in arms:
        if arm.undefined:
            every = len(arm.seeds) + arm.undefined
            return f"it is undefined for {arm.undefined} of {every} seeds"
    return None


def _why_none(arms: Sequence[SeedScores], found: MeanSquares | None, what: str) -> str | None:
    """Say why a score, or a difference, has no interval."""
    if arms[0].blocks.shape[1] < MIN_CLIPS:
        return f"there are fewer than {MIN_CLIPS} test clips"
    if found is None or found.number < MIN_CLIPS:
        return (
            f"fewer than {MIN_CLIPS} blocks of test clips can be left out without the loss of a"
            " whole class, or of the score"
        )
    if _error(found) <= NOISE * _scale(arms):
        return f"neither another seed nor another choice of test clips changes the {what}"
    return None


def _estimates(found: MeanSquares) -> tuple[Estimate, ...]:
    """Return the variances of the mean that an interval has to do justice to: V, and ΣA."""
    if not found.seeds:
        return (found.blocks,)
    seeds = satterthwaite(*found.seeds)
    beyond = Estimate(max(found.blocks.variance - found.rest, 0.0), found.blocks.freedom)
    both = satterthwaite(seeds, beyond)
    # Seeds that agree exactly, as shares of few images may, do not rule out the blocks.
    return (both, seeds) if both.variance > 0 else (found.blocks,)


def _error(found: MeanSquares) -> float:
    return float(np.sqrt(_estimates(found)[0].variance))


def _reach(found: MeanSquares) -> float:
    """Return half the width of the interval."""
    return max(
        float(np.sqrt(one.variance) * special.stdtrit(one.freedom, (1 + LEVEL) / 2))
        for one in _estimates(found)
    )


def _p_value(value: float, found: MeanSquares) -> float:
    return max(
        float(2 * special.stdtr(one.freedom, -abs(value) / np.sqrt(one.variance)))
        for one in _estimates(found)
        if one.variance > 0
    )


def _effect(value: float, arm: Array, base: Array, scale: float) -> float | None:
    if min(len(arm), len(base)) < MIN_SEEDS:
        return None
    # A row without chance has one score, and no scatter of seeds to pool.
    variances = [
        one for side in (arm, base) if (one := np.var(side, ddof=1)) > (NOISE * scale) ** 2
    ]
    return float(value / np.sqrt(np.mean(variances))) if variances else None


def _favours(arm: SeedScores, base: SeedScores, sign: int) -> float:
    """Return the share of blocks on which the arm is better, ties counting half."""
    (a, b), _ = comparable([arm, base])
    mean = a.mean(axis=0) - b.mean(axis=0)
    mean[np.abs(mean) <= NOISE * max(np.abs(a).max(), np.abs(b).max())] = 0.0
    return float(np.mean((np.sign(sign * mean) + 1) / 2))


def _scale(arms: Sequence[SeedScores]) -> float:
    return float(max(np.abs(arm.values).max() for arm in arms))
