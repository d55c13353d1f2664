"""The power that is said is the share of simulated studies that have a verdict."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from a2ibench.evaluation.power import Pilot, half_width, pilot, seed_correlation
from a2ibench.evaluation.statistics import SeedScores, difference
from a2ibench.evaluation.variance import components, mean_squares
from a2ibench.study.power import Power

# Two arms alike, seeds alone: what a textbook has a formula for.
SEEDS = Pilot((1.0, 1.0), (0.0, 0.0), 0.0, 19, 20, 3, 20)
CLIPS = Pilot((0.05, 0.05), (0.05, 0.05), 1.0, 19, 20, 3, 20)

variance = st.floats(0.01, 10)
pilots = st.builds(  # arms whose seeds scatter alike: see Pilot.power
    lambda seed, ratio, rest, block, B: Pilot(
        (seed, ratio * seed), (rest, rest), block, B - 1.0, B, 3, B
    ),
    variance, st.floats(0.5, 2), variance, variance, st.integers(6, 60),
)  # fmt: skip


def arm(blocks: np.ndarray) -> SeedScores:
    B = blocks.shape[1]
    return SeedScores(tuple(range(len(blocks))), blocks.mean(axis=1), 100, None, blocks, B)


@pytest.mark.parametrize(
    ("ratio", "seeds", "level"),
    [
        ("seeds rule", 5, 0.002),
        ("one arm's seeds", 3, 0.05),
        ("clips rule", 5, 0.002),
        ("all alike", 3, 0.05),
    ],
)
def test_simulated_studies_have_a_verdict_as_often_as_is_said(
    ratio: str, seeds: int, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """800 studies have a standard error of 1.4 points; the whole table is that of benchmarks/."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    sys.modules.pop("power", None)
    from power import known, simulate

    planned = known(ratio, 20)
    delta = planned.detectable(0.8, level, seeds, 20)
    rng = np.random.default_rng(1)
    assert simulate(planned, delta, level, seeds, 800, rng) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("seeds", "less"), [(3, 0.08), (5, 0.06), (20, 0.01)])
def test_where_blocks_do_not_matter_the_power_is_that_of_the_t_test(
    seeds: int, less: float
) -> None:
    """Two arms of one variance: a non-central t distribution, but for Welch's fewer degrees."""
    delta, freedom = 1.5, 2 * (seeds - 1)
    away = delta / np.sqrt(2 / seeds)
    student = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, away)
    found = SEEDS.power(delta, 0.05, seeds, 20)
    assert student - less < found < student + 0.005


@given(st.integers(3, 8), st.integers(6, 30), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_the_test_is_that_of_the_differences(seeds: int, blocks: int, state: int) -> None:
    rng = np.random.default_rng(state)
    a = arm(rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, blocks)))
    b = arm(rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, blocks)))
    squares, tested = mean_squares([a, b]), difference(a, b)
    assert squares is not None
    assert tested.high is not None
    A, B = (np.array([one.variance]) for one in squares.seeds)
    beyond = np.array([max(squares.blocks.variance - squares.rest, 0)])
    reach = half_width(A, B, beyond, seeds - 1, squares.blocks.freedom, 0.05)
    assert reach[0] == pytest.approx(tested.high - tested.value)


@given(pilots, st.floats(0.1, 20), st.sampled_from([0.05, 0.002]), st.integers(3, 60))
@settings(max_examples=25, deadline=None)
def test_more_seeds_clips_or_difference_never_lower_the_power(
    planned: Pilot, delta: float, level: float, seeds: int
) -> None:
    clips, rounding = planned.clips, 0.003  # of a mean over a few hundred quantiles
    power = planned.power(delta, level, seeds, clips)
    assert 0 <= power <= 1
    for more in (
        planned.power(delta, level, seeds + 1, clips),
        planned.power(delta, level, seeds, clips + 1),
        planned.power(delta, level, seeds, 3 * clips),
    ):
        assert more >= power - rounding
    assert planned.power(1.1 * delta, level, seeds, clips) >= power
    assert planned.power(delta, level / 2, seeds, clips) <= power


@given(pilots, st.sampled_from([0.5, 0.8, 0.95]))
@settings(max_examples=10, deadline=None)
def test_what_is_detectable_is_found_and_what_is_needed_is_the_least(
    planned: Pilot, power: float
) -> None:
    delta = planned.detectable(power, 0.01, 5, planned.clips)
    assert planned.power(delta, 0.01, 5, planned.clips) == pytest.approx(power, abs=1e-6)
    seeds = planned.seeds_needed(1.0001 * delta, power, 0.01, planned.clips)
    assert seeds is not None
    assert seeds <= 5
    clips = planned.clips_needed(1.0001 * delta, power, 0.01, 5)
    assert clips is not None
    assert clips <= planned.clips


