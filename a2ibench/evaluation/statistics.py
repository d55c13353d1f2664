"""How sure a score is: intervals over training seeds and test segments."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class SeedScores:
    """One metric of one arm over its training seeds.

    Attributes:
        seeds: the seeds that have a result, ascending.
        values: float64 ``[s]``, the score of each.
        n: images behind each score.
        spread: float64 ``[s]``, what the protocol prints behind ±; None where it has none.
        blocks: float64 ``[s, B]``, jackknife pseudo-values of the blocks of test clips; NaN where
            there are none.
    """

    seeds: tuple[int, ...]
    values: Array
    n: int
    spread: Array | None
    blocks: Array

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))


def interval(scores: SeedScores) -> tuple[float, float] | None:
    """A 95 % interval of the mean over training seeds and test segments.

    With pseudo-values x_sb of seed s and block b, both count as drawn at random (crossed random
    effects): the reaches of the seeds' mean, t(S − 1) √(Var_s(x̄_s·) / S), and of the blocks' mean,
    t(B − 1) √(Var_b(x̄_·b) / B), are added in quadrature. With few seeds that is wide rather than
    narrow. With one seed the first is missing: the interval covers the choice of clips alone.
    """
    return _interval(scores.values, scores.blocks)


def difference(
    arm: SeedScores, full: SeedScores
) -> tuple[float, tuple[float, float] | None] | None:
    """The paired difference arm − full on their common seeds and the same test clips.

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
    return float(np.mean(values)), _interval(values, arm.blocks[a] - full.blocks[b])


def _interval(values: Array, blocks: Array) -> tuple[float, float] | None:
    samples = [values]
    if np.isfinite(blocks).all():
        samples.append(blocks.mean(axis=0))
    reaches = [
        stats.t.ppf((1 + LEVEL) / 2, len(sample) - 1) * stats.sem(sample)
        for sample in samples
        if len(sample) > 1
    ]
    if not reaches:
        return None
    mean, reach = float(samples[0].mean()), float(np.hypot.reduce(reaches))
    return mean - reach, mean + reach
