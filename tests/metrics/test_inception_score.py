"""Inception score, against the formula written out in NumPy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress
from torch_fidelity.metric_isc import isc_features_to_metric

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.nn import pairwise
from a2ibench_plugins.metrics.inception_score import (
    SHUFFLES,
    InceptionScore,
    InceptionScoreInfinite,
    PartScores,
)

ALL = [
    InceptionScore(splits=1, judge="inceptionv3"),
    InceptionScore(splits=1),
    InceptionScore(judge="inceptionv3"),
    InceptionScore(),
    InceptionScore(judge="inceptionv3", shuffles=0),
    InceptionScore(shuffles=0),
]


def outputs_of(logits: np.ndarray, block: np.ndarray | None = None) -> JudgeOutputs:
    n = len(logits)
    return JudgeOutputs(
        generated={"logits": logits.astype(np.float32)},
        real={},
        acoustic=np.zeros((n, 1), dtype=np.float32),
        label=np.zeros(n, dtype=np.int64),
        classes=("a",),
        block=np.zeros(0, dtype=np.int64) if block is None else block,
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


def test_the_published_ten_splits_are_those_of_torch_fidelity():
    logits = normal_logits()
    score = InceptionScore(shuffles=0).compute(outputs_of(logits))
    shuffled = logits[np.random.RandomState(2020).permutation(len(logits))].astype(np.float64)
    parts = [score_by_the_formula(part) for part in np.split(shuffled, 10)]
    assert score.value == pytest.approx(np.mean(parts))
    assert score.spread == pytest.approx(np.std(parts))
    theirs = isc_features_to_metric(
        torch.from_numpy(logits), splits=10, shuffle=True, rng_seed=2020
    )
    assert score.value == pytest.approx(theirs["inception_score_mean"])
    assert score.spread == pytest.approx(theirs["inception_score_std"])


def test_ten_splits_are_the_mean_over_many_cuts_of_the_formula():
    logits = normal_logits()
    outputs = outputs_of(logits)
    score = InceptionScore().compute(outputs)
    wide = logits.astype(np.float64)
    cuts = list(PartScores(10).cuts(outputs))
    assert len({cut.tobytes() for cut in cuts}) == SHUFFLES
    assert all((np.bincount(cut) == 23).all() for cut in cuts)
    parts = [[score_by_the_formula(wide[cut == i]) for i in range(10)] for cut in cuts]
    assert score.value == pytest.approx(np.mean(parts))
    assert score.spread == pytest.approx(np.mean(np.std(parts, axis=1)))


def test_averaged_cuts_have_the_expectation_of_a_single_one():
    rng = np.random.default_rng(0)
    logits = normal_logits()
    published = [
        InceptionScore(shuffles=0).compute(outputs_of(logits[rng.permutation(230)])).value
        for _ in range(150)
    ]
    cuts = PartScores(10)(outputs_of(logits))[..., 0].mean(axis=1)
    error = np.hypot(np.std(published) / np.sqrt(150), np.std(cuts) / np.sqrt(SHUFFLES))
    assert abs(np.mean(cuts) - np.mean(published)) < 3 * error


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=8)
def test_the_order_of_the_segments_does_not_matter(seed):
    """With sounds that tell the segments apart, and without."""
    rng = np.random.default_rng(seed)
    outputs = outputs_of(rng.normal(0, 2, (43, 7)))
    heard = replace(outputs, acoustic=rng.normal(size=(43, 3)).astype(np.float32))
    order = rng.permutation(43)
    for one in (outputs, heard):
        for metric in (InceptionScore(), InceptionScore(splits=3), InceptionScoreInfinite()):
            expected = metric.compute(one).value
            assert metric.compute(one.take(order)).value == pytest.approx(expected, rel=1e-12)


def test_all_methods_are_cut_alike():
    rng = np.random.default_rng(0)
    acoustic = rng.normal(size=(40, 3)).astype(np.float32)
    one, other = (
        replace(outputs_of(rng.normal(size=(40, 5))), acoustic=acoustic) for _ in range(2)
    )
    for mine, theirs in zip(PartScores(10).cuts(one), PartScores(10).cuts(other), strict=True):
        assert (mine == theirs).all()


@pytest.mark.parametrize("splits", [1, 4])
def test_without_a_block_the_others_stay_in_their_parts(splits):
    logits = normal_logits(80, 9).astype(np.float64)
    block = np.random.default_rng(1).integers(0, 5, 80)
    outputs = outputs_of(logits)
    cuts = list(PartScores(splits).cuts(outputs))
    expected = [
        np.mean(
            [
                score_by_the_formula(outputs.generated["logits"][(cut == i) & (block != b)])
                for cut in cuts
                for i in range(splits)
            ]
        )
        for b in range(5)
    ]
    found = InceptionScore(splits=splits).without_blocks(outputs, block)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_block_that_is_all_of_a_part_has_no_score_without_it():
    outputs = outputs_of(normal_logits(20))
    assert np.isnan(InceptionScore().without_blocks(outputs, np.repeat([0, 1], [18, 2]))).any()


def test_in_strips_of_any_height_it_is_the_same(monkeypatch):
    outputs = outputs_of(normal_logits(100))
    whole = InceptionScore().compute(outputs).value
    monkeypatch.setattr(pairwise, "CELLS", 170)
    again = outputs.take(np.arange(100))
    assert InceptionScore().compute(again).value == pytest.approx(whole, rel=1e-12)


def test_extrapolated_it_is_where_the_line_of_the_parts_meets_infinitely_many_images():
    logits, sizes = normal_logits(48, 9).astype(np.float64), (48, 24, 16, 12)
    outputs = outputs_of(logits)
    scores = [
        np.mean(
            [
                score_by_the_formula(logits[cut == i])
                for cut in PartScores(number).cuts(outputs)
                for i in range(number)
            ]
        )
        for number in (1, 2, 3, 4)
    ]
    expected = linregress([1 / size for size in sizes], scores).intercept
    found = InceptionScoreInfinite().compute(outputs).value
    assert found == pytest.approx(expected, rel=1e-6)


def test_extrapolation_takes_off_most_of_the_bias_of_few_images():
    """Of 20,000 images of the same kind the score is nearly without bias."""
    rng = np.random.default_rng(1)
    many = outputs_of(rng.normal(0, 2, (20_000, 50)))
    truth = InceptionScore(splits=1).compute(many).value
    drawn = [outputs_of(rng.normal(0, 2, (400, 50))) for _ in range(30)]
    plain, extrapolated = (
        np.mean([metric.compute(outputs).value for outputs in drawn])
        for metric in (InceptionScore(splits=4), InceptionScoreInfinite())
    )
    assert truth - plain > 0.05
    assert abs(extrapolated - truth) < (truth - plain) / 3


def test_extrapolated_it_is_without_each_block_what_the_parts_give():
    outputs = outputs_of(normal_logits(400, 9))
    block = np.random.default_rng(1).integers(0, 5, 400)
    metric = InceptionScoreInfinite()
    parts = [InceptionScore(splits=m).without_blocks(outputs, block) for m in (1, 2, 3, 4)]
    expected = [np.polyfit([1, 2, 3, 4], column, 1)[1] for column in np.stack(parts).T]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected)


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
    assert len({metric.name for metric in ALL}) == len({metric.title for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert metric.name.endswith(metric.judge)
        assert metric.bounds[0] == 1
        assert math.isfinite(metric.bounds[1])
