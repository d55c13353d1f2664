"""Batches are a pure function of (seed, step), and are drawn as the method asks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.data.batches import Batches
from a2ibench.errors import UserError
from a2ibench.types import Pairs, Sampling

CPU = torch.device("cpu")


def make_pairs(label, source=None):
    """Row i has i in its feature, so that a batch tells which rows it was made of."""
    n = len(label)
    classes = tuple(f"class{i}" for i in range(max(label) + 1))
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return Pairs(
        images=images,
        acoustic=np.stack([np.arange(n), -np.arange(n)], axis=1).astype(np.float32),
        label=np.array(label, dtype=np.int64),
        classes=classes,
        source=np.array([str(i) for i in range(n)] if source is None else source, dtype=np.str_),
    )


def rows_of(batch):
    return batch.acoustic[:, 0].long().numpy()


def mismatched_rows_of(batch):
    return batch.mismatched[:, 0].long().numpy()


def assert_equal(a, b):
    for name in ("image", "acoustic", "label", "mismatched"):
        assert torch.equal(getattr(a, name), getattr(b, name))


SAMPLINGS = [
    Sampling(batch_size=4),
    Sampling(batch_size=4, balanced=True),
    Sampling(batch_size=4, mismatch="clip"),
    Sampling(batch_size=4, mismatch="clip", balanced=True),
]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_batch_depends_on_seed_and_step_alone(sampling):
    pairs = make_pairs([0, 1] * 5)
    one_after_the_other = Batches(pairs, sampling, 3, CPU)
    passed = [one_after_the_other.batch(step) for step in range(12)]
    for step in (11, 0, 7):
        assert_equal(passed[step], Batches(pairs, sampling, 3, CPU).batch(step))
        assert_equal(passed[step], one_after_the_other.batch(step))
    other_seed = Batches(pairs, sampling, 4, CPU)
    assert any(
        not torch.equal(passed[step].image, other_seed.batch(step).image) for step in range(3)
    )
    assert not torch.equal(passed[0].image, passed[1].image)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_parts_of_a_batch_belong_together(sampling):
    pairs = make_pairs([0, 0, 0, 1, 2, 2, 1])
    batch = Batches(pairs, sampling, 0, CPU).batch(5)
    rows = rows_of(batch)
    assert batch.image.shape == (4, 3, 8, 8)
    assert batch.image.dtype == batch.acoustic.dtype == batch.mismatched.dtype == torch.float32
    assert batch.label.dtype == torch.int64
    assert batch.image.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(batch.label, pairs.label[rows])
    expected = torch.from_numpy(pairs.images[rows] / 127.5 - 1).permute(0, 3, 1, 2).float()
    straight = (batch.image - expected).abs().amax(dim=(1, 2, 3)) < 1e-6
    mirrored = (batch.image - expected.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-6
    assert torch.all(straight | mirrored)
    assert batch.image.min() >= -1
    assert batch.image.max() <= 1


@pytest.mark.parametrize("batch_size", [1, 3, 10, 25])
def test_an_epoch_holds_every_pair_once(batch_size):
    batches = Batches(make_pairs([0, 1] * 5), Sampling(batch_size=batch_size), 0, CPU)
    steps = -(-30 // batch_size)
    rows = np.concatenate([rows_of(batches.batch(step)) for step in range(steps)])[:30]
    epochs = rows.reshape(3, 10)
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert not np.array_equal(epochs[0], epochs[1])


def test_balanced_classes_come_equally_often_and_pairs_within_a_class_too():
    label = [0] * 90 + [1] * 10
    batches = Batches(make_pairs(label), Sampling(balanced=True), 0, CPU)
    rows = np.concatenate([rows_of(batches.batch(step)) for step in range(300)])
    assert np.mean(rows >= 90) == pytest.approx(0.5, abs=0.02)
    counts = np.bincount(rows, minlength=100)
    np.testing.assert_allclose(counts[90:] / counts[90:].mean(), 1, atol=0.2)
    assert counts.min() > 0


def test_balanced_mismatched_classes_come_equally_often():
    label = [0] * 60 + [1] * 30 + [2] * 10
    pairs = make_pairs(label)
    batches = Batches(pairs, Sampling(balanced=True), 0, CPU)
    rows = np.concatenate([mismatched_rows_of(batches.batch(step)) for step in range(300)])
    share = np.bincount(pairs.label[rows]) / len(rows)
    np.testing.assert_allclose(share, 1 / 3, atol=0.02)


def test_unbalanced_mismatched_pairs_come_equally_often():
    """Of two classes alike in size, each pair of the other class is as likely as the next."""
    batches = Batches(make_pairs([0] * 10 + [1] * 10), Sampling(), 0, CPU)
    rows = np.concatenate([mismatched_rows_of(batches.batch(step)) for step in range(600)])
    np.testing.assert_allclose(np.bincount(rows, minlength=20) / len(rows), 1 / 20, atol=0.01)


@pytest.mark.parametrize(("flip", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_images_are_flipped_as_often_as_asked(flip, share):
    pairs = make_pairs([0, 1] * 20)
    batches = Batches(pairs, Sampling(flip=flip), 0, CPU)
    mirrored = []
    for step in range(40):
        batch = batches.batch(step)
        mean_column = batch.image.mean(dim=1)[:, :, 0]
        left = pairs.images[rows_of(batch)][:, :, 0].astype(np.float32).mean(axis=2) / 127.5 - 1
        mirrored += (np.abs(mean_column.numpy() - left).max(axis=1) > 1e-5).tolist()
    assert np.mean(mirrored) == pytest.approx(share, abs=0.05 if 0 < share < 1 else 0)


def test_the_pairs_own_images_are_never_touched():
    pairs = make_pairs([0, 1] * 5)
    before = pairs.images.copy()
    Batches(pairs, Sampling(flip=1.0), 0, CPU).batch(0)
    np.testing.assert_array_equal(pairs.images, before)


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=2, max_size=40),
    seed=st.integers(0, 2**32),
    step=st.integers(0, 10**6),
    balanced=st.booleans(),
    mismatch=st.sampled_from(["class", "clip"]),
)
@settings(max_examples=150, deadline=None)
def test_mismatched_audio_is_always_of_another_class_or_clip(rows, seed, step, balanced, mismatch):
    label = [label for label, _ in rows]
    source = [f"{label}-{clip}" for label, clip in rows]
    pairs = make_pairs(label, source)
    sampling = Sampling(batch_size=16, balanced=balanced, mismatch=mismatch)
    if len(set(label if mismatch == "class" else source)) < 2:
        with pytest.raises(UserError, match="mismatched"):
            Batches(pairs, sampling, seed, CPU)
        return
    batch = Batches(pairs, sampling, seed, CPU).batch(step)
    own, other = rows_of(batch), mismatched_rows_of(batch)
    of = pairs.label if mismatch == "class" else pairs.source
    assert np.all(of[own] != of[other])
    assert set(own) | set(other) <= set(range(len(label)))


def test_one_class_names_the_switch_to_use():
    with pytest.raises(UserError, match=r"all of one class \('class0'\).*mismatch=clip"):
        Batches(make_pairs([0, 0, 0]), Sampling(mismatch="class"), 0, CPU)
    Batches(make_pairs([0, 0, 0]), Sampling(mismatch="clip"), 0, CPU).batch(0)


def test_a_method_without_mismatched_pairs_needs_no_second_class():
    batch = Batches(make_pairs([0, 0, 0]), Sampling(), 0, CPU).batch(0)
    assert torch.equal(batch.mismatched, batch.acoustic)


def test_one_source_asks_for_more():
    with pytest.raises(UserError, match=r"one source clip \('a'\).*more sources"):
        Batches(make_pairs([0, 1, 0], ["a"] * 3), Sampling(mismatch="clip"), 0, CPU)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_workers_share_the_batch_that_one_would_draw(sampling):
    pairs = make_pairs([0, 1, 2] * 5)
    whole = Batches(pairs, sampling, 3, CPU).batch(2)
    parts = [Batches(pairs, sampling, 3, CPU, rank, 2).batch(2) for rank in range(2)]
    for name in ("image", "acoustic", "label", "mismatched"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(whole, name))


def test_a_batch_that_workers_cannot_share_evenly_is_refused():
    message = (
        "a batch of 4 pairs cannot be shared evenly by 3 workers; set batch_size to a multiple"
    )
    with pytest.raises(UserError, match=message):
        Batches(make_pairs([0, 1]), Sampling(batch_size=4), 0, CPU, 0, 3)
