"""Retrieval among all test segments, with ties by every order of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.nn.cosine import unit_rows
from a2ibench_plugins.metrics.r_precision import hits
from a2ibench_plugins.metrics.retrieval import MedianRank, Retrieval, Similarity

RECALLS = [
    Retrieval(k=1),
    Retrieval(k=5),
    Retrieval(k=10),
    Retrieval(query="image", k=1),
    Retrieval(query="image", k=5),
    Retrieval(query="image", k=10),
]
MEDIANS = [MedianRank(), MedianRank(query="image")]


def cosines(outputs: JudgeOutputs) -> np.ndarray:
    """All of sound i and image j; equal images have equal ones."""
    return np.array(
        [
            [a @ v for v in unit_rows(outputs.generated["acoustic"])]
            for a in unit_rows(outputs.acoustic)
        ]
    )


def places(cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own = np.diagonal(cosine)[:, np.newaxis]
    return (cosine > own).sum(axis=1), (cosine == own).sum(axis=1) - 1


def outputs_of(acoustic: np.ndarray, seen: np.ndarray) -> JudgeOutputs:
    return JudgeOutputs(
        generated={"acoustic": seen.astype(np.float32)},
        real={},
        acoustic=acoustic.astype(np.float32),
        label=np.zeros(len(acoustic), dtype=np.int64),
        classes=("a",),
    )


def noisy_outputs(n: int, noise: float, seed: int = 0) -> JudgeOutputs:
    rng = np.random.default_rng(seed)
    acoustic = rng.normal(size=(n, 8))
    return outputs_of(acoustic, acoustic + noise * rng.normal(size=(n, 8)))


def ranks_by_every_order(cosine: np.ndarray, i: int) -> list[int]:
    """The own candidate's rank under each order of ties."""
    n = len(cosine)
    return [
        1 + sum((cosine[i, j], order[j]) > (cosine[i, i], order[i]) for j in range(n) if j != i)
        for order in itertools.permutations(range(n))
    ]


def test_ties_count_by_every_order_of_them(monkeypatch):
    cosine = np.random.default_rng(0).integers(0, 2, (5, 5)) / 2
    ranks = [ranks_by_every_order(cosine, i) for i in range(5)]
    outputs = noisy_outputs(5, 1.0)
    for plugin in (Retrieval, MedianRank):
        monkeypatch.setattr(plugin, "places", lambda self, outputs: places(cosine))
    for metric in (Retrieval(k=1), Retrieval(k=5)):
        expected = [np.mean([rank <= metric.k for rank in own]) for own in ranks]
        np.testing.assert_allclose(metric.compute(outputs).per_segment, expected, rtol=1e-6)
    expected = np.median([np.mean(own) for own in ranks])
    assert MedianRank().compute(outputs).value == expected


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 10]))
@settings(deadline=None, max_examples=50)
def test_recall_is_r_precision_with_everything_in_the_pool(seed, k):
    rng = np.random.default_rng(seed)
    outputs = outputs_of(rng.normal(size=(30, 4)), rng.integers(-1, 2, (30, 4)))
    expected = hits(*places(cosines(outputs)), 29, k, pool=30)
    score = Retrieval(k=k).compute(outputs)
    np.testing.assert_allclose(score.per_segment, expected, atol=1e-6)


def test_images_that_sound_like_their_segments_are_found_first_in_both_directions():
    outputs = noisy_outputs(60, 0.0)
    assert {metric.compute(outputs).value for metric in RECALLS} == {1.0}
    assert {metric.compute(outputs).value for metric in MEDIANS} == {1.0}
    assert Similarity().compute(outputs).value == pytest.approx(1)


def test_the_same_image_for_every_sound_is_chance():
    outputs = outputs_of(np.random.default_rng(0).normal(size=(40, 8)), np.ones((40, 8)))
    assert Retrieval(k=1).compute(outputs).value == pytest.approx(1 / 40)
    assert Retrieval(k=10).compute(outputs).value == pytest.approx(10 / 40)
    assert MedianRank().compute(outputs).value == 20.5
    # Every image asks the same: each sound has its own place in one ranking.
    assert Retrieval(query="image", k=10).compute(outputs).value == pytest.approx(10 / 40)
    assert MedianRank(query="image").compute(outputs).value == 20.5


def test_images_without_any_feature_are_chance_and_resemble_nothing():
    outputs = outputs_of(np.random.default_rng(0).normal(size=(40, 8)), np.zeros((40, 8)))
    assert Retrieval(query="image", k=5).compute(outputs).value == pytest.approx(5 / 40)
    assert Similarity().compute(outputs).value == 0


def test_the_directions_differ_where_one_sound_is_near_to_all():
    rng = np.random.default_rng(0)
    acoustic = np.concatenate([np.ones((1, 8)), rng.normal(size=(29, 8))])
    outputs = outputs_of(acoustic, acoustic + 2.0)
    assert (
        Retrieval(k=1).compute(outputs).value
        != Retrieval(query="image", k=1).compute(outputs).value
    )


def test_similarity_is_the_mean_cosine():
    outputs = noisy_outputs(50, 1.0)
    score = Similarity().compute(outputs)
    expected = np.diagonal(cosines(outputs))
    np.testing.assert_allclose(score.per_segment, expected, rtol=1e-6)
    assert score.value == pytest.approx(expected.mean())


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3))
@settings(deadline=None, max_examples=50)
def test_neither_order_nor_length_matters(seed, noise):
    outputs = noisy_outputs(24, noise, seed)
    order = np.random.default_rng(seed).permutation(24)
    moved = outputs_of(outputs.acoustic[order], 3 * outputs.generated["acoustic"][order])
    for metric in (Retrieval(k=5), Retrieval(query="image", k=5), Similarity()):
        np.testing.assert_allclose(
            metric.compute(moved).per_segment,
            metric.compute(outputs).per_segment[order],
            atol=1e-6,
        )


def test_a_larger_k_never_finds_less_and_the_median_rank_agrees():
    outputs = noisy_outputs(101, 1.5)
    values = [metric.compute(outputs).value for metric in RECALLS[:3]]
    assert values == sorted(values)
    nearer, ties = places(cosines(outputs))
    assert not ties.any()
    assert MedianRank().compute(outputs).value == np.median(nearer + 1)


@pytest.mark.parametrize("metric", MEDIANS)
def test_without_a_block_it_is_what_the_other_segments_give(metric):
    outputs = noisy_outputs(50, 1.5)
    block = np.random.default_rng(1).integers(0, 6, 50)
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(6)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected)


def test_fewer_than_20_segments_are_refused():
    for metric in (*RECALLS, *MEDIANS):
        metric.check(np.zeros(20, dtype=np.int64), ("a",))
        with pytest.raises(UserError, match="at least 20 test segments, there are 19"):
            metric.check(np.zeros(19, dtype=np.int64), ("a",))


@pytest.mark.parametrize("metric", [*RECALLS, *MEDIANS])
def test_segments_that_overlap_are_neither_queries_nor_candidates(metric):
    outputs = noisy_outputs(60, 1.5)
    apart = np.arange(60) % 3 == 0
    twice = replace(outputs, disjoint=apart)
    rows = np.flatnonzero(apart)
    score, alone = metric.compute(twice), metric.compute(outputs.take(rows))
    assert (score.value, score.n) == (alone.value, 20)
    block = np.arange(60) // 10
    if (without := metric.without_blocks(twice, block)) is not None:
        again = metric.without_blocks(outputs.take(rows), block[rows])
        np.testing.assert_allclose(without, again)
