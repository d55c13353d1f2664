"""Rank correlation: whether a measure rises or falls with what is changed, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from a2ibench.evaluation.statistics import LEVEL

Array = npt.NDArray[np.float64]

RESAMPLES = 9_999
"""Permutations; with up to seven levels all of them are taken."""


@dataclass(frozen=True)
class Correlation:
    """A rank correlation.

    Attributes:
        rho: Spearman's ρ in [−1, 1]; None where a side is constant.
        p: two-sided, by permutation; None where there is no ρ, or it is a mean of several.
        low: lower end of a 95 % interval; None with a single case.
        high: upper end.
        cases: noises, or sounds, behind the interval.
    """

    rho: float | None
    p: float | None
    low: float | None
    high: float | None
    cases: int


def correlate(x: Array, curves: Array) -> Correlation:
    """Return the mean over noises of ρ between what was changed and a measure.

    p permutes the levels, for all noises together: with L levels it is at least about 2 / L!, so
    that few levels can never be significant. The interval is Student's over noises, clipped to
    [−1, 1].

    Args:
        x: float64 ``[L]``, what was changed.
        curves: float64 ``[L, Z]``, the measure for each of Z noises; those on which it is constant
            have no ρ and are left out.
    """
    y = scipy.stats.rankdata(curves[:, np.ptp(curves, axis=0) > 0], axis=0).T
    if np.ptp(x) == 0 or len(y) == 0:
        return Correlation(None, None, None, None, len(y))
    y = _standard(y)

    def rho(ranks: Array, axis: int = -1) -> Array:
        return np.asarray((_standard(ranks) @ y.T).mean(axis=-1))

    ranks = scipy.stats.rankdata(x)
    tested = scipy.stats.permutation_test(
        (ranks,),
        rho,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    single = [float(scipy.stats.spearmanr(x, curve).statistic) for curve in y]
    low, high = _interval(single)
    return Correlation(float(np.mean(single)), float(tested.pvalue), low, high, len(single))


def over_sounds(single: list[Correlation]) -> Correlation:
    """Return the mean of ρ over sounds, with Student's interval; no p is made of several."""
    rhos = [one.rho for one in single if one.rho is not None]
    low, high = _interval(rhos)
    return Correlation(float(np.mean(rhos)) if rhos else None, None, low, high, len(rhos))


def mean_interval(values: Array) -> tuple[Array, Array, Array]:
    """Return mean and Student's 95 % interval over the last axis; NaN ends with a single value."""
    mean, n = values.mean(axis=-1), values.shape[-1]
    if n < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    reach = scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return mean, mean - reach, mean + reach


def _interval(rhos: list[float]) -> tuple[float | None, float | None]:
    if len(rhos) < 2:
        return None, None
    _, low, high = mean_interval(np.array(rhos))
    return max(-1.0, float(low)), min(1.0, float(high))


def _standard(ranks: Array) -> Array:
    """Centre, and scale to length 1, along the last axis: products are then correlations."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=-1, keepdims=True))
