"""Classification accuracy score: what is learned from generated images, asked of real ones."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
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
    with pytest.raises(UserError, match="at least two source clips"):
        metric.compute(outputs_of(features, features, label, np.zeros(120, dtype=np.int64)))


@pytest.mark.integration
@pytest.mark.filterwarnings("error")
def test_labels_at_random_in_many_dimensions_are_learned_to_convergence_as_if_from_all_of_them():
    label, block, rng = segments()
    scale = 10 ** rng.uniform(-2, 1.5, 400)  # more features than images, and of all sizes
    x, asked = scale * rng.normal(3, 1, size=(2, 120, 400))
    label = rng.permutation(label)
    found = ClassificationScore().compute(outputs_of(x, asked, label, block)).per_segment
    expected = np.zeros(120)
    for fold in range(5):
        held = block % 5 == fold
        whole = LogisticRegression(max_iter=20_000, tol=1e-8).fit(x[~held], label[~held])
        expected[held] = whole.predict(asked[held]) == label[held]
    assert found is not None
    assert np.mean(found == expected) > 0.97
