"""Memorisation: 0 where nothing is copied, whatever is shown, 1 where all is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.evaluation.clip_blocks import jackknife, make_blocks
from a2ibench.evaluation.statistics import SeedScores, interval
from a2ibench.nn import pairwise
from a2ibench.nn.cosine import unit_rows
from a2ibench_plugins.metrics.memorisation import (
    Memorisation,
    Neighbours,
    compare,
    needed,
    probabilities,
)


def drawn_world(n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.random((n, 6)) + 0.1, rng.random((m, 6)) + 0.1


def outputs_of(generated: np.ndarray, real: np.ndarray, train: np.ndarray) -> JudgeOutputs:
    """Two classes in turn, clips of four segments, and of four training images."""
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
        train_source=np.array([f"train {i % 2}-{i // 8}" for i in range(len(train))]),
    )


def by_drawing(distance: np.ndarray, label: np.ndarray, drawn: np.ndarray) -> list[float]:
    """The nearest of all draws of so many of each class, one by one."""
    parts = [
        itertools.combinations(distance[(label == c) & np.isfinite(distance)], count)
        for c, count in enumerate(drawn)
    ]
    return [float(np.concatenate(one).min()) for one in itertools.product(*parts)]


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_it_is_the_mean_over_all_draws_of_equally_many_of_each_class(seed):
    rng = np.random.default_rng(seed)
    distances, labels, sizes = [], [], []
    for m in rng.integers(3, 8, 2):
        labels.append(rng.integers(0, 2, m))
        distances.append(rng.integers(0, 5, (4, m)) / 4)
        distances[-1][rng.random((4, m)) < 0.2] = np.inf
        there = np.isfinite(distances[-1])
        sizes.append(np.stack([(there & (labels[-1] == c)).sum(axis=1) for c in (0, 1)], axis=1))
    drawn = np.minimum(*sizes)
    sides = zip(distances, labels, sizes, strict=True)
    found = compare(
        *(
            probabilities(distance, np.broadcast_to(label, distance.shape), size, drawn)
            for distance, label, size in sides
        )
    )
    for i in np.flatnonzero(drawn.any(axis=1)):
        a, b = (
            by_drawing(distance[i], label, drawn[i])
            for distance, label in zip(distances, labels, strict=True)
        )
        every = [(y - x) / (y + x) if x + y else 0 for x, y in itertools.product(a, b)]
        assert found[i] == pytest.approx(np.mean(every), abs=1e-8)


@pytest.mark.parametrize("cells", [1, 10_000])
def test_the_few_neighbours_that_are_looked_at_are_the_nearest_and_enough(monkeypatch, cells):
    monkeypatch.setattr(pairwise, "CELLS", cells)
    rng = np.random.default_rng(0)
    images, others = (rng.normal(size=(n, 5)).astype(np.float32) for n in (3, 200))
    never = rng.random((3, 200)) < 0.3
    size = np.count_nonzero(~never, axis=1, keepdims=True)
    label = np.zeros(200, dtype=np.int64)
    neighbours = Neighbours(images, others, label, label, needed(size, size // 2), never)
    r, p = neighbours.without(-1, np.arange(3), size, size // 2)
    assert r.shape[1] < 40
    distance = np.where(never, np.inf, 1 - unit_rows(images) @ unit_rows(others).T)
    np.testing.assert_allclose(r, np.sort(distance, axis=1)[:, : r.shape[1]], atol=1e-9)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-8)


def score_of(generated: np.ndarray, real: np.ndarray, train: np.ndarray) -> float:
    return Memorisation().compute(outputs_of(generated, real, train)).value


def test_a_block_that_holds_all_near_ones_gives_way_to_the_nearest_of_the_others():
    rng = np.random.default_rng(0)
    images = np.repeat([[1.0, 0, 0]], 4, axis=0).astype(np.float32)
    near = rng.normal([1, 0, 0], 0.01, (40, 3))
    far = rng.normal([0, 1, 0], 0.1, (20, 3))
    others = np.concatenate([near, far]).astype(np.float32)
    block, size = np.repeat([0, 1], [40, 20]), np.full((4, 1), 20)
    neighbours = Neighbours(
        images, others, np.zeros(60, np.int64), block, 1, np.zeros((4, 60), np.bool_)
    )
    distance, probability = neighbours.without(0, np.arange(4), size, size)
    nearest = (1 - unit_rows(images) @ unit_rows(others[40:]).T).min(axis=1)
    np.testing.assert_allclose(distance[:, 0], nearest, atol=1e-9)
    np.testing.assert_array_equal(probability[:, 0], 1)


@pytest.mark.parametrize("m", [60, 200])
def test_pictures_that_are_no_copies_score_0_whatever_they_show(m):
    rng = np.random.default_rng(0)
    for generated in (
        rng.random((160, 6)) + 0.1,
        np.full((160, 6), 0.6),
        rng.random((160, 6)) ** 9,
    ):
        values = [score_of(generated, *drawn_world(160, m, rng)) for _ in range(6)]
        assert np.mean(values) == pytest.approx(0, abs=3 * np.std(values) / 6**0.5 + 0.01)


def test_noise_far_from_all_real_pictures_is_no_copy_though_its_nearest_ones_are_of_training():
    """In many dimensions a few real pictures are the nearest of all that lies far away."""
    rng = np.random.default_rng(5)
    real, train = rng.normal(3, 1, (2, 160, 64))
    train[:4] -= 1.5  # they reach towards the noise
    noise = rng.normal(-3, 1, (160, 64))
    outputs = outputs_of(noise, real, train)
    near = [
        (1 - unit_rows(noise.astype(np.float32)) @ unit_rows(one.astype(np.float32)).T).min(axis=1)
        for one in (train, real)
    ]
    assert np.mean(near[0] < near[1]) == 1
    assert abs(Memorisation().compute(outputs).value) < 0.05
    assert abs(score_of(np.full((160, 64), real.mean()), real, train)) < 0.2


def test_copies_of_training_images_score_one_and_the_real_images_do_not_count_as_copies():
    rng = np.random.default_rng(1)
    real, train = drawn_world(160, 160, rng)
    assert score_of(train, real, train) > 0.9  # but where the copy is of the counterpart
    assert score_of(real, real, train) == pytest.approx(0, abs=0.1)
    others = np.roll(real, 8, axis=0)
    assert score_of(others, real, train) < -0.94
    assert score_of(np.where(np.arange(160)[:, None] < 80, train, -real), real, train) == (
        pytest.approx(0.5, abs=0.06)
    )


def test_the_roles_of_training_and_test_images_are_alike():
    """Of segments that are clips of their own, which no image is near to by its sound."""
    rng = np.random.default_rng(6)
    generated, real, train = rng.random((3, 24, 6)) + 0.1
    source = np.array([f"{i}" for i in range(24)])
    one, other = (
        replace(outputs_of(generated, *sides), source=source, train_source=source)
        for sides in ((real, train), (train, real))
    )
    values = [Memorisation().compute(outputs).value for outputs in (one, other)]
    assert values[0] == pytest.approx(-values[1], abs=1e-9)


def test_of_copies_from_a_larger_set_as_many_are_found_as_are_looked_at():
    rng = np.random.default_rng(2)
    real, train = drawn_world(400, 1600, rng)
    copies = train[rng.permutation(1600)[:400]]
    assert score_of(copies, real, train[:400]) == pytest.approx(400 / 1600, abs=0.1)


def test_a_picture_that_is_in_both_is_no_copy_of_one():
    rng = np.random.default_rng(3)
    real, _ = drawn_world(160, 1, rng)
    outputs = outputs_of(np.roll(real, 8, axis=0), real, real)
    # The training copy is left out where it is of the segment's counterpart.
    clip = np.unique(outputs.source, return_inverse=True)[1]
    alone = np.roll(outputs.train_counterpart, 8) == clip
    assert Memorisation().compute(outputs).value == pytest.approx(-alone.mean(), abs=1e-6)


@pytest.mark.parametrize(("n", "m", "cells"), [(48, 40, 10_000), (40, 48, 500), (48, 120, 10_000)])
def test_scores_without_a_block_are_those_of_computing_again(monkeypatch, n, m, cells):
    monkeypatch.setattr(pairwise, "CELLS", cells)
    rng = np.random.default_rng(n + m)
    outputs = outputs_of(rng.normal(size=(n, 4)), rng.normal(size=(n, 4)), rng.normal(size=(m, 4)))
    outputs = replace(
        outputs,
        block=np.unique(outputs.source, return_inverse=True)[1],
    )
    assert set(outputs.train_block[outputs.train_label == 0]) <= set(outputs.block[::2])
    found = Memorisation().without_blocks(outputs, outputs.block)
    again = [
        Memorisation().compute(outputs.outside(b, training=True)).value
        for b in range(outputs.block.max() + 1)
    ]
    np.testing.assert_allclose(found, again, atol=1e-8)
    assert np.std(found) > 0.001


def test_the_interval_is_over_the_clips_of_both_sets():
    """Pictures that copy nothing: 0 is outside in few samples, though all segments are alike."""
    covered, reach, values = 0, [], []
    middles = 2 * np.random.default_rng(999).normal(size=(4, 16))
    label = np.repeat(np.arange(4), 30)
    for seed in range(24):
        rng = np.random.default_rng(seed)
        train, test = middles[label] + rng.normal(size=(2, 120, 16))
        blurred = middles[label] + 0.3 * rng.normal(size=(120, 16))
        source = np.arange(120).astype(str)
        block, stratum = make_blocks(source, label)
        outputs = replace(
            outputs_of(blurred, test, train),
            label=label, classes=tuple("abcd"), train_label=label, block=block,
            source=source, train_source=np.char.add("train", source),
        )  # fmt: skip
        score = Memorisation().score(outputs)
        pseudo = jackknife(Memorisation(), outputs, score, block, stratum)[np.newaxis]
        ends = interval(
            SeedScores((0,), np.array([score.value]), 120, None, pseudo, strata=stratum)
        )
        assert ends is not None
        covered += ends[0] <= 0 <= ends[1]
        reach.append((ends[1] - ends[0]) / 2)
        values.append(score.value)
    assert np.mean(reach) == pytest.approx(2 * np.std(values), rel=0.25)
    assert covered >= 21


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_neither_the_order_of_the_segments_nor_that_of_the_classes_matters(seed):
    rng = np.random.default_rng(seed)
    outputs = outputs_of(
        rng.normal(size=(40, 6)), rng.normal(size=(40, 6)), rng.normal(size=(30, 6))
    )
    score = Memorisation().compute(outputs)
    order = rng.permutation(40)
    again = replace(
        outputs.take(order),
        label=1 - outputs.label[order],
        classes=("y", "x"),
        train_label=1 - outputs.train_label,
    )
    moved = Memorisation().compute(again)
    np.testing.assert_allclose(moved.per_segment, score.per_segment[order], atol=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_of_copies_as_many_are_found_as_training_images_take_part(known):
    """Four long test clips a class against sixteen short training clips: one in four takes part."""
    rng = np.random.default_rng(8)
    real, train = rng.random((2, 160, 6)) + 0.1
    outputs = replace(
        outputs_of(np.roll(train, 8, axis=0), real, train),
        source=np.array([f"{i % 2}-{i // 40}" for i in range(160)]),
        train_source=np.array([f"{i % 2}-{i // 10}" for i in range(160)]),
    )
    if not known:  # each image is a clip of its own
        outputs = replace(outputs, source=outputs.source[:0], train_source=outputs.source[:0])
    share = np.mean(outputs.train_counterpart >= 0)
    assert share == (0.25 if known else 1)
    assert Memorisation().compute(outputs).value == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(("clips", "length"), [((3, 3), (10, 10)), ((4, 16), (20, 5))])
def test_few_clips_against_many_favour_neither_set(clips, length):
    """Pictures of the same world that copy nothing, of few test clips per class."""
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        middles = 2 * rng.normal(size=(2, 6))
        label, source, sets = [], [], []
        for number, long in zip(clips, length, strict=True):
            label.append(np.repeat([0, 1], number * long))
            clip = np.repeat(np.arange(2 * number), long)
            source.append(np.array([f"{seed}-{number}-{i}" for i in clip]))
            own = middles[label[-1]] + rng.normal(size=(2 * number, 6))[clip]
            sets.append(own + 0.5 * rng.normal(size=own.shape))
        drawn = middles[label[0]] + 1.1 * rng.normal(size=sets[0].shape)
        outputs = replace(
            outputs_of(drawn, *sets),
            label=label[0], source=source[0], train_label=label[1], train_source=source[1],
        )  # fmt: skip
        values.append(Memorisation().compute(outputs).value)
    assert abs(np.mean(values)) < 2 * np.std(values) / len(values) ** 0.5
    assert np.std(values) / len(values) ** 0.5 < 0.015


def test_test_images_of_a_single_clip_are_refused():
    rng = np.random.default_rng(4)
    outputs = outputs_of(*(rng.random((8, 6)) for _ in range(3)))
    single = outputs.take(np.arange(0, 8, 2))
    with pytest.raises(UserError, match="two source clips"):
        Memorisation().compute(single)
