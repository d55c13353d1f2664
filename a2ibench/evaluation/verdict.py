"""The verdict on a difference: better, worse, or nothing."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from a2ibench.evaluation.statistics import MIN_SEEDS, Paired

Verdict = Literal[
    "better",
    "worse",
    "not separable",
    "one seed",
    "two seeds",
    "not tested",
    "not complete",
    "exploratory",
    "–",
]

FEW_SEEDS = ("one seed", "two seeds")
"""Verdicts on differences of fewer training seeds than a test needs."""

UNTESTED = (*FEW_SEEDS, "not tested", "not complete", "exploratory")
"""Verdicts on differences that have no test."""

ALPHA = 0.05

CORRECTION = (
    "p: the larger one of two t tests, over seeds (Welch) and over seeds and test clips, which are"
    " paired; corrected by Holm's method for the tests that its heading counts; better, worse:"
    " p < 0.05, else not separable. A difference of fewer than three seeds, or without an interval,"
    " is not tested."
)
"""For captions. Holm's correction, not a false discovery rate: it holds however the tests depend on
each other, and metrics of the same images depend strongly."""


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Correct by Holm's step-down method (1979): p₍ᵢ₎ → max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎).

    Args:
        p: of m tests, in [0, 1]; None for a comparison without a test, which is not counted.

    Returns:
        The same, corrected: the probability of one or more false verdicts in the whole family
        stays below a level at which the corrected values are cut.
    """
    values = np.array([one for one in p if one is not None])
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    factors = len(values) - np.arange(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    rest = iter(corrected.tolist())
    return [None if one is None else next(rest) for one in p]


def spending(look: int) -> float:
    """Return the share of the error rate that the look-th look may spend: γₖ = 6 / (πk)², k ≥ 1.

    Alpha spending (Lan and DeMets 1983) by a series, which needs no largest number of looks: the
    shares of all looks sum to 1, so that the probability of a false verdict at any of them stays
    below the level by the union bound, however the looks depend on each other (the "Alpha-Spending"
    of Tian and Ramdas 2021, with γₖ ∝ k⁻²).
    """
    return 6 / (np.pi * look) ** 2


def judge(change: Paired | None, p: float | None, higher_is_better: bool) -> Verdict:
    """Return the verdict on an arm, from its difference to the base and the corrected p of it."""
    if change is None:
        return "–"
    if change.seeds < MIN_SEEDS:
        return "one seed" if change.seeds == 1 else "two seeds"
    if p is None:
        return "not tested"
    if p >= ALPHA:
        return "not separable"
    return "better" if (change.value > 0) == higher_is_better else "worse"