def test_a_difference_that_clips_hide_is_not_found_by_more_seeds() -> None:
    delta = 2.0
    assert CLIPS.seeds_needed(delta, 0.8, 0.05, 20) is None
    clips = CLIPS.clips_needed(delta, 0.8, 0.05, 5)
    assert clips is not None
    assert CLIPS.power(delta, 0.05, 5, clips) >= 0.8 > CLIPS.power(delta, 0.05, 5, clips - 1)
    assert SEEDS.clips_needed(delta, 0.8, 0.05, 3) is None
    assert SEEDS.seeds_needed(delta, 0.8, 0.05, 20) == 6


def test_where_neither_alone_can_both_together_may() -> None:
    mixed = Pilot((1.0, 1.0), (0.1, 0.1), 1.0, 19, 20, 3, 20)
    assert mixed.seeds_needed(2.0, 0.8, 0.05, 20) is None
    assert mixed.clips_needed(2.0, 0.8, 0.05, 3) is None
    both = mixed.both_needed(2.0, 0.8, 0.05, 3, 20)
    assert both is not None
    seeds, clips = both
    assert mixed.power(2.0, 0.05, seeds, clips) >= 0.8
    assert clips == np.ceil(20 * seeds / 3)
    assert mixed.both_needed(0.0, 0.8, 0.05, 3, 20) is None


def test_of_what_is_there_in_plenty_nothing_is_added() -> None:
    pilot = Pilot((0.05, 0.05), (0.01, 0.01), 0.01, 20.0, 24, 10, 100)
    planned = Power(
        None, pilot, 3, 20, 1.0, 0.6, 0.5, None, None, (8, 54), 60.0  # type: ignore[arg-type]
    )  # fmt: skip
    assert planned.to_add == (0, 0)
    assert planned.cost == 0


def test_a_pilot_holds_the_components_of_both_arms() -> None:
    rng = np.random.default_rng(2)
    a = arm(rng.normal(size=(3, 1)) + rng.normal(size=(3, 20)))
    b = arm(3 * rng.normal(size=(2, 1)) + rng.normal(size=(2, 20)))
    found, both = pilot(a, b), components(a, b)
    assert found is not None
    assert both is not None
    assert (found.seeds, found.clips, found.blocks, found.freedom) == (2, 20, 20, 19)
    assert sum(found.seed) == pytest.approx(both.seed)
    assert sum(found.rest) == pytest.approx(both.rest)
    assert found.block == both.block
    assert found.earlier
    assert found.counted
    unknown = pilot(replace(a, clips=None), b)
    assert unknown is not None
    assert (unknown.clips, unknown.counted) == (100, False)


def test_a_pilot_says_how_much_alike_the_seeds_of_both_arms_are() -> None:
    rng = np.random.default_rng(4)
    blocks = rng.normal(size=(4, 1)) + rng.normal(size=(4, 20))
    a, b = arm(blocks), arm(blocks + rng.normal(size=(4, 20)))
    found = pilot(a, b)
    assert found is not None
    assert found.correlation == pytest.approx(stats.pearsonr(a.values, b.values).statistic)
    # Seeds are matched by their number, whatever their order, and only those of both count.
    order = [3, 1, 0]
    fewer = replace(arm(b.blocks[order]), seeds=tuple(order))
    expected = stats.pearsonr(a.values[order], b.values[order]).statistic
    assert seed_correlation(a, fewer) == pytest.approx(expected)


def test_too_few_seeds_or_scores_that_do_not_vary_have_no_correlation() -> None:
    rng = np.random.default_rng(5)
    a, b = arm(rng.normal(size=(4, 20))), arm(rng.normal(size=(4, 20)))
    assert seed_correlation(a, replace(b, seeds=(2, 3, 4, 5))) is None
    assert seed_correlation(a, replace(b, values=np.full(4, 0.1 + 0.2))) is None


@pytest.mark.parametrize(
    "blocks",
    [np.random.default_rng(3).normal(size=(1, 20)), np.ones((3, 20)), np.ones((3, 4))],
    ids=["one seed", "nothing varies", "four clips"],
)
def test_nothing_is_planned_from_what_shows_no_scatter(blocks: np.ndarray) -> None:
    assert pilot(arm(blocks), arm(blocks)) is None
