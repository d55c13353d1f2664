"""Precision, recall, density, coverage: against loops over the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.nn import pairwise
from a2ibench_plugins.metrics.manifold import Coverage, Density, Precision, Recall, Spheres

ALL = [Coverage(), Density(), Precision(), Recall()]


def outputs_of(generated: np.ndarray, real: np.ndarray) -> JudgeOutputs:
    n = len(generated)
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((n, 1), dtype=np.float32),
        label=np.zeros(n, dtype=np.int64),
        classes=("a",),
    )


def two_sets(n: int, seed: int, shift: float = 0.5, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1, (n, d)), rng.normal(0, 1, (n, d))


def by_the_definition(x: np.ndarray, y: np.ndarray) -> dict[type, list[float]]:
    """Spheres and members one by one, squared distances by subtraction."""

    def squared(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.square(a.astype(np.float64) - b.astype(np.float64)).sum())

    def radius(points: np.ndarray, i: int, k: int) -> float:
        others = [squared(points[i], points[j]) for j in range(len(points)) if j != i]
        return sorted(others)[k - 1]

    near = {k: [radius(y, j, k) for j in range(len(y))] for k in (3, 5)}
    own = [radius(x, i, 3) for i in range(len(x))]
    return {
        Precision(): [float(any(squared(a, y[j]) <= near[3][j] for j in range(len(y)))) for a in x],
        Recall(): [float(any(squared(b, x[i]) <= own[i] for i in range(len(x)))) for b in y],
        Density(): [sum(squared(a, y[j]) < near[5][j] for j in range(len(y))) / 5 for a in x],
        Coverage(): [float(any(squared(a, y[j]) <= near[5][j] for a in x)) for j in range(len(y))],
    }


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_they_are_what_their_definitions_say(shift):
    outputs = outputs_of(*two_sets(40, 0, shift))
    expected = by_the_definition(outputs.generated["features"], outputs.real["features"])
    for metric in ALL:
        score = metric.compute(outputs)
        np.testing.assert_allclose(score.per_segment, expected[metric], rtol=1e-6)
        assert score.value == pytest.approx(np.mean(expected[metric]))
        assert (score.n, score.spread) == (40, None)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_images_on_the_surface_of_a_sphere_are_in_it_but_for_density(seed):
    """Features of few whole numbers: many distances are equal, many images the same."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 3, (12, 2)), rng.integers(0, 3, (12, 2))
    outputs = outputs_of(x, y)
    expected = by_the_definition(outputs.generated["features"], outputs.real["features"])
    for metric in ALL:
        score = metric.compute(outputs)
        np.testing.assert_allclose(score.per_segment, expected[metric], rtol=1e-6)


@pytest.mark.parametrize(
    ("shift", "k", "expected"),
    [
        (0.0, 3, [1.4333333333333331, 0.9266666666666666, 0.98, 0.7]),
        (0.0, 5, [1.4626666666666668, 0.9866666666666667, 0.9933333333333333, 0.7933333333333333]),
        (0.6, 3, [1.0, 0.6466666666666666, 0.9333333333333333, 0.58]),
        (0.6, 5, [0.9693333333333334, 0.78, 0.9666666666666667, 0.6533333333333333]),
    ],
)
def test_they_are_those_of_prdc(shift, k, expected):
    """Density, coverage, precision and recall by prdc 0.2, the authors' own."""
    rng = np.random.default_rng(2020)
    y, x = rng.normal(0, 1, (150, 6)), rng.normal(shift, 0.8, (150, 6))
    outputs = outputs_of(x, y)
    found = [
        metric(k=k).compute(outputs).value for metric in (Density, Coverage, Precision, Recall)
    ]
    assert found == pytest.approx(expected, rel=1e-12)


def test_where_many_are_on_a_surface_density_is_that_of_prdc():
    rng = np.random.default_rng(0)
    y, x = (rng.integers(0, 4, (120, 3)) for _ in range(2))
    assert Density().compute(outputs_of(x, y)).value == pytest.approx(
        0.43333333333333335, rel=1e-12
    )


