"""Clipped Density and Clipped Coverage: against the authors' code, and what the paper promises."""

import numpy as np
import pytest
from feature_sets import features, leave_out, outputs_of
from scipy.stats import betabinom

from a2ibench.errors import UserError
from a2ibench_plugins.metrics.clipped_manifold import (
    ClippedCoverage,
    ClippedDensity,
    expected_coverage,
)

REAL = features(240, 12, 0)
SHIFTED, SAME = features(240, 12, 1, 0.25), features(240, 12, 2)
HALF = np.concatenate([features(120, 12, 3), features(120, 12, 4) + 50])
BOTH = [ClippedDensity(), ClippedCoverage()]


@pytest.mark.parametrize(
    ("generated", "k", "density", "coverage"),
    [
        # ClippedDensityCoverage(real, K=k) of github.com/nicolassalvy/ClippedDensityCoverage at
        # 9920dae0, the authors' code, on the same features.
        (SHIFTED, 5, 0.8772213247172859, 0.8796680497925311),
        (SHIFTED, 3, 0.8977272727272726, 0.7925311203319502),
        (SAME, 5, 0.9046849757673668, 0.9626556016597511),
        (SAME, 3, 0.9062499999999999, 0.8464730290456431),
        (HALF, 5, 0.5072697899838449, 0.5643153526970954),
        (HALF, 3, 0.5085227272727273, 0.5228215767634855),
    ],
)
def test_they_are_those_of_the_authors_code(generated, k, density, coverage):
    outputs = outputs_of(generated, REAL)
    assert ClippedDensity(k=k).compute(outputs).value == pytest.approx(density, rel=1e-12)
    assert ClippedCoverage(k=k).compute(outputs).value == pytest.approx(coverage, rel=1e-12)


def test_density_is_what_its_definition_says():
    x, y, k = features(40, 3, 1, 0.5).astype(float), features(40, 3, 0).astype(float), 5
    apart = np.linalg.norm(y[:, np.newaxis] - y, axis=2)
    radius = np.array([sorted(row)[k] for row in apart])
    radius = np.minimum(radius, np.median(radius))
    held = np.linalg.norm(x[:, np.newaxis] - y, axis=2) <= radius
    own = (apart <= radius) & ~np.eye(40, dtype=bool)
    means = [np.minimum(one.sum(axis=1) / k, 1).mean() for one in (held, own)]
    found = ClippedDensity(k=k).compute(outputs_of(x, y)).value
    assert found == pytest.approx(min(1, means[0] / means[1]))


def test_the_expected_coverage_is_that_of_a_beta_binomial_number_of_images_in_a_ball():
    found = expected_coverage(50, 5)
    for m in (5, 20, 50):
        j = np.arange(m + 1)
        expected = (betabinom.pmf(j, m, 5, 45) * np.minimum(j, 5)).sum() / 5
        assert found[m] == pytest.approx(expected)
    assert (np.diff(found) >= 0).all()
    assert found[4] == 0


@pytest.mark.parametrize("metric", BOTH)
@pytest.mark.parametrize("good", [0.2, 0.5, 0.8])
def test_a_share_of_good_images_scores_about_that_share(metric, good):
    fresh = features(800, 8, 6)
    fresh[round(800 * good) :] += 50
    assert metric.compute(outputs_of(fresh, features(800, 8, 5))).value == pytest.approx(
        good, abs=0.07
    )


@pytest.mark.parametrize("metric", BOTH)
def test_the_real_images_themselves_reach_one_and_others_from_elsewhere_zero(metric):
    assert metric.compute(outputs_of(REAL, REAL)).value == 1
    assert metric.compute(outputs_of(REAL + 50, REAL)).value == 0


def test_one_good_image_over_and_over_is_dense_and_covers_nothing():
    inmost = REAL[np.square(REAL).sum(axis=1).argmin()]
    collapsed = outputs_of(np.tile(inmost, (240, 1)), REAL)
    assert ClippedDensity().compute(collapsed).value == 1
    assert ClippedCoverage().compute(collapsed).value < 0.5


def test_an_outlier_among_the_real_images_makes_no_wide_ball():
    real = REAL.copy()
    real[0] += 40
    far = outputs_of(np.tile(real[:1] * 0.5, (240, 1)) + features(240, 12, 9), real)
    assert ClippedDensity().compute(far).value == 0


@pytest.mark.parametrize("metric", BOTH)
def test_order_and_quarter_turns_do_not_matter(metric):
    value = metric.compute(outputs_of(SHIFTED, REAL)).value
    order, other = (np.random.default_rng(seed).permutation(240) for seed in (0, 1))
    assert metric.compute(outputs_of(SHIFTED[order], REAL[other])).value == pytest.approx(value)
    turned = outputs_of(-SHIFTED[:, ::-1], -REAL[:, ::-1])
    assert metric.compute(turned).value == pytest.approx(value)


@pytest.mark.parametrize("metric", BOTH)
@pytest.mark.parametrize("whole", [False, True], ids=["fractions", "many distances are equal"])
def test_without_a_block_it_is_what_the_other_segments_give(metric, whole):
    rng = np.random.default_rng(2)
    x, y = (rng.integers(0, 5, (90, 3)) if whole else rng.normal(size=(90, 3)) for _ in range(2))
    outputs, block = outputs_of(x, y), rng.integers(0, 6, 90)
    expected = leave_out(metric, outputs, block)
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)


@pytest.mark.parametrize("metric", BOTH)
def test_what_cannot_be_measured_is_refused_or_has_no_interval(metric):
    alike = REAL.copy()
    alike[:121] = alike[0]
    with pytest.raises(UserError, match="half of the real images or more have 5 others with the"):
        metric.compute(outputs_of(SHIFTED, alike))
    with pytest.raises(UserError, match="more than 5 test segments, there are 5"):
        metric.compute(outputs_of(SHIFTED[:5], REAL[:5]))
    with pytest.raises(UserError, match="at least 100 test segments, there are 99"):
        metric.check(np.zeros(99, np.int64), ("a",))
    block = np.repeat([0, 1], [8, 4])
    assert np.isnan(metric.without_blocks(outputs_of(SHIFTED[:12], REAL[:12]), block)).all()
