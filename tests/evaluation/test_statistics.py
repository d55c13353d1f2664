"""Intervals cover what they say, pair what can be paired, and call little better by chance."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from a2ibench.evaluation.statistics import (
    SeedScores,
    difference,
    interval,
    no_interval,
)
from a2ibench.evaluation.verdict import holm, judge

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from interval_coverage import coverage


def arm(blocks: np.ndarray, seeds: tuple[int, ...] | None = None) -> SeedScores:
    seeds = tuple(range(len(blocks))) if seeds is None else seeds
    return SeedScores(seeds, blocks.mean(axis=1), 100, None, blocks)


def test_with_one_seed_the_interval_is_that_of_the_mean_over_blocks() -> None:
    blocks = np.random.default_rng(1).normal(0.4, 0.2, (1, 20))
    ends = interval(arm(blocks))
    assert ends is not None
    np.testing.assert_allclose(
        ends, stats.t.interval(0.95, 19, blocks.mean(), stats.sem(blocks[0]))
    )


def test_two_seeds_that_disagree_leave_nearly_everything_open() -> None:
    ends = interval(arm(np.repeat([[0.2], [0.8]], 20, axis=1)))
    assert ends is not None
    np.testing.assert_allclose(ends, stats.t.interval(0.95, 1, 0.5, 0.3), rtol=1e-5)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("ratio", [(1, 0, 0), (1, 3, 1)])
def test_intervals_cover_in_93_to_98_of_100_studies(seeds: int, ratio: tuple[int, ...]) -> None:
    """Up to three standard errors of 300 studies; the whole table is that of benchmarks/."""
    covered, *_ = coverage(seeds, 12, ratio, 300, seed=1, resamples=2)
    assert 0.93 - 0.04 <= covered < 1


def test_the_bootstrap_covers_less_with_few_seeds() -> None:
    ours, _, bootstrap, _ = coverage(3, 12, (10, 1, 1), 200, seed=2)
    assert bootstrap < 0.9
    assert ours > 0.92


@pytest.mark.parametrize("blocks", [np.full((3, 1), np.nan), np.full((3, 9), np.nan)])
def test_where_clips_cannot_be_left_out_there_is_no_interval_of_seeds_alone(
    blocks: np.ndarray,
) -> None:
    scores = SeedScores((0, 1, 2), np.array([2.0, 2.5, 3.0]), 100, None, blocks)
    assert interval(scores) is None
    found = difference(scores, replace(scores, values=np.array([1.0, 1.1, 1.3])))
    assert (found.low, found.p, found.effect, found.favours) == (None, None, None, None)
    assert judge(found, None, True) == "not tested"


@pytest.mark.parametrize(("clips", "there"), [(4, False), (5, True)])
def test_below_five_clips_there_is_neither_interval_nor_test_nor_effect(
    clips: int, there: bool
) -> None:
    rng = np.random.default_rng(6)
    a, b = arm(rng.normal(0, 1, (3, clips))), arm(rng.normal(9, 1, (3, clips)))
    assert (interval(a) is not None, no_interval(a) is None) == (there, there)
    found = difference(a, b)
    for value in (found.low, found.p, found.effect, found.favours):
        assert (value is not None) == there
    assert there or "fewer than 5 test clips" in str(no_interval(a))


def test_blocks_whose_score_is_undefined_do_not_count_as_clips() -> None:
    blocks = np.random.default_rng(7).normal(0, 1, (2, 6))
    blocks[1, :2] = np.nan
    scores = arm(np.nan_to_num(blocks))
    assert no_interval(scores) is None
    assert "fewer than 5 blocks" in str(no_interval(replace(scores, blocks=blocks)))


def test_a_score_that_no_seed_and_no_clip_changes_has_no_interval_of_width_0() -> None:
    scores = arm(np.zeros((3, 20)))
    assert interval(scores) is None
    assert "neither another seed" in str(no_interval(scores))


def test_two_methods_that_nothing_varies_differ_without_a_test() -> None:
    found = difference(arm(np.ones((3, 20))), arm(np.zeros((3, 20))))
    assert found.value == 1.0
    assert (found.low, found.high, found.p, found.effect, found.favours) == (None,) * 5
    assert found.reason == (
        "neither another seed nor another choice of test clips changes the difference"
    )
    assert judge(found, None, True) == "not tested"


def test_a_difference_without_an_interval_says_why() -> None:
    scores = arm(np.random.default_rng(10).normal(0, 1, (3, 6)))
    other = replace(scores, values=scores.values + 1)
    lost = replace(scores, blocks=np.full((3, 6), np.nan))  # six clips, one per class
    found = difference(lost, replace(other, blocks=lost.blocks))
    assert "fewer than 5 blocks of test clips can be left out" in str(found.reason)
    few = difference(
        replace(scores, blocks=scores.blocks[:, :4]), replace(other, blocks=scores.blocks[:, :4])
    )
    assert few.reason == "there are fewer than 5 test clips"
    told = difference(scores, arm(scores.blocks[:, ::-1]))
    assert told.reason is None


def test_two_seeds_give_neither_test_nor_effect_however_far_apart_two_methods_are() -> None:
    rng = np.random.default_rng(8)
    blocks = rng.normal(0, 1, (3, 12))
    for seeds, verdict in ((1, "one seed"), (2, "two seeds"), (3, "better")):
        found = difference(arm(blocks[:seeds] + 28), arm(rng.normal(0, 1, (seeds, 12))))
        assert found.low is not None
        assert found.low > 0 or seeds == 2
        assert (found.effect is not None, found.p is not None) == (seeds == 3, seeds == 3)
        assert judge(found, found.p, True) == verdict


def test_a_difference_is_paired_by_clips() -> None:
    rng = np.random.default_rng(2)
    clips = rng.normal(0, 1, 20)
    full = clips + rng.normal(0, 1e-3, (4, 20))
    less = clips - 0.01 + rng.normal(0, 1e-3, (3, 20))
    found = difference(arm(less), arm(full))
    assert found.p is not None
    assert found.p < 0.001
    assert (found.favours, found.seeds) == (0.0, 3)
    assert difference(arm(less), arm(full), higher_is_better=False).favours == 1.0


def test_no_block_is_better_by_a_score_of_all_images_together() -> None:
    rng = np.random.default_rng(3)
    full, less = (replace(arm(rng.normal(0, 1, (3, 20))), pooled=True) for _ in range(2))
    found = difference(less, full)
    assert found.p is not None
    assert found.favours is None


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(4)))
def test_no_order_of_the_seeds_makes_evidence(order: list[int]) -> None:
    rng = np.random.default_rng(11)
    a, b = rng.normal(0.2, 1, (4, 9)), rng.normal(0, 1, (4, 9))
    one, other = difference(arm(a), arm(b)), difference(arm(a[order]), arm(b))
    assert one.p == pytest.approx(other.p)
    assert one.low == pytest.approx(other.low)


def test_seeds_alone_are_compared_by_the_t_test_of_welch() -> None:
    rng = np.random.default_rng(12)
    a, b = rng.normal(1, 1, 3), rng.normal(0, 0.3, 5)
    found = difference(arm(np.repeat(a[:, None], 8, 1)), arm(np.repeat(b[:, None], 8, 1)))
    expected = stats.ttest_ind(a, b, equal_var=False)
    ends = expected.confidence_interval()
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, *ends))


def test_clips_alone_are_compared_by_the_paired_t_test() -> None:
    a, b = np.random.default_rng(13).normal(0, 1, (2, 9))
    found = difference(arm(np.repeat(a[None], 3, 0)), arm(np.repeat(b[None], 3, 0)))
    expected = stats.ttest_rel(a, b)
    assert (found.p, *[found.low, found.high]) == pytest.approx(
        (expected.pvalue, *expected.confidence_interval())
    )


def test_seeds_that_happen_to_agree_do_not_lend_a_test_the_clips_degrees_of_freedom() -> None:
    rng = np.random.default_rng(14)
    clips = rng.normal(0, 0.1, (1, 20))
    near = np.array([[0.0], [0.0001], [-0.0001]])
    a, b = 1 + clips + near, np.repeat(near, 20, axis=1)
    seeds = stats.ttest_ind(a.mean(axis=1), b.mean(axis=1), equal_var=False).pvalue
    found = difference(arm(a), arm(b))
    assert found.p is not None
    assert found.p >= seeds


def test_the_p_is_below_5_percent_where_the_interval_leaves_0_out() -> None:
    rng = np.random.default_rng(3)
    sides = set()
    for S in (3, 4, 6):
        for shift in np.linspace(0, 3, 12):
            scores = rng.normal(shift, 0.5, (S, 1)) + rng.normal(0, 1, (S, 9))
            found = difference(arm(scores), arm(rng.normal(0, 0.5, (S, 9))))
            assert found.p is not None
            assert found.low is not None
            assert found.high is not None
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
            sides.add(found.p < 0.05)
    assert sides == {True, False}


def test_one_seed_has_an_interval_over_clips_and_no_verdict() -> None:
    found = difference(arm(np.full((1, 8), 0.9)), arm(np.linspace(0, 0.1, 8)[None]))
    assert found.low is not None
    assert found.low > 0
    assert (found.p, found.effect) == (None, None)
    assert judge(found, None, True) == "one seed"


def test_ties_and_constant_scores_are_not_separable() -> None:
    same = arm(np.full((3, 8), 0.1 + 0.2))
    found = difference(same, arm(np.full((3, 8), 0.3)))
    assert (found.value, found.p, found.effect) == (0.0, 1.0, None)
    found = difference(same, same)
    assert (found.p, found.favours) == (1.0, 0.5)
    assert judge(found, 1.0, True) == "not separable"


def test_arms_of_other_seeds_are_compared_and_those_of_other_clips_are_refused() -> None:
    a, b = np.random.default_rng(15).normal(0, 1, (2, 3, 8))
    one, other = difference(arm(a, (3, 4, 5)), arm(b)), difference(arm(a), arm(b))
    assert (one.p, one.low) == (other.p, other.low)
    assert judge(None, None, True) == "–"
    with pytest.raises(ValueError, match="same blocks"):
        difference(arm(np.ones((2, 4))), arm(np.ones((2, 5))))


def test_the_direction_is_the_metrics() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(0, 1, (4, 10))
    found = difference(arm(base + 3 + rng.normal(0, 0.1, (4, 10))), arm(base))
    assert judge(found, 0.001, True) == "better"
    assert judge(found, 0.001, False) == "worse"
    assert judge(found, 0.05, True) == "not separable"


def test_holm_against_a_worked_example() -> None:
    got = holm([0.01, None, 0.04, 0.03, 0.005])
    assert got == pytest.approx([0.03, None, 0.06, 0.06, 0.02])
    assert holm([None]) == [None]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.integration
@pytest.mark.parametrize("seeds", [3, 5])
def test_a_method_against_itself_is_called_different_in_at_most_5_of_100_comparisons(
    seeds: int,
) -> None:
    """Simulated A/A: 300 independent comparisons of seeds against others in 8 metrics, whose seeds
    vary more and less than their clips. Both are 5 % up to three standard errors."""
    rng = np.random.default_rng(5)
    tests, tail, families = 0, 0, 0
    for _ in range(300):
        p: list[float | None] = []
        for sd in (0.0, 0.1, 0.2, 0.5, 0.5, 1.0, 2.0, 5.0):
            clips = rng.normal(0, 1, 12)
            a, b = (
                arm(clips + rng.normal(0, sd, (seeds, 1)) + rng.normal(0, 1, (seeds, 12)))
                for _ in range(2)
            )
            p.append(difference(a, b).p)
        tests += sum(one is not None and one < 0.05 for one in p)
        tail += sum(one is not None and one < 0.0005 for one in p)
        families += any(one is not None and one < 0.05 for one in holm(p))
    assert tests / 2_400 <= 0.05 + 0.014
    assert tail / 2_400 <= 0.0005 + 0.0014
    assert families / 300 <= 0.05 + 0.038


numbers = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=20)
@given(numbers, st.integers(1, 5), st.integers(5, 9), st.floats(-5, 5), st.floats(0.1, 9))
def test_shift_and_scale_move_the_interval_alike(
    seed: int, S: int, B: int, shift: float, scale: float
) -> None:
    scores = np.random.default_rng(seed).normal(0, 1, (S, B))
    ends, moved = interval(arm(scores)), interval(arm(scale * scores + shift))
    assert ends is not None
    assert moved is not None
    np.testing.assert_allclose(moved, scale * np.array(ends) + shift, rtol=1e-5, atol=1e-7)


@settings(deadline=None, max_examples=20)
@given(numbers, st.integers(1, 5), st.integers(5, 9))
def test_a_difference_the_other_way_round_is_its_mirror_image(seed: int, S: int, B: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = arm(rng.normal(0, 1, (S, B))), arm(rng.normal(0.3, 1, (S, B)))
    one, other = difference(a, b), difference(b, a)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert one.p == (None if other.p is None else pytest.approx(other.p))
    assert one.favours == pytest.approx(1 - other.favours)


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_of_five_clips_cover_as_those_of_many_do(seeds: int) -> None:
    """Up to three standard errors of 300 studies; with one seed the clips are all that varies."""
    ratio = (0, 1, 0) if seeds == 1 else (1, 3, 1)
    covered, *_ = coverage(seeds, 5, ratio, 300, seed=3, resamples=2)
    assert covered >= 0.93 - 0.04
