"""Factor recovery: what made the scene, read off the picture."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics.factor_recovery import FactorRecovery, RidgeLine, correlation

FACTORS = ("rate", "hue", "noise")
"""Seen and heard, seen only, heard only."""


def world(n: int, rng: np.random.Generator, maps: np.ndarray) -> tuple[np.ndarray, ...]:
    """Factors, labels, sources, features and sounds of two classes with maps of their own."""
    factors, label = rng.random((n, 3)), np.arange(n) % 2
    source = np.array([f"{i % 2}-{i // 8}" for i in range(n)])
    features = np.stack([maps[c, :2].T @ f[:2] for c, f in zip(label, factors, strict=True)])
    features += 5 * label[:, None] + 0.05 * rng.normal(size=features.shape)
    acoustic = factors[:, [0, 2]] + 0.05 * rng.normal(size=(n, 2))
    return factors, label, source, features.astype(np.float32), acoustic.astype(np.float32)


def outputs_of(seed: int = 0) -> JudgeOutputs:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, 3, 30))
    train, test = world(120, rng, maps), world(100, rng, maps)
    return JudgeOutputs(
        generated={"features": test[3]},
        real={"features": test[3]},
        acoustic=test[4],
        label=test[1],
        classes=("a", "b"),
        train={"features": train[3]},
        train_label=train[1],
        source=test[2],
        train_source=train[2],
        train_acoustic=train[4],
        factors=dict(zip(FACTORS, test[0].T.astype(np.float32), strict=True)),
        train_factors=dict(zip(FACTORS, train[0].T.astype(np.float32), strict=True)),
    )


def drawn(outputs: JudgeOutputs, features: np.ndarray) -> JudgeOutputs:
    return replace(outputs, generated={"features": features.astype(np.float32)})


def test_only_what_is_seen_and_heard_counts_and_the_score_says_so():
    score = FactorRecovery().compute(outputs_of())
    assert list(score.parts) == ["rate"]
    assert score.value == pytest.approx(score.parts["rate"])
    assert score.value > 0.95
    assert score.n == 100


def test_pictures_of_other_segments_of_the_class_recover_nothing():
    outputs = outputs_of()
    others = np.roll(outputs.real["features"], 20, axis=0)
    assert abs(FactorRecovery().compute(drawn(outputs, others)).value) < 0.3


def test_one_picture_a_class_recovers_nothing():
    outputs = outputs_of()
    one = outputs.real["features"][outputs.label]
    assert FactorRecovery().compute(drawn(outputs, one)).value == 0


def test_features_that_are_weaker_throughout_recover_as_much():
    outputs = outputs_of()
    weaker = 0.3 * outputs.real["features"] + 2
    whole = FactorRecovery().compute(outputs).value
    assert FactorRecovery().compute(drawn(outputs, weaker)).value == pytest.approx(whole)


def test_what_was_fitted_for_one_method_is_not_used_with_other_training_images():
    metric = FactorRecovery()
    values = [metric.compute(outputs_of(seed)).value for seed in (0, 1)]
    assert values == [FactorRecovery().compute(outputs_of(seed)).value for seed in (0, 1)]


def test_where_nothing_is_both_seen_and_heard_it_is_refused():
    outputs = outputs_of()
    deaf = np.random.default_rng(5).normal(size=outputs.train_acoustic.shape).astype(np.float32)
    with pytest.raises(UserError, match="none of rate, hue, noise can be seen and heard"):
        FactorRecovery().compute(replace(outputs, train_acoustic=deaf))


def test_a_class_of_one_training_clip_is_refused_by_name():
    outputs = outputs_of()
    one = np.where(outputs.train_label == 1, "one", outputs.train_source)
    with pytest.raises(UserError, match="class 'b'"):
        FactorRecovery().compute(replace(outputs, train_source=one))


def test_correlation_is_that_inside_the_classes():
    rng = np.random.default_rng(6)
    x, label = rng.normal(size=(40, 1)), np.arange(40) % 2
    apart = 100.0 * label[:, None]
    expected = [correlation(x[label == c], x[label == c] ** 3, label[label == c]) for c in (0, 1)]
    found = correlation(x + apart, x**3 - apart, label)
    assert min(expected) - 0.05 <= found[0] <= max(expected) + 0.05
    np.testing.assert_allclose(
        correlation(1e-8 * x, 1e-8 * x**3, label), correlation(x, x**3, label)
    )
    assert correlation(apart, x, label) == 0


@pytest.mark.parametrize("n", [12, 80])
def test_ridge_regression_is_that_of_scikit_learn_at_every_penalty(n):
    rng = np.random.default_rng(7)
    x, new = rng.normal(3, 2, size=(n, 30)), rng.normal(3, 2, size=(9, 30))
    y, penalties = rng.normal(size=(n, 4)), np.array([[1e-4], [0.01], [10.0]])
    found = RidgeLine(x.astype(np.float32), y)(new.astype(np.float32), penalties)
    length = np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1).mean())
    for answer, penalty in zip(found, penalties, strict=True):
        expected = Ridge(alpha=penalty[0] * n).fit(x / length, y).predict(new / length)
        np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-5)


def test_a_class_of_equal_images_is_answered_with_its_mean():
    same, y = np.ones((6, 30), np.float32), np.arange(6.0)[:, None]
    assert RidgeLine(same, y)(same[:2], np.array([0.1])).tolist() == [[2.5], [2.5]]


@pytest.mark.parametrize("n", [12, 80])
def test_answers_for_left_out_images_are_those_of_a_fit_without_them(n):
    rng = np.random.default_rng(8)
    x, y = rng.normal(3, 2, size=(n, 30)), rng.normal(size=(n, 4))
    out, penalties = np.array([1, 4, 5, 10]), np.array([1e-4, 0.01, 10.0])
    kept = np.setdiff1d(np.arange(n), out)
    unit = x / np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1).mean())
    found = RidgeLine(x.astype(np.float32), y).without(out, penalties)
    for answer, penalty in zip(found, penalties, strict=True):
        expected = Ridge(alpha=penalty * n).fit(unit[kept], y[kept]).predict(unit[out])
        np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)


def test_without_a_block_is_the_score_of_the_other_segments():
    outputs, metric = outputs_of(), FactorRecovery()
    block = np.arange(100) // 10 % 4
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(4)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected, rtol=1e-9)
