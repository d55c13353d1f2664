"""Classification accuracy score: what is learned from generated images, asked of real ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.nn import pairwise
from a2ibench_plugins.metrics.classification_score import ClassificationScore

CLASSES = ("a", "b", "c")


def outputs_of(
    generated: np.ndarray, real: np.ndarray, label: np.ndarray, block: np.ndarray
) -> JudgeOutputs:
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((len(label), 1), dtype=np.float32),
        label=label,
        classes=CLASSES,
        block=block,
    )


def segments(n: int = 120, clips: int = 15) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Classes in turn, clips of one class each."""
    block = np.arange(n) % clips
    return block % 3, block, np.random.default_rng(0)


def test_images_with_the_features_of_their_class_teach_it():
    label, block, rng = segments()
    centers = 2 * rng.normal(size=(3, 10))
    real, generated = (centers[label] + 0.3 * rng.normal(size=(120, 10)) for _ in range(2))
    score = ClassificationScore().compute(outputs_of(generated, real, label, block))
    assert score.value == 1
    assert score.n == 120
    assert set(score.per_segment.tolist()) == {1.0}


def test_images_of_the_wrong_class_teach_the_wrong_one():
    label, block, rng = segments()
    centers = 2 * rng.normal(size=(3, 10))
    real = centers[label] + 0.3 * rng.normal(size=(120, 10))
    generated = centers[(label + 1) % 3] + 0.3 * rng.normal(size=(120, 10))
    assert ClassificationScore().compute(outputs_of(generated, real, label, block)).value == 0


def test_one_image_a_class_teaches_less_than_varied_ones():
    """Two modes a class; a generator that draws one of them is right image by image."""
    label, block, rng = segments(300, 30)
    mode = rng.integers(0, 2, 300)
    centers = 2 * rng.normal(size=(3, 2, 6))
    real, varied = (centers[label, mode] + 0.5 * rng.normal(size=(300, 6)) for _ in range(2))
    single = centers[label, 0]
    full, collapsed = (
        ClassificationScore().compute(outputs_of(generated, real, label, block)).value
        for generated in (varied, single)
    )
    assert collapsed < full - 0.1


def test_knowing_the_very_clips_gives_nothing():
    """Features tell the clip, which tells the class, but no clip tells of another."""
    label, block, rng = segments(120, 15)
    clip = 3 * rng.normal(size=(15, 40))
    real = clip[block] + 0.1 * rng.normal(size=(120, 40))
    score = ClassificationScore().compute(outputs_of(real, real, label, block))
    assert score.value < 0.7


def test_it_repeats_itself_and_order_does_not_matter():
    label, block, rng = segments()
    real, generated = (rng.normal(size=(120, 10)) + label[:, np.newaxis] for _ in range(2))
    score = ClassificationScore().compute(outputs_of(generated, real, label, block))
    again = ClassificationScore().compute(outputs_of(generated, real, label, block))
    np.testing.assert_array_equal(again.per_segment, score.per_segment)
    order = rng.permutation(120)
    moved = outputs_of(generated[order], real[order], label[order], block[order])
    found = ClassificationScore().compute(moved).per_segment
    np.testing.assert_array_equal(found, score.per_segment[order])


def test_a_class_of_a_single_clip_is_never_right():
    label, block = np.repeat([0, 1, 1], 20), np.repeat([0, 1, 2], 20)
    features = np.repeat(np.eye(3), 20, axis=0)
    score = ClassificationScore().compute(outputs_of(features, features, label, block))
    assert (score.per_segment[:20] == 0).all()


def test_a_single_class_or_clip_is_refused():
    metric = ClassificationScore()
    metric.check(np.array([0, 1]), CLASSES)
    with pytest.raises(UserError, match="at least two classes"):
        metric.check(np.zeros(50, dtype=np.int64), CLASSES)
    label, _, rng = segments()
    features = rng.normal(size=(120, 4))
    with pytest.raises(UndefinedScoreError, match="all test segments are of one source clip"):
        metric.compute(outputs_of(features, features, label, np.zeros(120, dtype=np.int64)))


def by_sklearn(outputs: JudgeOutputs, **solver: object) -> np.ndarray:
    """Which segments are right by a ridge classifier for each fold."""
    generated, real = (
        side["features"].astype(np.float64) for side in (outputs.generated, outputs.real)
    )
    length = np.sqrt(np.square(real - real.mean(axis=0)).sum(axis=1).mean())
    right = np.zeros(len(outputs.label))
    for fold in range(5):
        held = outputs.block % 5 == fold
        learner = RidgeClassifier(alpha=0.01 * np.count_nonzero(~held), **solver)
        learner.fit(generated[~held] / length, outputs.label[~held])
        right[held] = learner.predict(real[held] / length) == outputs.label[held]
    return right


@pytest.mark.parametrize("d", [20, 400])
def test_solvers_of_another_library_agree_with_it_on_labels_at_random(d):
    label, block, rng = segments(300, 30)
    scale = 10 ** rng.uniform(-2, 1.5, d)  # of all sizes, and with 400 more than images
    x, asked = scale * rng.normal(3, 1, size=(2, 300, d))
    outputs = outputs_of(x, asked, rng.permutation(label), block)
    found = ClassificationScore().compute(outputs).per_segment
    np.testing.assert_array_equal(found, by_sklearn(outputs, solver="svd"))
    iterated = by_sklearn(outputs, solver="lsqr", tol=1e-10, max_iter=100_000)
    assert abs(found.mean() - iterated.mean()) < 0.001
    assert 0.1 < found.mean() < 0.6


def test_class_means_teach_classes_that_lie_apart_which_is_why_it_does_not_stand_alone():
    label, block, rng = segments()
    centers = 2 * rng.normal(size=(3, 10))
    real = centers[label] + 0.5 * rng.normal(size=(120, 10))
    assert ClassificationScore().compute(outputs_of(centers[label], real, label, block)).value == 1


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_neither_the_names_nor_the_order_of_classes_matter_nor_the_unit_of_the_features(seed):
    label, block, _ = segments()
    rng = np.random.default_rng(seed)
    real, generated = (rng.normal(size=(120, 10)) + label[:, np.newaxis] for _ in range(2))
    score = ClassificationScore().compute(outputs_of(generated, real, label, block))
    order = rng.permutation(3)
    moved = outputs_of(64 * generated + 1, 64 * real + 1, order[label], block)
    again = ClassificationScore().compute(moved).per_segment
    np.testing.assert_array_equal(again, score.per_segment)


@pytest.mark.parametrize("cells", [1, 100])
def test_some_rows_at_a_time_give_what_all_give(monkeypatch, cells):
    label, block, rng = segments()
    outputs = outputs_of(*rng.normal(size=(2, 120, 10)), label, block)
    expected = ClassificationScore().compute(outputs).per_segment
    monkeypatch.setattr(pairwise, "CELLS", cells)
    found = ClassificationScore().compute(outputs).per_segment
    np.testing.assert_array_equal(found, expected)


def test_real_images_that_are_all_equal_are_all_given_one_class():
    label, block, rng = segments()
    outputs = outputs_of(rng.normal(size=(120, 4)), np.ones((120, 4)), label, block)
    assert ClassificationScore().compute(outputs).value < 0.5
