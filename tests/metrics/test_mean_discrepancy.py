"""CMMD: against the published code, and what it sees at its published width."""

import numpy as np
import pytest
from feature_sets import features, leave_out, outputs_of

from a2ibench.errors import UserError
from a2ibench_plugins.metrics.mean_discrepancy import MeanDiscrepancy

REAL = features(240, 12, 0)


@pytest.mark.parametrize(
    ("generated", "theirs"),
    [
        # distance.mmd of github.com/sayakpaul/cmmd-pytorch, the authors' code in PyTorch, on the
        # same features in float64, each scaled to length 1.
        (features(240, 12, 1, 0.25), 0.8154772593456094),
        (features(240, 12, 2), 0.17253461150645855),
    ],
)
def test_it_is_that_of_the_published_code(generated, theirs):
    found = MeanDiscrepancy().compute(outputs_of(generated, REAL))
    assert found.value == pytest.approx(theirs, rel=1e-6)
    assert found.n == 240


def test_at_the_published_width_it_is_ten_times_the_squared_distance_of_the_means():
    x, y = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (REAL + 0.5, REAL))
    shift = 10 * np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    assert MeanDiscrepancy().compute(outputs_of(x, y)).value == pytest.approx(shift, rel=0.02)


def test_sets_of_one_mean_that_share_nothing_differ_at_a_small_width_alone():
    one, other = np.zeros((2, 100, 4))
    one[::2, 0], one[1::2, 0] = 1, -1
    other[::2, 1], other[1::2, 1] = 1, -1
    outputs = outputs_of(one, other)
    assert MeanDiscrepancy().compute(outputs).value == pytest.approx(0.1, abs=0.001)
    assert MeanDiscrepancy(sigma=0.5).compute(outputs).value > 900
    opposite = outputs_of(np.abs(one), -np.abs(one))
    assert MeanDiscrepancy().compute(opposite).value == pytest.approx(39.6, abs=0.1)


def test_the_real_images_themselves_are_at_no_distance_and_a_collapsed_generator_is_far():
    assert MeanDiscrepancy().compute(outputs_of(REAL, REAL)).value == pytest.approx(0, abs=1e-9)
    collapsed = outputs_of(np.tile(REAL[:1], (240, 1)), REAL)
    assert MeanDiscrepancy().compute(collapsed).value > 5


def test_two_samples_of_one_distribution_are_as_far_apart_as_the_bias_says():
    values = [
        MeanDiscrepancy()
        .compute(outputs_of(features(200, 12, s), features(200, 12, 500 + s)))
        .value
        for s in range(80)
    ]
    assert np.mean(values) == pytest.approx(20 / 200, rel=0.15)


@pytest.mark.parametrize("metric", [MeanDiscrepancy(), MeanDiscrepancy(sigma=0.5)])
def test_without_a_block_it_is_what_the_other_segments_give(metric):
    outputs = outputs_of(features(60, 5, 1, 0.5), features(60, 5, 0))
    block = np.random.default_rng(1).integers(0, 6, 60)
    expected = leave_out(metric, outputs, block)
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)


def test_a_single_block_leaves_nothing_to_measure():
    outputs = outputs_of(REAL, REAL)
    assert np.isnan(MeanDiscrepancy().without_blocks(outputs, np.zeros(240, np.int64))).all()


def test_few_segments_are_refused():
    with pytest.raises(UserError, match="at least 20 test segments, there are 19"):
        MeanDiscrepancy().check(np.zeros(19, np.int64), ("a",))
