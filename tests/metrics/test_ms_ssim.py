"""1 − MS-SSIM between the draws of one sound."""

import numpy as np
import pytest

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench_plugins.metrics.ms_ssim import MSSSIMDiversity, ms_ssim


def outputs_of(grid: np.ndarray) -> JudgeOutputs:
    segments, draws, side, _ = grid.shape
    return JudgeOutputs(
        generated={},
        real={},
        acoustic=np.zeros((2 * segments, 2), np.float32),
        label=np.zeros(2 * segments, np.int64),
        classes=("a",),
        grid={"luma": grid.reshape(segments, draws, side * side).astype(np.float32)},
        grid_rows=np.arange(0, 2 * segments, 2),
    )


@pytest.mark.parametrize("side", [16, 32, 50, 64])
def test_equal_pictures_are_not_apart_and_unlike_ones_are(side):
    rng = np.random.default_rng(0)
    one = np.repeat(rng.random((3, 1, side, side)), 4, axis=1)
    assert MSSSIMDiversity().compute(outputs_of(one)).value == pytest.approx(0, abs=1e-5)
    score = MSSSIMDiversity().compute(outputs_of(rng.random((3, 4, side, side))))
    assert 0.8 < score.value <= 1
    assert np.isfinite(score.per_segment[::2]).all()
    assert np.isnan(score.per_segment[1::2]).all()


def test_a_slight_change_is_less_than_a_strong_one():
    rng = np.random.default_rng(1)
    x = np.kron(rng.random((1, 1, 8, 8)), np.ones((8, 8))).astype(np.float32)
    noise = rng.normal(size=x.shape).astype(np.float32)
    slight, strong = (ms_ssim(x, x + np.float32(s) * noise)[0] for s in (0.02, 0.3))
    assert 1 > slight > 0.9 > strong


def test_at_one_scale_it_is_the_plain_structural_similarity():
    from torch import from_numpy
    from torchmetrics.functional.image import structural_similarity_index_measure

    x, y = np.random.default_rng(2).random((2, 1, 1, 20, 20)).astype(np.float32)
    y = (x + y) / 2
    expected = structural_similarity_index_measure(
        from_numpy(y), from_numpy(x), data_range=1.0, reduction="none"
    )
    np.testing.assert_allclose(ms_ssim(x, y), expected.numpy().reshape(1), rtol=1e-4)
