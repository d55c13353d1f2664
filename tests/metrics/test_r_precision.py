"""R-precision: the exact expectation over pools, against pools that are really drawn."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics.r_precision import RPrecision, hits

OVERALL = [RPrecision(k=1), RPrecision(k=5), RPrecision(k=10)]
IN_CLASS = [
    RPrecision(k=1, pool="class"),
    RPrecision(k=5, pool="class"),
    RPrecision(k=10, pool="class"),
]
ALL = [*OVERALL, *IN_CLASS]


def outputs_of(acoustic: np.ndarray, seen: np.ndarray, classes: int = 1) -> JudgeOutputs:
    return JudgeOutputs(
        generated={"acoustic": seen.astype(np.float32)},
        real={},
        acoustic=acoustic.astype(np.float32),
        label=np.arange(len(acoustic)) % classes,
        classes=tuple("abcdef"[:classes]),
    )


def noisy_outputs(n: int, noise: float, classes: int = 1, seed: int = 0) -> JudgeOutputs:
    """Images that tell something of their sound, and sounds that tell their class."""
    rng = np.random.default_rng(seed)
    center = 2 * rng.normal(size=(classes, 8))
    acoustic = rng.normal(size=(n, 8)) + center[np.arange(n) % classes]
    return outputs_of(acoustic, acoustic + noise * rng.normal(size=(n, 8)), classes)


def hits_of(cosine: np.ndarray, k: int, pool: int) -> np.ndarray:
    """By cosines of every sound and image, the own ones on the diagonal."""
    own = np.diagonal(cosine)[:, np.newaxis]
    nearer, ties = (cosine > own).sum(axis=1), (cosine == own).sum(axis=1) - 1
    return hits(nearer, ties, len(cosine) - 1, k, pool)


def test_it_is_the_mean_over_every_pool_and_every_order_of_ties():
    """Five sounds, pools of three, all drawn; cosines from few values, so that many tie."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        cosine = rng.integers(0, 3, (5, 5)) / 4
        for k in (1, 2):
            expected = []
            for i in range(5):
                others = [j for j in range(5) if j != i]
                tries = [
                    sum(
                        (cosine[i, j], place) > (cosine[i, i], own)
                        for j, place in zip(pool, places, strict=True)
                    )
                    < k
                    for pool in itertools.combinations(others, 2)
                    for own, *places in itertools.permutations(range(3))
                ]
                expected.append(np.mean(tries))
            np.testing.assert_allclose(hits_of(cosine, k, pool=3), expected, atol=1e-12)


@pytest.mark.parametrize("metric", OVERALL)
def test_it_is_what_drawn_pools_of_100_give_on_average(metric):
    outputs = noisy_outputs(250, noise=2.0, classes=2)
    a, v = outputs.acoustic.astype(np.float64), outputs.generated["acoustic"].astype(np.float64)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    rng = np.random.default_rng(1)
    drawn = np.zeros((40, 250))
    for trial, i in np.ndindex(drawn.shape):
        others = rng.choice(np.delete(np.arange(250), i), 99, replace=False)
        drawn[trial, i] = np.count_nonzero(v[others] @ a[i] > v[i] @ a[i]) < metric.k
    score = metric.compute(outputs)
    assert 0.05 < score.value < 0.95
    assert score.value == pytest.approx(drawn.mean(), abs=0.012)
    np.testing.assert_allclose(score.per_segment, drawn.mean(axis=0), atol=0.35)


def test_pools_inside_a_class_are_those_of_the_class_taken_alone():
    outputs = noisy_outputs(360, noise=1.0, classes=3)
    for overall, inside in zip(OVERALL, IN_CLASS, strict=True):
        score = inside.compute(outputs)
        for label in range(3):
            rows = outputs.label == label
            alone = overall.compute(
                outputs_of(outputs.acoustic[rows], outputs.generated["acoustic"][rows])
            )
            np.testing.assert_allclose(score.per_segment[rows], alone.per_segment, atol=1e-6)
        assert score.value == pytest.approx(score.per_segment.mean(), abs=1e-6)


@pytest.mark.parametrize("n", [100, 137, 600])
def test_one_constant_image_is_exactly_chance(n):
    rng = np.random.default_rng(0)
    outputs = outputs_of(rng.normal(size=(n, 256)), np.tile(rng.normal(size=256), (n, 1)))
    for metric in ALL:
        score = metric.compute(outputs)
        assert score.value == pytest.approx(metric.k / 100, abs=1e-12)
        np.testing.assert_allclose(score.per_segment, metric.k / 100, rtol=1e-6)


