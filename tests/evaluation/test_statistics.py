"""Intervals cover what they say, and pair what can be paired."""

import numpy as np
import pytest
from scipy import stats

from a2ibench.evaluation.statistics import SeedScores, difference, interval


def test_with_one_seed_the_interval_is_that_of_the_mean_over_segments() -> None:
    rng = np.random.default_rng(1)
    segments = rng.normal(0.4, 0.2, (1, 400)).astype(np.float32)
    ends = interval(SeedScores((0,), segments.mean(axis=1), 400, None, segments))
    assert ends is not None
    expected = stats.t.interval(0.95, 399, segments.mean(), stats.sem(segments[0]))
    np.testing.assert_allclose(ends, expected, rtol=1e-5)


def test_two_seeds_that_disagree_leave_nearly_everything_open() -> None:
    segments = np.repeat([[0.2], [0.8]], 300, axis=1).astype(np.float32)
    ends = interval(SeedScores((0, 1), segments.mean(axis=1), 300, None, segments))
    assert ends is not None
    np.testing.assert_allclose(ends, stats.t.interval(0.95, 1, 0.5, 0.3), rtol=1e-5)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", [0.0, 0.02, 0.06])
def test_the_interval_covers_the_truth_in_at_least_93_of_100_studies(
    seeds: int, seed_sd: float
) -> None:
    """Scores = seed effect + segment effect + noise; the segment error of the mean is 0.02."""
    rng = np.random.default_rng(seeds)
    studies, n, covered = 1000, 100, 0
    for _ in range(studies):
        scores = rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, 0.2, n)
        scores = (scores + rng.normal(0, 0.1, (seeds, n))).astype(np.float32)
        ends = interval(SeedScores(tuple(range(seeds)), scores.mean(axis=1), n, None, scores))
        assert ends is not None
        covered += ends[0] <= 0 <= ends[1]
    assert covered / studies >= 0.93


def test_without_scores_a_segment_student_t_over_seeds_is_used() -> None:
    values = np.array([2.0, 2.5, 3.0], dtype=np.float32)
    ends = interval(SeedScores((0, 1, 2), values, 100, None, np.full((3, 1), np.nan)))
    assert ends is not None
    np.testing.assert_allclose(ends, stats.t.interval(0.95, 2, 2.5, stats.sem(values)), rtol=1e-6)
    assert interval(SeedScores((0,), values[:1], 100, None, np.full((1, 1), np.nan))) is None


def test_a_difference_is_paired_by_seed_and_segment() -> None:
    rng = np.random.default_rng(2)
    full = rng.random((3, 500)).astype(np.float32)
    arm = full[1:] - 0.01  # tiny, the same everywhere: only a paired test sees it
    a = SeedScores((1, 2), arm.mean(axis=1), 500, None, arm)
    b = SeedScores((0, 1, 2), full.mean(axis=1), 500, None, full)
    found = difference(a, b)
    assert found is not None
    value, ends = found
    assert ends is not None
    np.testing.assert_allclose([value, *ends], [-0.01] * 3, atol=1e-5)


def test_arms_without_a_common_seed_have_no_difference() -> None:
    one = SeedScores((0,), np.ones(1, np.float32), 10, None, None)
    other = SeedScores((1,), np.ones(1, np.float32), 10, None, None)
    assert difference(one, other) is None
