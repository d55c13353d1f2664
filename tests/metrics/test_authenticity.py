"""AuthPct and C_T: against the authors' code, and what is due where the answer is known."""

import numpy as np
import pytest
from feature_sets import features, leave_out, outputs_of
from scipy.stats import mannwhitneyu

from a2ibench.errors import UserError
from a2ibench_plugins.metrics import authenticity
from a2ibench_plugins.metrics.authenticity import AuthPct, DataCopying, find_cells, nearest

GENERATED, REAL, TRAIN = features(240, 12, 1, 0.25), features(240, 12, 0), features(200, 12, 5)
COPIES = np.concatenate([TRAIN, TRAIN[:40]]) + np.float32(1 / 4)


@pytest.mark.parametrize(
    ("generated", "theirs"),
    [
        # compute_authpct of github.com/layer6ai-labs/dgm-eval at 74c79f75, in per cent.
        (GENERATED, 63.75),
        (REAL, 58.75),
        (TRAIN + np.float32(1 / 16), 0.0),
    ],
)
def test_authpct_is_that_of_the_authors_code(generated, theirs):
    real = REAL[: len(generated)]
    found = AuthPct().compute(outputs_of(generated, real, TRAIN))
    assert 100 * found.value == pytest.approx(theirs)
    assert (found.n, found.per_segment.shape) == (len(real), (len(real),))


@pytest.mark.parametrize(("d", "due"), [(1, 1 / 3), (2, 1 - 0.6215)])
def test_of_fresh_images_as_many_are_authentic_as_are_no_mutual_neighbours(d, due):
    """The share of mutual nearest neighbours of a Poisson process (Clark and Evans 1955)."""
    rng = np.random.default_rng(0)
    fresh, train = rng.random((2, 6000, d))
    assert AuthPct().compute(outputs_of(fresh, fresh, train)).value == pytest.approx(due, abs=0.02)


def test_in_many_dimensions_most_fresh_images_are_authentic():
    """Few images are the neighbours of most: no level is due but the ground truth's."""
    rng = np.random.default_rng(0)
    shares = []
    for d in (1, 8, 64):
        fresh, train = rng.normal(size=(2, 400, d)).astype(np.float32)
        shares.append(AuthPct().compute(outputs_of(fresh, fresh, train)).value)
    assert shares == pytest.approx([0.33, 0.6, 0.8], abs=0.06)


def test_an_exact_copy_is_not_authentic_even_of_an_image_that_is_there_twice():
    twice = np.concatenate([TRAIN, TRAIN])
    for train in (TRAIN, twice):
        assert AuthPct().compute(outputs_of(TRAIN, REAL[:200], train)).value == 0


def test_noise_is_all_authentic():
    assert AuthPct().compute(outputs_of(REAL + 50, REAL, TRAIN)).value == 1


def test_images_of_one_clip_hide_copies_unless_clips_are_compared():
    frames = np.concatenate([TRAIN, TRAIN + np.float32(1 / 16)])
    clips = [f"clip {i % 200}" for i in range(400)]
    outputs = outputs_of(TRAIN + np.float32(1 / 4), REAL[:200], frames, clips)
    assert AuthPct().compute(outputs).value > 0.9
    assert AuthPct(other="clip").compute(outputs).value < 0.1


@pytest.mark.parametrize(
    ("other", "train", "clips", "said"),
    [
        ("image", TRAIN[:1], ["a"], "of two images, there are 1 images of 1"),
        ("clip", TRAIN[:3], ["a"] * 3, "of two clips, there are 3 images of 1"),
    ],
)
def test_training_images_without_another_one_are_refused(other, train, clips, said):
    with pytest.raises(UserError, match=said):
        AuthPct(other=other).compute(outputs_of(REAL, REAL, train, clips))


