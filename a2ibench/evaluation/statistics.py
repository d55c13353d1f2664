"""How sure a score is: intervals over training seeds and test segments."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from a2ibench.data.types import FloatArray

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
    """A 95 % interval of the mean over training seeds and test segments.

    With scores x_sj of seed s and segment j, both count as drawn at random (crossed random
    effects): the reaches of the seeds' mean, t(S − 1) √(Var_s(x̄_s·) / S), and of the segments'
    mean, t(n − 1) √(Var_j(x̄_·j) / n), are added in quadrature. With few seeds that is wide rather
    than narrow. With one seed the first is missing: the interval covers the choice of segments
    alone. Without scores a segment, the second is; None with one seed.
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
    samples = [values.astype(np.float64)]
    if segments is not None:
        samples.append(segments.mean(axis=0, dtype=np.float64))
    reaches = [
        stats.t.ppf((1 + LEVEL) / 2, len(sample) - 1) * stats.sem(sample)
        for sample in samples
        if len(sample) > 1
    ]
    if not reaches:
        return None
    mean, reach = float(samples[0].mean()), float(np.hypot.reduce(reaches))
    return mean - reach, mean + reach
