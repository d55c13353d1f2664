"""Fréchet distance: against the matrix root, exact for singular covariances, extrapolated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import linregress

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.nn import pairwise
from a2ibench_plugins.metrics.frechet_distance import (
    SEED,
    FrechetDistance,
    FrechetDistanceInfinite,
    frechet_distance,
)

ALL = [
    FrechetDistance(judge="inceptionv3"),
    FrechetDistanceInfinite(judge="inceptionv3"),
    FrechetDistanceInfinite(),
    FrechetDistance(),
]


def outputs_of(generated: np.ndarray, real: np.ndarray) -> JudgeOutputs:
    n = len(generated)
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((n, 1), dtype=np.float32),
        label=np.zeros(n, dtype=np.int64),
        classes=("a",),
    )


def correlated(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + shift).astype(np.float32)


def by_the_matrix_root(x: np.ndarray, y: np.ndarray) -> float:
    """The formula as it is printed, with SciPy's root; for covariances that are not singular."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(axis=0) - y.mean(axis=0)
    return float(shift @ shift + np.trace(s + t - 2 * np.real(sqrtm(s @ t))))


def by_the_symmetric_root(x: np.ndarray, y: np.ndarray) -> float:
    """Tr (S^½ T S^½)^½ by eigenvectors, for singular covariances as well."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    value, vector = np.linalg.eigh(s)
    root = vector @ np.diag(np.sqrt(np.maximum(value, 0))) @ vector.T
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ t @ root), 0)).sum()
    shift = x.mean(axis=0) - y.mean(axis=0)
    return float(shift @ shift + np.trace(s + t) - 2 * trace)


@pytest.mark.parametrize(("m", "n", "d"), [(200, 200, 12), (41, 90, 40), (500, 300, 60)])
def test_of_many_images_it_is_the_formula_with_the_matrix_root(m, n, d):
    x, y = correlated(m, d, 0), correlated(n, d, 1, shift=0.5)
    assert frechet_distance(x, y) == pytest.approx(by_the_matrix_root(x, y), rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(20, 20), (2, 2), (15, 300), (300, 15), (60, 60), (61, 61)])
def test_of_fewer_images_than_features_it_is_exact_as_well(m, n):
    x, y = correlated(m, 60, 0), correlated(n, 60, 1, shift=0.5)
    assert frechet_distance(x, y) == pytest.approx(by_the_symmetric_root(x, y), rel=1e-6)


def test_two_gaussians_on_a_line_are_apart_by_means_and_deviations():
    x = np.array([[-1.0], [0.0], [1.0]])
    y = np.array([[1.0], [4.0], [7.0]])
    assert frechet_distance(x, y) == pytest.approx(4**2 + (1 - 3) ** 2)


@pytest.mark.parametrize("n", [10, 100], ids=["fewer than features", "more"])
class TestSingularCovariances:
    def test_one_image_over_and_over_on_one_side_leaves_shift_and_spread(self, n):
        x, y = np.tile(correlated(1, 30, 0), (n, 1)), correlated(n, 30, 1)
        wide = y.astype(np.float64)
        shift = x[0] - wide.mean(axis=0)
        expected = shift @ shift + wide.var(axis=0, ddof=1).sum()
        assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
        assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-9)

    def test_one_image_over_and_over_on_both_sides_leaves_the_shift(self, n):
        x, y = np.zeros((n, 30)), np.tile(np.arange(30.0), (n, 1))
        assert frechet_distance(x, y) == pytest.approx(np.square(np.arange(30)).sum(), rel=1e-9)
        assert frechet_distance(x, x) == 0

    def test_features_that_never_change_or_repeat_others_are_exact(self, n):
        x, y = correlated(n, 30, 0), correlated(n, 30, 1, shift=0.3)
        for dull in (x, y):
            dull[:, 3], dull[:, 7], dull[:, 9] = 2.0, dull[:, 8], 0.0
        few = [*range(3), *range(4, 7), *range(8, 9), *range(10, 30)]
        assert frechet_distance(x, y) == pytest.approx(by_the_symmetric_root(x, y), rel=1e-6)
        assert frechet_distance(x[:, :3], y[:, :3]) < frechet_distance(x[:, few], y[:, few])


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_it_is_symmetric_zero_for_equal_sets_and_blind_to_order_and_rotation(seed, n, scale):
    rng = np.random.default_rng(seed)
    x, y = scale * rng.normal(size=(n, 12)), scale * rng.normal(1, 2, size=(n, 12))
    distance = frechet_distance(x, y)
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-6)
    assert frechet_distance(x, x[::-1]) <= 1e-6 * np.square(x).sum(axis=1).mean()
    order = rng.permutation(n)
    assert frechet_distance(x[order], y) == pytest.approx(distance, rel=1e-6)
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(distance, rel=1e-6)
    assert frechet_distance(2 * x + 3, 2 * y + 3) == pytest.approx(4 * distance, rel=1e-6)


@pytest.mark.parametrize("cells", [7, 10**6], ids=["in strips", "whole"])
def test_without_a_block_it_is_what_the_other_segments_give(monkeypatch, cells):
    monkeypatch.setattr(pairwise, "CELLS", cells)
    outputs = outputs_of(correlated(90, 12, 0, shift=30.0), correlated(90, 12, 1, shift=31.0))
    block = np.random.default_rng(1).integers(0, 6, 90)
    metric = FrechetDistance()
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(6)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)
    few = outputs.take(np.arange(12))
    assert metric.without_blocks(few, block[:12]) is None, "no more images than features"


def test_extrapolated_it_is_where_the_line_of_the_parts_meets_infinitely_many_images():
    x, y = correlated(400, 10, 0), correlated(400, 10, 1, shift=0.5)
    order, sizes = np.random.default_rng(SEED).permutation(400), (400, 200, 400 / 3, 100)
    cuts = [np.array_split(order, number) for number in (1, 2, 3, 4)]
    distances = [np.mean([by_the_matrix_root(x[p], y[p]) for p in cut]) for cut in cuts]
    expected = linregress([1 / size for size in sizes], distances).intercept
    found = FrechetDistanceInfinite().compute(outputs_of(x, y)).value
    assert found == pytest.approx(expected, rel=1e-6)


def test_extrapolation_takes_off_most_of_the_bias_of_few_images():
    """Both sets of one distribution: the truth is 0."""
    x, y = (np.random.default_rng(seed).normal(size=(800, 20)) for seed in (0, 1))
    outputs = outputs_of(x, y)
    plain = FrechetDistance().compute(outputs)
    extrapolated = FrechetDistanceInfinite().compute(outputs)
    assert plain.value > 0.2
    assert abs(extrapolated.value) < plain.value / 4
    assert FrechetDistanceInfinite().compute(outputs) == extrapolated
    assert (plain.n, plain.spread, plain.per_segment) == (800, None, None)


def test_the_images_themselves_extrapolate_to_zero():
    x = correlated(400, 10, 0)
    assert FrechetDistanceInfinite(judge="inceptionv3").compute(
        outputs_of(x, x)
    ).value == pytest.approx(0, abs=1e-6)


def test_few_segments_are_refused_and_the_kernel_distance_is_named():
    for metric, fewest in ((FrechetDistance(), 200), (FrechetDistanceInfinite(), 400)):
        metric.check(np.zeros(fewest, dtype=np.int64), ("a",))
        with pytest.raises(UserError, match=rf"at least {fewest} test segments.*kid"):
            metric.check(np.zeros(fewest - 1, dtype=np.int64), ("a",))


def test_none_is_a_headline_and_names_and_titles_differ():
    assert not any(metric.headline or metric.higher_is_better for metric in ALL)
    assert len({metric.name for metric in ALL}) == len({metric.title for metric in ALL}) == 4
    assert all(metric.name.endswith(metric.judge) for metric in ALL)
