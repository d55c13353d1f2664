"""Fréchet wavelet distance: against the authors' package, and where the distance is known."""

import numpy as np
import pytest
from feature_sets import leave_out, outputs_of
from scipy.linalg import sqrtm

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.judges.wavelets import Wavelets
from a2ibench_plugins.metrics.wavelet_distance import WaveletDistance, frechet_of_moments


def pictures(n: int, side: int, seed: int, low: int, high: int) -> np.ndarray:
    """Coloured squares of 8 × 8 pixels with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(low, high, (n, side // 8, side // 8, 3))
    squares = np.kron(coarse, np.ones((1, 8, 8, 1), int))
    return np.clip(squares + rng.integers(0, 40, (n, side, side, 3)), 0, 255).astype(np.uint8)


def seen(generated: np.ndarray, real: np.ndarray) -> JudgeOutputs:
    judge = Wavelets()
    packets = [judge.embed(part)["packets"] for part in (generated, real)]
    rest = outputs_of(*packets)
    return JudgeOutputs(
        generated={"packets": packets[0]},
        real={"packets": packets[1]},
        acoustic=rest.acoustic,
        label=rest.label,
        classes=rest.classes,
    )


REAL = pictures(240, 32, 0, 20, 216)


@pytest.mark.parametrize(("side", "theirs"), [(32, 0.07966745716190098), (64, 0.5282197315293495)])
def test_it_is_that_of_the_authors_package(side, theirs):
    """pytorchfwd 1.0.1 with ptwt 1.0.1, its defaults ("Haar", level 4, no logarithm), float64."""
    outputs = seen(pictures(240, side, 1, 0, 200), pictures(240, side, 0, 20, 216))
    assert WaveletDistance().compute(outputs).value == pytest.approx(theirs, rel=1e-5)


def test_the_distance_of_two_gaussians_is_that_of_a_matrix_root():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 5))
    s, t, shift = a @ a.T, b @ b.T, rng.normal(size=5)
    expected = shift @ shift + np.trace(s + t - 2 * sqrtm(s @ t).real)
    found = frechet_of_moments(shift[np.newaxis], s[np.newaxis], np.zeros((1, 5)), t[np.newaxis])
    assert found[0] == pytest.approx(expected)
    flat = np.diag([1.0, 0, 0, 0, 0])
    found = frechet_of_moments(np.zeros((1, 5)), flat[np.newaxis], np.zeros((1, 5)), t[np.newaxis])
    assert found[0] == pytest.approx(1 + np.trace(t) - 2 * np.sqrt(t[0, 0]))


def test_brighter_pictures_are_away_by_the_square_of_the_shift_in_one_packet():
    dark = REAL // 2
    found = WaveletDistance().compute(seen(dark + 51, dark)).value
    assert found == pytest.approx(12 * (16 * 0.2) ** 2 / 256, rel=1e-4)


def test_the_real_images_themselves_are_at_no_distance_and_a_collapsed_generator_is_far():
    same = WaveletDistance().compute(seen(REAL[::-1], REAL)).value
    fresh = WaveletDistance().compute(seen(pictures(240, 32, 2, 20, 216), REAL)).value
    collapsed = WaveletDistance().compute(seen(np.repeat(REAL[:1], 240, axis=0), REAL)).value
    assert same == pytest.approx(0, abs=1e-6)
    assert same < fresh < collapsed / 10


def test_without_a_block_it_is_what_the_other_segments_give():
    outputs = seen(pictures(60, 16, 1, 0, 200), pictures(60, 16, 0, 20, 216))
    block = np.random.default_rng(1).integers(0, 6, 60)
    expected = leave_out(WaveletDistance(), outputs, block)
    np.testing.assert_allclose(
        WaveletDistance().without_blocks(outputs, block), expected, rtol=1e-6
    )
    single = WaveletDistance().without_blocks(outputs, np.zeros(60, np.int64))
    assert np.isnan(single).all()


def test_few_segments_are_refused():
    with pytest.raises(UserError, match="at least 200 test segments, there are 199"):
        WaveletDistance().check(np.zeros(199, np.int64), ("a",))
