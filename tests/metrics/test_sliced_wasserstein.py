"""MIND: against the definition, direction by direction, and where the distance is known."""

import numpy as np
import pytest
from feature_sets import features, leave_out, outputs_of
from scipy.stats import wasserstein_distance

from a2ibench.errors import UserError
from a2ibench_plugins.metrics.sliced_wasserstein import SlicedWasserstein

REAL = features(240, 12, 0)


def by_the_definition(x: np.ndarray, y: np.ndarray, directions: np.ndarray) -> float:
    """3d times the mean of squares, as torch-fidelity's metric_mind writes the paper's formula."""
    squares = [np.mean((np.sort(x @ u) - np.sort(y @ u)) ** 2) for u in directions]
    return 3 * x.shape[1] * float(np.mean(squares))


def test_it_is_what_the_definition_says():
    x = features(240, 12, 1, 0.25)
    metric = SlicedWasserstein(projections=130)
    directions = np.concatenate(list(metric._directions(12)))
    assert directions.shape == (130, 12)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    expected = by_the_definition(x.astype(float), REAL.astype(float), directions)
    assert metric.compute(outputs_of(x, REAL)).value == pytest.approx(expected, rel=1e-9)


def test_one_feature_needs_no_direction():
    x, y = np.arange(100.0)[:, np.newaxis], np.arange(100.0)[::-1, np.newaxis] + 2
    found = SlicedWasserstein(projections=1).compute(outputs_of(x, y))
    assert found.value == pytest.approx(3 * wasserstein_distance(x[:, 0], y[:, 0]) ** 2)


def test_a_shift_is_three_times_its_squared_length_away():
    shift = np.full(12, 0.5, np.float32)
    found = SlicedWasserstein().compute(outputs_of(REAL + shift, REAL))
    assert found.value == pytest.approx(3 * 12 * 0.25, rel=0.1)


def test_another_number_of_directions_changes_little():
    outputs = outputs_of(features(240, 12, 1, 0.25), REAL)
    few, many = (SlicedWasserstein(projections=m).compute(outputs).value for m in (1000, 10_000))
    assert few == pytest.approx(many, rel=0.1)


def test_the_real_images_themselves_are_at_no_distance_and_a_collapsed_generator_is_far():
    near = SlicedWasserstein().compute(outputs_of(features(240, 12, 2), REAL)).value
    assert SlicedWasserstein().compute(outputs_of(REAL[::-1], REAL)).value < 1e-12
    assert SlicedWasserstein().compute(outputs_of(np.tile(REAL[:1], (240, 1)), REAL)).value > (
        20 * near
    )


def test_without_a_block_it_is_what_the_other_segments_give():
    outputs = outputs_of(features(60, 5, 1, 0.5), features(60, 5, 0))
    block = np.random.default_rng(1).integers(0, 6, 60)
    metric = SlicedWasserstein(projections=60)
    expected = leave_out(metric, outputs, block)
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)
    single = metric.without_blocks(outputs, np.zeros(60, np.int64))
    assert np.isnan(single).all()


def test_few_segments_are_refused():
    with pytest.raises(UserError, match="at least 100 test segments, there are 99"):
        SlicedWasserstein().check(np.zeros(99, np.int64), ("a",))
