"""Ranks as intervals: which places a method may hold, given how sure its scores are."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from a2ibench.evaluation.statistics import SeedScores, difference
from a2ibench.evaluation.verdict import ALPHA, holm


class RankInterval(NamedTuple):
    """The places that a method may hold, 1 for the best."""

    low: int
    high: int

    @property
    def tied(self) -> bool:
        """Whether it may hold several places."""
        return self.low < self.high


def rank_intervals(arms: Sequence[SeedScores], higher_is_better: bool) -> list[RankInterval]:
    """Return the simultaneous 95 % intervals of the ranks of k methods by one metric.

    Of each pair, both one-sided hypotheses, "not better" and "not worse", are tested by their
    difference (:func:`~a2ibench.evaluation.statistics.difference`), all k (k − 1) of them together
    by Holm's method. A method is then in place 1 + (methods shown to be better) to k − (methods
    shown to be worse). As the probability of one or more false rejections is below 5 % however the
    tests depend on each other, so is that of one or more intervals without the true rank, ties
    included: Mogstad, Romano, Shaikh and Wilhelm (Review of Economic Studies 91, 2024, section 3),
    whose step-down by the bootstrap is here Holm's by t tests. A pair without a test, as of methods
    with fewer than three seeds, separates nothing.

    Args:
        arms: their scores on the same test clips.
        higher_is_better: which end is the first place.

    Raises:
        ValueError: two have different blocks: they were judged on different test clips.
    """
    k = len(arms)
    p = np.full((k, k), np.nan)  # of "the first is not better than the second"
    for i, j in combinations(range(k), 2):
        change = difference(arms[i], arms[j], higher_is_better)
        if change.p is not None:
            first_leads = (change.value > 0) == higher_is_better
            p[i, j] = change.p / 2 if first_leads else 1 - change.p / 2
            p[j, i] = 1 - p[i, j]
    tested = [None if np.isnan(one) else float(one) for one in p.ravel()]
    shown = np.array([one is not None and one < ALPHA for one in holm(tested)]).reshape(k, k)
    return [RankInterval(1 + int(shown[:, i].sum()), k - int(shown[i].sum())) for i in range(k)]
