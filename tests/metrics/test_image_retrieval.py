"""Image retrieval, against a search that is written out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.registry import metrics
from a2ibench_plugins.metrics.image_retrieval import ImageRetrieval


def outputs_of(drawn: np.ndarray, real: np.ndarray) -> JudgeOutputs:
    return JudgeOutputs(
        generated={"features": drawn.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((len(drawn), 0), dtype=np.float32),
        label=np.zeros(len(drawn), dtype=np.int64),
        classes=("a",),
    )


def noisy_outputs(n: int, noise: float, seed: int = 0) -> JudgeOutputs:
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(n, 8))
    return outputs_of(real + noise * rng.normal(size=(n, 8)), real)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_it_is_the_share_of_images_whose_real_one_is_among_the_k_nearest(k, noise):
    outputs = noisy_outputs(60, noise)
    found = []
    for i, drawn in enumerate(outputs.generated["features"].astype(np.float64)):
        real = outputs.real["features"].astype(np.float64)
        cosine = real @ drawn / np.linalg.norm(real, axis=1) / np.linalg.norm(drawn)
        found.append(i in np.argsort(-cosine)[:k])
    score = ImageRetrieval(k=k).compute(outputs)
    np.testing.assert_array_equal(score.per_segment, found)
    assert score.value == pytest.approx(np.mean(found))
    assert score.chance == k / 60


@pytest.mark.parametrize("k", [1, 5, 100])
def test_one_image_for_all_and_images_without_features_are_chance(k):
    real = np.random.default_rng(0).normal(size=(40, 8))
    for drawn in (np.ones((40, 8)), np.zeros((40, 8))):
        score = ImageRetrieval(k=k).compute(outputs_of(drawn, real))
        assert score.value == pytest.approx(score.chance) == min(1, k / 40)


def test_real_images_that_are_equal_share_the_place():
    real = np.repeat(np.random.default_rng(0).normal(size=(20, 8)), 2, axis=0)
    assert ImageRetrieval(k=1).compute(outputs_of(real, real)).value == 0.5
    assert ImageRetrieval(k=2).compute(outputs_of(real, real)).value == 1


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
@settings(deadline=None, max_examples=20)
def test_neither_order_nor_length_matters(seed, scale):
    outputs = noisy_outputs(24, 1.0, seed)
    order = np.random.default_rng(seed).permutation(24)
    moved = outputs_of(
        scale * outputs.generated["features"][order], outputs.real["features"][order] / scale
    )
    metric = ImageRetrieval(k=3)
    np.testing.assert_allclose(
        metric.compute(moved).per_segment, metric.compute(outputs).per_segment[order]
    )


def test_segments_that_overlap_are_neither_queries_nor_candidates():
    outputs = noisy_outputs(60, 1.0)
    apart = np.arange(60) % 3 == 0
    score = ImageRetrieval(k=1).compute(replace(outputs, disjoint=apart))
    alone = ImageRetrieval(k=1).compute(outputs.take(np.flatnonzero(apart)))
    assert (score.value, score.n, score.chance) == (alone.value, 20, 1 / 20)


def test_names_and_fewest():
    assert ImageRetrieval(k=1).name == "image_r1_clip_b32"
    assert metrics.get("image_retrieval[judge=lite0,k=5]").name == "image_r5_lite0"
    assert metrics.get("image_retrieval[k=3,judge=resnet18]").title == "image R@3 resnet18"
    with pytest.raises(UserError, match=r"at least 20 test segments, there are 1$"):
        ImageRetrieval().check(np.zeros(1, dtype=np.int64), ("a",))
