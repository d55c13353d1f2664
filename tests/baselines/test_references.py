"""The reference rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.types import Pairs
from a2ibench_baselines.references import (
    ClassMean,
    GroundTruth,
    NearestTraining,
    ShuffledAudio,
    ShuffledInClass,
    derangement,
)


def pairs(n: int, seed: int) -> Pairs:
    rng = np.random.default_rng(seed)
    return Pairs(
        images=rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8),
        acoustic=rng.normal(size=(n, 5)).astype(np.float32),
        label=np.arange(n) % 3,
        classes=("a", "b", "c"),
        source=np.array([f"clip{i}" for i in range(n)]),
    )


TRAIN, TEST = pairs(30, 0), pairs(12, 1)
RNG = np.random.default_rng(0)


def test_ground_truth_is_the_test_images() -> None:
    np.testing.assert_array_equal(GroundTruth().draw(TRAIN, TEST, RNG), TEST.images[:])


def test_shuffled_in_class_keeps_the_class_and_no_image_in_its_place() -> None:
    drawn = ShuffledInClass().draw(TRAIN, TEST, np.random.default_rng(3))
    position = {image.tobytes(): i for i, image in enumerate(TEST.images[:])}
    order = np.array([position[image.tobytes()] for image in drawn])
    assert sorted(order) == list(range(len(TEST)))
    assert (order != np.arange(len(TEST))).all()
    np.testing.assert_array_equal(TEST.label[order], TEST.label)


def test_nearest_training_is_the_nearest_by_cosine() -> None:
    drawn = NearestTraining().draw(TRAIN, TEST, RNG)
    for image, a in zip(drawn, TEST.acoustic, strict=True):
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in TRAIN.acoustic]
        np.testing.assert_array_equal(image, TRAIN.images[int(np.argmax(cosines)) :][0])


def test_nearest_training_does_not_depend_on_loudness() -> None:
    louder = Pairs(TEST.images, 7 * TEST.acoustic, TEST.label, TEST.classes, TEST.source)
    np.testing.assert_array_equal(
        NearestTraining().draw(TRAIN, TEST, RNG), NearestTraining().draw(TRAIN, louder, RNG)
    )


def test_class_mean_is_the_mean_training_image_of_the_true_class() -> None:
    drawn = ClassMean().draw(TRAIN, TEST, RNG)
    for image, label in zip(drawn, TEST.label, strict=True):
        mean = TRAIN.images[:][TRAIN.label == label].astype(float).mean(axis=0)
        np.testing.assert_array_equal(image, np.rint(mean))


def test_class_mean_needs_training_images_of_each_class() -> None:
    train = Pairs(TRAIN.images, TRAIN.acoustic, TRAIN.label * 0, TRAIN.classes, TRAIN.source)
    with pytest.raises(ValueError, match="'b' has no training images"):
        ClassMean().draw(train, TEST, RNG)


def test_shuffled_audio_uses_each_test_image_once_and_never_at_its_own_segment() -> None:
    drawn = ShuffledAudio().draw(TRAIN, TEST, np.random.default_rng(0))
    real = TEST.images[:]
    assert {image.tobytes() for image in drawn} == {image.tobytes() for image in real}
    assert not any(np.array_equal(x, y) for x, y in zip(drawn, real, strict=True))


def test_shuffled_audio_follows_its_generator() -> None:
    draws = [ShuffledAudio().draw(TRAIN, TEST, np.random.default_rng(s)) for s in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@given(n=st.integers(2, 200), seed=st.integers(0, 2**32 - 1))
def test_a_derangement_is_a_permutation_without_fixed_points(n: int, seed: int) -> None:
    order = derangement(n, np.random.default_rng(seed))
    assert sorted(order) == list(range(n))
    assert (order != np.arange(n)).all()


def test_derangements_of_three_are_equally_likely() -> None:
    rng = np.random.default_rng(0)
    first = sum(derangement(3, rng)[0] == 1 for _ in range(2000))
    assert abs(first - 1000) < 150


def test_one_segment_cannot_be_deranged() -> None:
    with pytest.raises(ValueError, match="at least two"):
        derangement(1, np.random.default_rng(0))


def test_only_the_shuffled_row_is_random() -> None:
    assert ShuffledAudio.random
    assert not any(row.random for row in (GroundTruth, NearestTraining, ClassMean))


def test_knowing_the_class_alone_is_the_floor_of_every_score_of_match() -> None:
    rows = (GroundTruth, NearestTraining, ClassMean, ShuffledAudio, ShuffledInClass)
    floors = {row.name: row.floor_of for row in rows if row.floor_of}
    assert floors == {"shuffled_in_class": {"match", "match_in_class"}}