@pytest.mark.parametrize("change", [lambda x: x + 20_000, lambda x: x * np.float32(1e19)])
def test_where_float32_tells_nothing_they_are_what_their_definitions_say(change):
    generated, real = (change(x.astype(np.float32)) for x in two_sets(40, 0))
    generated[:5] = real[10:15]
    outputs = outputs_of(generated, real)
    expected = by_the_definition(generated, real)
    for metric in ALL:
        score = metric.compute(outputs)
        np.testing.assert_allclose(score.per_segment, expected[metric], rtol=1e-6)


def test_equal_images_are_equally_far_from_all_others_and_at_no_distance():
    _, y = two_sets(30, 0, d=200)
    y[3:9] = y[2]
    members = Spheres("real", 5)(outputs_of(y, y))
    for counts in (members.inside, members.held, members.holds):
        assert (counts[0, 2:9] == counts[0, 2]).all()
    assert (members.holds[0, 2], members.inside[0, 2]) == (7, 0)  # each other, on spheres of size 0


def test_the_real_images_themselves_reach_one():
    _, y = two_sets(120, 0)
    for metric in (Precision(), Recall(), Coverage()):
        assert metric.compute(outputs_of(y, y)).value == 1
    assert Density().compute(outputs_of(y, y)).value == pytest.approx(1)  # the four nearest, itself


def test_of_one_distribution_density_and_coverage_are_what_the_paper_expects():
    outputs = outputs_of(*two_sets(800, 1, shift=0.0))
    assert Density().compute(outputs).value == pytest.approx(1, abs=0.05)
    assert Coverage().compute(outputs).value == pytest.approx(1 - 2**-5, abs=0.02)


def test_one_good_image_over_and_over_is_precise_and_covers_nothing():
    _, y = two_sets(120, 0)
    outputs = outputs_of(np.tile(y[:1], (120, 1)), y)
    assert Precision().compute(outputs).value == 1
    assert Recall().compute(outputs).value == pytest.approx(1 / 120)
    assert Coverage().compute(outputs).value < 0.1


def test_images_from_elsewhere_score_zero():
    x, y = two_sets(120, 0, shift=50)
    assert {metric.compute(outputs_of(x, y)).value for metric in ALL} == {0.0}


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_order_and_quarter_turns_do_not_matter(seed):
    x, y = two_sets(20, seed)
    rng = np.random.default_rng(seed)
    order, other = rng.permutation(20), rng.permutation(20)
    for metric in ALL:
        expected = metric.compute(outputs_of(x, y)).value
        assert metric.compute(outputs_of(x[order], y[other])).value == pytest.approx(expected)
        turned = outputs_of(-x[:, ::-1], -y[:, ::-1])
        assert metric.compute(turned).value == pytest.approx(expected)


@pytest.mark.parametrize("metric", ALL)
def test_without_a_block_it_is_what_the_other_segments_give(metric):
    outputs = outputs_of(*two_sets(50, 0))
    block = np.random.default_rng(1).integers(0, 6, 50)
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(6)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-6)


@pytest.mark.parametrize("metric", ALL)
def test_in_strips_of_any_height_it_is_the_same(metric, monkeypatch):
    outputs = outputs_of(*two_sets(50, 0))
    block = np.random.default_rng(1).integers(0, 6, 50)
    whole = metric.compute(outputs).per_segment, metric.without_blocks(outputs, block)
    for cells in (1, 777):
        monkeypatch.setattr(pairwise, "CELLS", cells)
        again = outputs.take(np.arange(50))
        assert (metric.compute(again).per_segment == whole[0]).all()
        assert (metric.without_blocks(again, block) == whole[1]).all()


def test_blocks_that_leave_too_few_images_have_no_interval():
    outputs = outputs_of(*two_sets(12, 0))
    block = np.repeat([0, 1], [8, 4])
    assert np.isnan(Coverage().without_blocks(outputs, block)).all()


def test_fewer_than_100_segments_are_refused():
    for metric in ALL:
        metric.check(np.zeros(100, dtype=np.int64), ("a",))
        with pytest.raises(UserError, match="at least 100 test segments, there are 99"):
            metric.check(np.zeros(99, dtype=np.int64), ("a",))
