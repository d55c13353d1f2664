"""Conditional Vendi and RKE: against the authors' code and the definition by whole matrices."""

import numpy as np
import pytest
from feature_sets import features, outputs_of

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics.conditional_diversity import ConditionalRKE, ConditionalVendi

BOTH = [ConditionalVendi(), ConditionalRKE()]
GRID = features(24, 12, 7).reshape(6, 4, 12) + features(6, 12, 8)[:, np.newaxis]


def drawn(grid: np.ndarray) -> JudgeOutputs:
    real = features(12, grid.shape[2], 0)
    rows = np.arange(len(grid)) * 2
    return outputs_of(real, real, grid={"features": grid.astype(np.float32)}, grid_rows=rows)


def test_they_are_those_of_the_authors_code():
    """ConditionalEvaluation.compute_joint_entropy and compute_entropy, kernel "cosine", of
    github.com/mjalali/conditional-vendi on the same pictures, T one-hot of the sound."""
    assert ConditionalVendi().compute(drawn(GRID)).value == pytest.approx(2.577263776812626)
    assert ConditionalRKE().compute(drawn(GRID)).value == pytest.approx(2.0132447893096983)


@pytest.mark.parametrize(("metric", "alpha"), [(ConditionalVendi(), 1), (ConditionalRKE(), 2)])
def test_they_are_the_entropy_of_pictures_and_sounds_less_that_of_sounds(metric, alpha):
    flat = GRID.reshape(24, 12).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    same = np.kron(np.eye(6), np.ones((4, 4)))

    def entropy(kernel: np.ndarray) -> float:
        p = np.linalg.eigvalsh(kernel / len(kernel))
        p = p[p > 1e-12]
        return -(p * np.log(p)).sum() if alpha == 1 else -np.log((p**2).sum())

    expected = np.exp(entropy(flat @ flat.T * same) - entropy(same))
    assert metric.compute(drawn(GRID)).value == pytest.approx(expected)


@pytest.mark.parametrize("metric", BOTH)
def test_it_is_the_number_of_different_pictures_of_a_sound(metric):
    apart = np.broadcast_to(np.eye(4, 8), (6, 4, 8))
    pairs = np.broadcast_to(np.repeat(np.eye(2, 8), 2, axis=0), (6, 4, 8))
    alike = np.repeat(features(6, 8, 1)[:, np.newaxis], 4, axis=1)
    assert metric.compute(drawn(apart)).value == pytest.approx(4)
    assert metric.compute(drawn(pairs)).value == pytest.approx(2)
    assert metric.compute(drawn(alike)).value == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("metric", BOTH)
def test_what_the_sounds_explain_and_their_order_do_not_matter(metric):
    value = metric.compute(drawn(GRID)).value
    assert metric.compute(drawn(GRID[::-1, ::-1])).value == pytest.approx(value)
    one_sound_over_and_over = np.broadcast_to(GRID[:1], GRID.shape)
    each = [metric.compute(drawn(np.repeat(GRID[i : i + 1], 2, axis=0))).value for i in range(6)]
    assert metric.compute(drawn(one_sound_over_and_over)).value == pytest.approx(each[0])
    assert min(each) < value < max(each)


@pytest.mark.parametrize("metric", BOTH)
def test_without_a_block_it_is_what_the_other_segments_give(metric):
    outputs, block = drawn(GRID), np.arange(12) // 2 % 3
    rows = [np.flatnonzero(block != b) for b in range(3)]
    expected = [metric.compute(outputs.take(part)).value for part in rows]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)


@pytest.mark.parametrize("metric", BOTH)
def test_blocks_that_leave_a_single_sound_have_no_score(metric):
    block = np.where(np.arange(12) < 10, 0, 1)
    found = metric.without_blocks(drawn(GRID), block)
    np.testing.assert_array_equal(np.isnan(found), [True, False])


@pytest.mark.parametrize("metric", BOTH)
@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (GRID[:1], "two pictures of each of two sounds, there are 4 of 1"),
        (GRID[:, :1], "two pictures of each of two sounds, there are 1 of 6"),
        (np.zeros((3, 4, 8)), "features are all 0"),
    ],
)
def test_what_has_no_diversity_is_refused(metric, grid, said):
    with pytest.raises(UserError, match=said):
        metric.compute(drawn(grid))
