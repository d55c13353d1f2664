"""How sure a score is: intervals over training seeds and test segments."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from a2ibench.data.types import FloatArray

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True)
class SeedScores:
    """One metric of one arm over its training seeds.

    Attributes:
        seeds: the seeds that have a result, ascending.
        values: float ``[s]``, the score of each.
        n: images behind each score.
        spread: float ``[s]``, what the protocol prints behind ±; None where it has none.
        per_segment: float32 ``[s, n]``; None where the metric has no score a segment.
    """

    seeds: tuple[int, ...]
    values: FloatArray
    n: int
    spread: FloatArray | None
    per_segment: FloatArray | None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))


def interval(scores: SeedScores) -> tuple[float, float] | None:
    """A 95 % interval of the mean.

    With scores a segment, seeds and segments are both drawn with replacement, crossed (4,000 times,
    percentiles): with one seed the interval covers the choice of test segments alone. Without,
    Student's t over the seeds; None with one seed.
    """
    return _interval(scores.values, scores.per_segment)


def difference(
    arm: SeedScores, full: SeedScores
) -> tuple[float, tuple[float, float] | None] | None:
    """The paired difference arm − full on their common seeds and the same segments.

    Returns:
        The mean difference and its 95 % interval (see :func:`interval`); None without a common
        seed.
    """
    common = [seed for seed in arm.seeds if seed in full.seeds]
    if not common:
        return None
    a = [arm.seeds.index(seed) for seed in common]
    b = [full.seeds.index(seed) for seed in common]
    values = arm.values[a] - full.values[b]
    segments = None
    if arm.per_segment is not None and full.per_segment is not None:
        segments = arm.per_segment[a] - full.per_segment[b]
    return float(np.mean(values)), _interval(values, segments)


def _interval(values: FloatArray, segments: FloatArray | None) -> tuple[float, float] | None:
    tail = 100 * (1 - LEVEL) / 2
    if segments is not None:
        rng = np.random.default_rng(0)
        s, n = segments.shape
        seed_weights = rng.multinomial(s, np.full(s, 1 / s), size=RESAMPLES) / s
        segment_weights = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
        means = np.sum((seed_weights @ segments) * segment_weights, axis=1)
        low, high = np.percentile(means, [tail, 100 - tail])
        return float(low), float(high)
    if len(values) < 2:
        return None
    error = stats.sem(values)
    if error == 0:
        return float(values[0]), float(values[0])
    low, high = stats.t.interval(LEVEL, len(values) - 1, loc=np.mean(values), scale=error)
    return float(low), float(high)