def test_nearest_is_what_a_loop_finds():
    apart, place = nearest(GENERATED, TRAIN)
    distance = np.linalg.norm(GENERATED[:, np.newaxis].astype(float) - TRAIN, axis=2)
    np.testing.assert_array_equal(place, distance.argmin(axis=1))
    np.testing.assert_allclose(apart, distance.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("generated", "theirs"), [(GENERATED, 0.6356394669422064), (COPIES, -9.902934163570894)]
)
def test_c_t_is_that_of_the_authors_code(generated, theirs, monkeypatch):
    """C_T of github.com/casey-meehan/data-copying as dgm-eval calls it, with the same clusters:
    those of the training images in their order.

    Their U statistics are larger by a half, a correction for continuity that the paper lacks.
    """
    monkeypatch.setattr(authenticity, "order_of_content", lambda rows: np.arange(len(rows)))
    outputs = outputs_of(generated, REAL, TRAIN)
    cells = find_cells(outputs)
    weight, correction = 0, 0.0
    for one in range(3):
        m, n = (np.count_nonzero(part == one) for part in (cells.generated_cell, cells.test_cell))
        weight += n
        correction += n * 0.5 / np.sqrt(m * n * (m + n + 1) / 12)
    expected = theirs - correction / weight
    assert DataCopying().compute(outputs).value == pytest.approx(expected, abs=1e-9)


def test_in_each_cell_it_is_the_mann_whitney_statistic():
    cells = find_cells(outputs_of(GENERATED, REAL, TRAIN))
    total = 0.0
    for one in range(3):
        q, p = cells.generated[cells.generated_cell == one], cells.test[cells.test_cell == one]
        u, m, n = mannwhitneyu(q, p).statistic, len(q), len(p)
        total += n / 240 * (u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12)
    found = DataCopying().compute(outputs_of(GENERATED, REAL, TRAIN))
    assert found.value == pytest.approx(total)


def test_real_images_score_zero_copies_far_below_and_noise_far_above():
    def c_t(generated: np.ndarray) -> float:
        return DataCopying().compute(outputs_of(generated, REAL, TRAIN)).value

    assert c_t(REAL) == pytest.approx(0, abs=1e-9)
    assert abs(c_t(features(240, 12, 2))) < 2.5
    assert c_t(COPIES) < -9
    assert c_t(REAL + features(240, 12, 3, width=2)) > 9


def test_features_of_many_dimensions_are_reduced_first():
    wide = np.random.default_rng(0).normal(size=(12, 150))
    outputs = outputs_of(*((part @ wide) for part in (GENERATED, REAL, TRAIN)))
    assert DataCopying().compute(outputs).value > 0
    order = np.random.default_rng(1).permutation(240)
    real = outputs_of(*((part @ wide) for part in (REAL[order], REAL, TRAIN)))
    assert DataCopying().compute(real).value == pytest.approx(0, abs=1e-9)
    copies = outputs_of(*((part @ wide) for part in (COPIES, REAL, TRAIN)))
    assert DataCopying().compute(copies).value < -9


@pytest.mark.parametrize("metric", [DataCopying(), AuthPct()])
def test_order_does_not_matter(metric):
    outputs = outputs_of(GENERATED, REAL, TRAIN)
    order = np.random.default_rng(0).permutation(240)
    value = metric.compute(outputs).value
    assert metric.compute(outputs.take(order)).value == pytest.approx(value)
    other = outputs_of(GENERATED, REAL, TRAIN[np.random.default_rng(1).permutation(len(TRAIN))])
    assert metric.compute(other).value == pytest.approx(value)


def test_without_a_block_c_t_is_what_the_other_segments_give():
    outputs = outputs_of(GENERATED, REAL, TRAIN)
    block = np.random.default_rng(1).integers(0, 6, 240)
    expected = leave_out(DataCopying(), outputs, block)
    np.testing.assert_allclose(DataCopying().without_blocks(outputs, block), expected, rtol=1e-9)
    assert np.isnan(DataCopying().without_blocks(outputs, np.zeros(240, np.int64))).all()


def test_cells_without_enough_images_and_training_images_that_are_all_one_are_refused():
    few = outputs_of(GENERATED[:15], REAL[:15], TRAIN)
    with pytest.raises(UserError, match="more than 20 generated images beside a test image"):
        DataCopying().compute(few)
    alike = outputs_of(GENERATED, REAL, np.tile(TRAIN[:2], (50, 1)))
    with pytest.raises(UserError, match="ct: needs 3 different training images, there are 2"):
        DataCopying().compute(alike)
