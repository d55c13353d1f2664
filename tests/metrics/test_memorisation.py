"""Memorisation: ½ where nothing is copied, 1 where all is."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench_plugins.metrics.memorisation import Memorisation, train_is_nearer


def drawn_world(n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.random((n, 6)) + 0.1, rng.random((m, 6)) + 0.1


def outputs_of(generated: np.ndarray, real: np.ndarray, train: np.ndarray) -> JudgeOutputs:
    """Two classes in turn, clips of four segments."""
    n = len(real)
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=np.zeros((n, 1), np.float32),
        label=np.arange(n) % 2,
        classes=("a", "b"),
        train={"features": train.astype(np.float32)},
        train_label=np.arange(len(train)) % 2,
        source=np.array([f"{i % 2}-{i // 8}" for i in range(n)]),
    )


def by_drawing(to_train, train_label, to_test, test_label) -> float:
    """All draws of equally many of each class, one by one."""
    classes = range(max(*train_label, *test_label) + 1)

    def draws(distance, label, sizes):
        parts = [
            itertools.combinations(distance[label == c], size)
            for c, size in zip(classes, sizes, strict=True)
        ]
        return [np.concatenate(one) for one in itertools.product(*parts)]

    sizes = [min((train_label == c).sum(), (test_label == c).sum()) for c in classes]
    pairs = itertools.product(
        draws(to_train, train_label, sizes), draws(to_test, test_label, sizes)
    )
    return float(np.mean([(a.min() < b.min()) + (a.min() == b.min()) / 2 for a, b in pairs]))


@given(st.integers(0, 2**32 - 1))
def test_it_is_the_mean_over_all_draws_of_equally_many_of_each_class(seed):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 7, 2)
    train_label, test_label = rng.integers(0, 2, m), rng.integers(0, 2, n)
    train_label[0] = test_label[0] = 0
    to_train, to_test = rng.integers(0, 5, m) / 4, rng.integers(0, 5, n) / 4
    expected = by_drawing(to_train, train_label, to_test, test_label)
    found = train_is_nearer(to_train, train_label, to_test, test_label)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("m", [60, 200])
def test_pictures_that_are_no_copies_score_a_half_whatever_they_show(m):
    rng = np.random.default_rng(0)
    for generated in (
        rng.random((160, 6)) + 0.1,
        np.full((160, 6), 0.6),
        rng.random((160, 6)) ** 9,
    ):
        values = [
            Memorisation().compute(outputs_of(generated, *drawn_world(160, m, rng))).value
            for _ in range(6)
        ]
        assert np.mean(values) == pytest.approx(0.5, abs=3 * np.std(values) / 6**0.5 + 0.01)


def test_copies_of_training_images_score_one_and_the_real_images_do_not_count_as_copies():
    rng = np.random.default_rng(1)
    real, train = drawn_world(160, 160, rng)
    assert Memorisation().compute(outputs_of(train, real, train)).value > 0.96
    assert Memorisation().compute(outputs_of(real, real, train)).value == pytest.approx(
        0.5, abs=0.15
    )
    others = np.roll(real, 8, axis=0)
    assert Memorisation().compute(outputs_of(others, real, train)).value < 0.01


def test_of_copies_from_a_larger_set_as_many_are_found_as_are_looked_at():
    rng = np.random.default_rng(2)
    real, train = drawn_world(400, 1600, rng)
    outputs = outputs_of(train[rng.permutation(1600)[:400]], real, train[:400])
    assert Memorisation().compute(outputs).value == pytest.approx(0.5 + 400 / 3200, abs=0.06)


def test_a_picture_that_is_equally_near_in_both_counts_a_half():
    rng = np.random.default_rng(3)
    real, _ = drawn_world(160, 1, rng)
    outputs = outputs_of(np.roll(real, 8, axis=0), real, real)
    # Of both copies of the picture one is drawn for certain, the other for 76 draws of 80.
    assert Memorisation().compute(outputs).value == pytest.approx(0.475, abs=0.01)


def test_test_images_of_a_single_clip_are_refused():
    rng = np.random.default_rng(4)
    outputs = outputs_of(*(rng.random((8, 6)) for _ in range(3)))
    single = outputs.take(np.arange(0, 8, 2))
    with pytest.raises(UserError, match="two source clips"):
        Memorisation().compute(single)