def test_one_image_a_class_is_exactly_chance_inside_the_class():
    rng = np.random.default_rng(0)
    label = np.arange(240) % 2
    outputs = outputs_of(rng.normal(size=(240, 64)), rng.normal(size=(2, 64))[label], classes=2)
    for metric in IN_CLASS:
        assert metric.compute(outputs).value == pytest.approx(metric.k / 100, abs=1e-12)


def test_images_without_any_feature_are_chance():
    outputs = outputs_of(np.random.default_rng(0).normal(size=(150, 16)), np.zeros((150, 16)))
    assert RPrecision(k=5).compute(outputs).value == pytest.approx(0.05, abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
def test_images_that_say_all_of_their_sound_score_one(metric):
    assert metric.compute(noisy_outputs(300, noise=0.0, classes=2)).value == 1


@pytest.mark.parametrize("metric", OVERALL)
def test_images_of_other_sounds_score_chance(metric):
    outputs = noisy_outputs(600, noise=0.0)
    shuffled = np.random.default_rng(5).permutation(outputs.generated["acoustic"])
    value = metric.compute(outputs_of(outputs.acoustic, shuffled)).value
    assert value == pytest.approx(metric.k / 100, abs=0.03)


@given(st.integers(0, 2**32 - 1), st.floats(0, 5))
@settings(deadline=None)
def test_the_order_of_the_segments_does_not_matter(seed, noise):
    outputs = noisy_outputs(240, noise, classes=2, seed=seed)
    order = np.random.default_rng(seed).permutation(240)
    moved = JudgeOutputs(
        generated={"acoustic": outputs.generated["acoustic"][order]},
        real={},
        acoustic=outputs.acoustic[order],
        label=outputs.label[order],
        classes=outputs.classes,
    )
    for metric in (RPrecision(k=5), RPrecision(k=5, pool="class")):
        score = metric.compute(outputs)
        np.testing.assert_allclose(
            metric.compute(moved).per_segment, score.per_segment[order], atol=1e-6
        )
        assert 0 <= score.per_segment.min() <= score.per_segment.max() <= 1


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 100))
def test_the_length_of_a_feature_does_not_matter(seed, scale):
    outputs = noisy_outputs(120, 1.0, seed=seed)
    longer = outputs_of(outputs.acoustic, outputs.generated["acoustic"] * np.float32(scale))
    assert RPrecision(k=10).compute(longer).value == pytest.approx(
        RPrecision(k=10).compute(outputs).value, abs=1e-3
    )


@given(st.integers(0, 2**32 - 1))
def test_a_larger_k_never_scores_less(seed):
    cosine = np.random.default_rng(seed).normal(size=(20, 20)).round(1)
    lower, higher = hits_of(cosine, 2, pool=10), hits_of(cosine, 3, pool=10)
    assert (higher >= lower - 1e-12).all()
    np.testing.assert_allclose(hits_of(cosine, 10, pool=10), 1)


def test_fewer_than_100_segments_are_refused():
    for metric in OVERALL:
        metric.check(np.zeros(100, dtype=np.int64), ("a",))
        with pytest.raises(UserError, match="at least 100 test segments, there are 99"):
            metric.check(np.zeros(99, dtype=np.int64), ("a",))


def test_a_class_with_fewer_than_100_segments_is_refused_by_name():
    label = np.repeat([0, 1], [100, 99])
    for metric in IN_CLASS:
        metric.check(label[:100], ("pong",))
        with pytest.raises(UserError, match="'qbert' has 99"):
            metric.check(label, ("pong", "qbert"))
        with pytest.raises(UserError, match="'tennis' has 0"):
            metric.check(np.repeat([0, 1], 100), ("pong", "qbert", "tennis"))


def test_segments_that_overlap_are_neither_asked_nor_in_a_pool():
    outputs = noisy_outputs(400, noise=2.0, classes=2)
    apart = np.arange(400) % 4 < 2
    twice = replace(outputs, disjoint=apart)
    rows = np.flatnonzero(apart)
    for metric in ALL:
        score = metric.compute(twice)
        alone = metric.compute(outputs.take(rows))
        assert (score.value, score.n) == (alone.value, 200)
        np.testing.assert_array_equal(score.per_segment[rows], alone.per_segment)
        assert np.isnan(score.per_segment[~apart]).all()


def test_where_nothing_overlaps_it_is_what_it_was_before_overlap_was_known():
    outputs = noisy_outputs(240, noise=1.0, classes=2)
    for metric in ALL:
        known = metric.compute(replace(outputs, disjoint=np.ones(240, dtype=np.bool_)))
        assert known.value == metric.compute(outputs).value
