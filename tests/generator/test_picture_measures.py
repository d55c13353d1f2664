"""Measures of pictures and rank correlations, against values known by hand and by scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from a2ibench.evaluation.rank_correlation import correlate, mean_interval, over_sounds
from a2ibench.generator.picture_measures import measure


def test_plain_pictures_have_the_measures_that_their_definitions_say() -> None:
    half = np.zeros((8, 8, 3), np.uint8)
    half[:, 4:] = 255
    red = np.zeros_like(half)
    red[..., 0] = 255
    images = np.stack([half, half, red])
    found = measure(images, np.stack([half, 255 - half, half]))
    assert found["brightness"] == pytest.approx([0.5, 0.5, 0.299])
    assert found["contrast"] == pytest.approx([0.5, 0.5, 0], abs=1e-9)
    # Each row: the Laplacian is 1 beside the edge on one side, −1 on the other, 0 elsewhere.
    assert found["sharpness"] == pytest.approx([2 / 8, 2 / 8, 0], abs=1e-9)
    assert found["colourfulness"] == pytest.approx([0, 0, 0.3 * math.hypot(255, 127.5)])
    assert found["changed"].tolist() == [0, 1, 1]
    assert found["distance"][0] == 0
    assert (found["distance"][1:] > 0).all()


def test_a_slight_change_of_a_pixel_does_not_count() -> None:
    base = np.full((1, 4, 4, 3), 100, np.uint8)
    image = base.copy()
    image[0, 0, 0, 1] += 8
    image[0, 1, 1, 2] -= 9
    assert measure(image, base)["changed"].item() == 1 / 16


def test_a_curve_that_rises_at_each_of_four_levels_has_rho_1_and_the_exact_p() -> None:
    x = np.array([0.5, 1, 2, 3])
    found = correlate(x, np.array([[1.0, 2, 3, 9], [2.0, 3, 4, 10]]).T)
    assert found.rho == pytest.approx(1)
    assert found.p == pytest.approx(2 / math.factorial(4))
    assert (found.low, found.high, found.cases) == (1, 1, 2)


def test_rho_is_the_mean_of_scipys_over_noises() -> None:
    rng = np.random.default_rng(1)
    x, curves = np.arange(9.0), rng.normal(size=(9, 5))
    found = correlate(x, curves)
    single = [stats.spearmanr(x, curve).statistic for curve in curves.T]
    assert found.rho == pytest.approx(np.mean(single))
    reach = stats.t.ppf(0.975, 4) * stats.sem(single)
    assert found.low == pytest.approx(np.mean(single) - reach)
    assert found.p is not None
    assert 0 < found.p <= 1


def test_what_is_constant_has_no_rank_correlation() -> None:
    assert correlate(np.arange(4.0), np.ones((4, 3))).rho is None
    assert correlate(np.ones(4), np.arange(4.0)[:, None]).rho is None
    assert over_sounds([correlate(np.ones(4), np.ones((4, 1)))]).rho is None


def test_one_noise_has_no_interval() -> None:
    found = correlate(np.arange(4.0), np.arange(4.0)[:, None])
    assert (found.rho, found.low) == (pytest.approx(1), None)
    assert np.isnan(mean_interval(np.ones((3, 1)))[1]).all()
