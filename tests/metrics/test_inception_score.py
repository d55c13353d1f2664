"""Inception score, against the formula written out in NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics.inception_score import InceptionScore

ALL = [
    InceptionScore(splits=1, judge="inceptionv3"),
    InceptionScore(splits=1),
    InceptionScore(judge="inceptionv3"),
    InceptionScore(),
]


def outputs_of(logits: np.ndarray) -> JudgeOutputs:
    n = len(logits)
    return JudgeOutputs(
        generated={"logits": logits.astype(np.float32)},
        real={},
        acoustic=np.zeros((n, 1), dtype=np.float32),
        label=np.zeros(n, dtype=np.int64),
        classes=("a",),
    )


def score_by_the_formula(logits: np.ndarray) -> float:
    """exp E_x KL(p(y|x) ‖ p(y))."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return float(np.exp(np.mean([np.sum(row * np.log(row / p.mean(axis=0))) for row in p])))


def normal_logits(n: int = 230, k: int = 50) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, (n, k)).astype(np.float32)


def test_one_split_is_the_formula():
    score = InceptionScore(splits=1).compute(outputs_of(normal_logits()))
    assert score.value == pytest.approx(score_by_the_formula(normal_logits().astype(np.float64)))
    assert score.n == 230
    assert score.spread is None
    assert score.per_segment is None


def test_ten_splits_are_the_mean_and_deviation_over_shuffled_parts():
    logits = normal_logits()
    score = InceptionScore(judge="inceptionv3").compute(outputs_of(logits))
    shuffled = logits[np.random.RandomState(2020).permutation(len(logits))].astype(np.float64)
    parts = [score_by_the_formula(part) for part in np.split(shuffled, 10)]
    assert score.value == pytest.approx(np.mean(parts))
    assert score.spread == pytest.approx(np.std(parts))


def test_one_image_over_and_over_scores_one():
    logits = np.tile(normal_logits(1), (40, 1))
    for metric in ALL:
        assert metric.compute(outputs_of(logits)).value == pytest.approx(1)


def test_sure_and_evenly_spread_images_score_the_number_of_classes():
    logits = np.tile(50 * np.eye(4), (25, 1))
    assert InceptionScore(splits=1).compute(outputs_of(logits)).value == pytest.approx(4)


def test_a_split_is_bounded_by_its_number_of_images():
    logits = 80 * np.eye(100)
    assert InceptionScore().compute(outputs_of(logits)).value == pytest.approx(10)
    assert InceptionScore(splits=1).compute(outputs_of(logits)).value == pytest.approx(100)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 50))
def test_it_stays_within_its_bounds(seed, scale):
    logits = np.random.default_rng(seed).normal(0, scale, (20, 6))
    for metric in (InceptionScore(splits=1), InceptionScore()):
        value = metric.compute(outputs_of(logits)).value
        assert 1 - 1e-9 <= value <= 6 + 1e-9


def test_it_repeats_itself_and_leaves_the_callers_random_numbers_alone():
    np.random.seed(3)  # noqa: NPY002 (the global state is what is tested)
    torch.manual_seed(3)
    expected = np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    outputs = outputs_of(normal_logits())
    first = InceptionScore().compute(outputs)
    assert (np.random.rand(), torch.rand(1).item()) == expected  # noqa: NPY002
    assert InceptionScore().compute(outputs) == first


def test_fewer_than_two_images_a_split_are_refused():
    metric = InceptionScore()
    metric.check(np.zeros(20, dtype=np.int64), ("a",))
    with pytest.raises(UserError, match="at least 20 test segments, there are 19"):
        metric.check(np.zeros(19, dtype=np.int64), ("a",))


def test_names_and_titles_tell_the_judges_apart():
    assert len({metric.name for metric in ALL}) == len({metric.title for metric in ALL}) == 4
    for metric in ALL:
        assert metric.name.endswith(metric.judge)
        assert metric.bounds[0] == 1
        assert math.isfinite(metric.bounds[1])
