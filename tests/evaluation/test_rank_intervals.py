"""Ranks as intervals: they hold the true ranks, and are no wider than the tests make them."""

import numpy as np
import pytest

from a2ibench.evaluation.rank_intervals import rank_intervals
from a2ibench.evaluation.statistics import SeedScores


def scores(mean: float, seeds: int, rng: np.random.Generator, noise: float = 0.01) -> SeedScores:
    block = np.random.default_rng(0).normal(0, 0.05, 20)  # the same clips for all
    level = mean + rng.normal(0, noise, (seeds, 1))
    values = level + block + rng.normal(0, noise, (seeds, 20))
    return SeedScores(tuple(range(seeds)), values.mean(axis=1), 100, None, values)


def test_methods_far_apart_have_a_place_each() -> None:
    rng = np.random.default_rng(1)
    arms = [scores(mean, 5, rng) for mean in (0.2, 0.9, 0.5)]
    assert rank_intervals(arms, True) == [(3, 3), (1, 1), (2, 2)]
    assert rank_intervals(arms, False) == [(1, 1), (3, 3), (2, 2)]


def test_a_method_may_be_behind_some_and_tied_with_others() -> None:
    rng = np.random.default_rng(2)
    arms = [scores(mean, 5, rng) for mean in (0.9, 0.5, 0.501, 0.1)]
    found = rank_intervals(arms, True)
    assert found == [(1, 1), (2, 3), (2, 3), (4, 4)]
    assert [one.tied for one in found] == [False, True, True, False]


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_separate_nothing(seeds: int) -> None:
    rng = np.random.default_rng(3)
    arms = [scores(0.1, seeds, rng), scores(0.5, 5, rng), scores(0.9, 5, rng)]
    assert rank_intervals(arms, True) == [(1, 3), (2, 3), (1, 2)]


def test_one_method_and_none() -> None:
    assert rank_intervals([], True) == []
    assert rank_intervals([scores(0.5, 3, np.random.default_rng(0))], True) == [(1, 1)]


@pytest.mark.parametrize("means", [(0.5, 0.5, 0.5), (0.5, 0.5, 0.53), (0.48, 0.5, 0.52)])
def test_the_true_ranks_of_all_methods_are_covered(means: tuple[float, ...]) -> None:
    """100 studies, of which 5 may miss: more than 12 would be chance once in 500."""
    # Equal methods hold all places from the first to the last of them.
    true = [
        (1 + sum(other > one for other in means), 3 - sum(other < one for other in means))
        for one in means
    ]
    rng, missed = np.random.default_rng(4), 0
    for _ in range(100):
        found = rank_intervals([scores(mean, 4, rng) for mean in means], True)
        missed += any(
            one.low > low or one.high < high for one, (low, high) in zip(found, true, strict=True)
        )
    assert missed <= 12
