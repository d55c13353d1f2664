"""Components are those that the scores were made with, or that the textbook's tables give."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from a2ibench.evaluation.variance import (
    Estimate,
    SeedScores,
    components,
    mean_squares,
    satterthwaite,
)


def arm(blocks: np.ndarray, strata: np.ndarray | None = None) -> SeedScores:
    seeds = tuple(range(len(blocks)))
    return SeedScores(seeds, blocks.mean(axis=1), 100, None, blocks, strata=strata)


def draw(
    rng: np.random.Generator, seed: float, block: np.ndarray, rest: float, S: int = 400
) -> np.ndarray:
    """``[S, B]`` scores with these standard deviations of a whole score."""
    B = block.shape[-1]
    return seed * rng.normal(size=(S, 1)) + block + rest * B**0.5 * rng.normal(size=(S, B))


def test_known_components_of_a_score_are_found() -> None:
    rng = np.random.default_rng(0)
    block = 0.3 * 30**0.5 * stats.norm.ppf((np.arange(30) + 0.5) / 30)
    found = components(arm(draw(rng, 0.5, block, 0.2)))
    assert found is not None
    assert np.sqrt([found.seed, found.block, found.rest]) == pytest.approx([0.5, 0.3, 0.2], rel=0.1)
    assert found.variance(4, 2) == pytest.approx(found.seed / 4 + found.block / 2 + found.rest / 8)


def test_what_is_hard_for_both_is_no_component_of_a_difference() -> None:
    rng = np.random.default_rng(1)
    block = rng.normal(0, 9, 30)
    own = 0.1 * 30**0.5 * stats.norm.ppf((np.arange(30) + 0.5) / 30)
    a, b = draw(rng, 0.5, block, 0.2), draw(rng, 0.3, block + own, 0.4)
    found = components(arm(a), arm(b))
    assert found is not None
    assert [found.seed, found.block, found.rest] == pytest.approx([0.34, 0.01, 0.2], rel=0.15)


def test_the_components_predict_how_far_studies_of_other_sizes_scatter() -> None:
    rng = np.random.default_rng(2)
    block = 0.3 * 40**0.5 * stats.norm.ppf((np.arange(40) + 0.5) / 40)
    found = components(arm(draw(rng, 0.5, block, 0.2)))
    assert found is not None
    # Five seeds and half as many clips, drawn anew.
    means = [
        draw(rng, 0.5, 0.3 * 40**0.5 * rng.normal(size=20), 0.2 * 2**0.5, S=5).mean()
        for _ in range(2_000)
    ]
    assert found.variance(5, 0.5) == pytest.approx(np.var(means), rel=0.12)


def test_mean_squares_are_those_of_the_two_way_analysis_of_variance() -> None:
    x = np.random.default_rng(3).normal(size=(4, 7))
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    found = mean_squares([arm(x)])
    assert found is not None
    assert found.seeds[0] == Estimate(pytest.approx(stats.sem(x.mean(axis=1)) ** 2), 3)
    assert found.blocks.variance == pytest.approx(stats.sem(x.mean(axis=0)) ** 2)
    assert found.blocks.freedom == pytest.approx(6)
    assert found.rest == pytest.approx((rest**2).sum() / (3 * 6) / (4 * 7))


def test_what_differs_between_strata_is_no_variance() -> None:
    rng = np.random.default_rng(4)
    strata = np.repeat([0, 1, 2], (4, 4, 12))
    x = rng.normal(size=(1, 20))
    found = mean_squares([arm(x, strata)])
    moved = mean_squares([arm(x + 100.0 * strata, strata)])
    assert found is not None
    assert moved is not None
    assert moved.blocks.variance == pytest.approx(found.blocks.variance)
    expected = sum(len(part) * np.var(part, ddof=1) for part in np.split(x[0], (4, 8))) / 20**2
    assert found.blocks.variance == pytest.approx(expected)
    one = mean_squares([arm(x + 100.0 * strata)])
    assert one is not None
    assert one.blocks.variance > 100 * found.blocks.variance


def test_degrees_of_freedom_are_right_on_average_for_many_strata_of_two() -> None:
    rng = np.random.default_rng(5)
    strata = np.repeat(np.arange(30), 2)
    found = [mean_squares([arm(rng.normal(size=(1, 60)), strata)]) for _ in range(200)]
    freedom = [one.blocks.freedom for one in found if one is not None]
    assert 25 < np.median(freedom) < 36
    assert satterthwaite(Estimate(1.0, 4), Estimate(1.0, 4)) == Estimate(2.0, 8)


def test_from_one_seed_the_share_of_the_seeds_is_not_known() -> None:
    x = np.random.default_rng(6).normal(size=(1, 9))
    found = components(arm(x))
    assert found is not None
    assert np.isnan([found.seed, found.rest]).all()
    assert found.block == pytest.approx(stats.sem(x[0]) ** 2)
    assert components(arm(x[:, :1])) is None
    with pytest.raises(ValueError, match="same blocks"):
        components(arm(x), replace(arm(x), strata=np.repeat([0, 1, 2], 3)))
