"""Kernel distance: against the double sum, without bias, and quickly without a block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics import kernel_distance
from a2ibench_plugins.metrics.kernel_distance import MANY, KernelDistance


def outputs_of(generated: np.ndarray, real: np.ndarray) -> JudgeOutputs:
    n = len(generated)
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((n, 1), dtype=np.float32),
        label=np.zeros(n, dtype=np.int64),
        classes=("a",),
    )


def by_the_double_sum(x: np.ndarray, y: np.ndarray) -> float:
    n, d = x.shape

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / d + 1) ** 3

    within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    across = sum(k(x[i], y[j]) for i in range(n) for j in range(n) if i != j)
    return 1000 * (within - 2 * across) / (n * (n - 1))


def two_sets(n: int, d: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(shift, 1, (n, d)), rng.normal(0, 1, (n, d))
    return x.astype(np.float32), y.astype(np.float32)


def test_it_is_the_double_sum():
    x, y = two_sets(23, 5, 0, shift=0.4)
    score = KernelDistance().compute(outputs_of(x, y))
    expected = by_the_double_sum(x.astype(np.float64), y.astype(np.float64))
    assert score.value == pytest.approx(expected, rel=1e-12)
    assert (score.n, score.spread, score.per_segment) == (23, None, None)


@pytest.mark.parametrize("n", [20, 60])
@pytest.mark.parametrize("shared", [0.0, 0.7, 1.0])
def test_of_one_distribution_it_is_zero_on_average_however_much_the_pairs_share(n, shared):
    """xᵢ = c yᵢ + (1 − c²)^½ noise has the distribution of yᵢ, and at c = 1 is yᵢ."""
    values = []
    for seed in range(300):
        noise, y = two_sets(n, 8, seed)
        x = shared * y + np.sqrt(1 - shared**2) * noise
        values.append(KernelDistance().compute(outputs_of(x, y)).value)
    assert abs(np.mean(values)) <= 3 * np.std(values) / np.sqrt(300)


def test_real_pictures_of_other_clips_are_above_zero_where_clips_cluster():
    """Nine segments of each clip are near each other: what is left out is one pair of them."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(60):
        x, y = (np.repeat(rng.normal(size=(6, 8)), 9, axis=0) for _ in range(2))
        values.append(KernelDistance().compute(outputs_of(x, y)).value)
    assert np.mean(values) > 3 * np.std(values) / np.sqrt(60)


def test_it_is_what_random_subsets_average_to():
    """The published protocol, with many small subsets."""
    x, y = two_sets(60, 8, 3, shift=0.3)
    rng = np.random.default_rng(0)
    drawn = (rng.permutation(60)[:30] for _ in range(800))
    subsets = [KernelDistance().compute(outputs_of(x[rows], y[rows])).value for rows in drawn]
    whole = KernelDistance().compute(outputs_of(x, y)).value
    assert abs(np.mean(subsets) - whole) < 4 * np.std(subsets) / np.sqrt(800)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_it_is_symmetric_and_blind_to_order_and_rotation(seed):
    x, y = (part.astype(np.float64) for part in two_sets(20, 6, seed, shift=0.5))
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    metric = KernelDistance(judge="inceptionv3")
    value = metric.compute(outputs_of(x, y)).value
    order = rng.permutation(20)
    for same in ((y, x), (x[order], y[order]), (x @ turn, y @ turn)):
        assert metric.compute(outputs_of(*same)).value == pytest.approx(value, rel=1e-3, abs=0.1)


def test_without_a_block_it_is_what_the_other_segments_give():
    outputs = outputs_of(*two_sets(40, 6, 0, shift=0.3))
    block = np.random.default_rng(1).integers(0, 6, 40)
    metric = KernelDistance()
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(6)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)


@pytest.mark.parametrize(("tile", "rows"), [(1, 40), (7, 13), (13, 7), (39, 39), (40, 1)])
def test_in_tiles_of_any_size_it_is_the_same(monkeypatch, tile, rows):
    outputs = outputs_of(*two_sets(40, 6, 0, shift=0.3))
    block = np.random.default_rng(1).integers(0, 6, 40)
    metric = KernelDistance()
    whole = metric.compute(outputs).value, metric.without_blocks(outputs, block)
    monkeypatch.setattr(kernel_distance, "TILE", tile)
    monkeypatch.setattr(kernel_distance, "ROWS", rows)
    again = outputs.take(np.arange(40))
    assert metric.compute(again).value == pytest.approx(whole[0], rel=1e-9)
    np.testing.assert_allclose(metric.without_blocks(again, block), whole[1], rtol=1e-9)


def test_of_many_images_it_is_the_same_to_six_digits(monkeypatch):
    x, y = (20 + 3 * part for part in two_sets(MANY, 256, 0, shift=0.05))  # as of transformers
    block = np.arange(MANY) % 20
    metric = KernelDistance()
    quick, slow = outputs_of(x, y), outputs_of(x, y)
    found = metric.compute(quick).value, metric.without_blocks(quick, block)
    monkeypatch.setattr(kernel_distance, "MANY", MANY + 1)
    assert metric.compute(slow).value == pytest.approx(found[0], rel=1e-6, abs=1e-5)
    np.testing.assert_allclose(metric.without_blocks(slow, block), found[1], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("n", [50, MANY])
def test_images_compared_with_themselves_score_zero(n):
    x, _ = two_sets(n, 6, 0)
    assert KernelDistance().compute(outputs_of(x, x)).value == 0
    assert KernelDistance().compute(outputs_of(x, x.copy())).value == 0


def test_fewer_than_20_segments_are_refused():
    metric = KernelDistance()
    metric.check(np.zeros(20, dtype=np.int64), ("a",))
    with pytest.raises(UserError, match="at least 20 test segments, there are 19"):
        metric.check(np.zeros(19, dtype=np.int64), ("a",))
