"""Diversity and sensitivity: what moves the picture, and by how much."""

import itertools

import numpy as np
import pytest

from a2ibench.contracts.metric import JudgeOutputs, Metric
from a2ibench.errors import UserError
from a2ibench.nn import pairwise
from a2ibench_plugins.metrics.diversity import (
    AudioSensitivity,
    AudioSensitivityInClass,
    Diversity,
    NoiseSensitivity,
)

SENSITIVITIES = [AudioSensitivity(), AudioSensitivityInClass(), NoiseSensitivity()]
N, A, Z = 12, 6, 4


def outputs_of(grid: np.ndarray, real: np.ndarray | None = None) -> JudgeOutputs:
    """Twelve segments of two classes in turn; every other one is in the grid."""
    rng = np.random.default_rng(9)
    features = rng.random((N, 5)) if real is None else real
    return JudgeOutputs(
        generated={},
        real={"features": features.astype(np.float32)},
        acoustic=np.zeros((N, 2), np.float32),
        label=np.arange(N) // 2 % 2,
        classes=("a", "b"),
        grid={"features": np.broadcast_to(grid, (A, Z, 5)).astype(np.float32)},
        grid_rows=np.arange(0, N, 2),
    )


def distance(x: np.ndarray, y: np.ndarray) -> float:
    return 1 - float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def mean_distance(rows: np.ndarray) -> float:
    return float(np.mean([distance(x, y) for x, y in itertools.combinations(rows, 2)]))


@pytest.fixture
def drawn():
    return np.random.default_rng(0).random((A, Z, 5))


def test_diversity_is_the_mean_distance_of_the_pictures_of_one_sound(drawn):
    score = Diversity().compute(outputs_of(drawn))
    each = [mean_distance(pictures) for pictures in drawn]
    np.testing.assert_allclose(score.per_segment[::2], each, rtol=1e-5)
    assert np.isnan(score.per_segment[1::2]).all()
    assert score.value == pytest.approx(np.mean(each), rel=1e-5)
    assert score.n == A


def test_pictures_that_are_as_far_apart_as_can_be_have_a_score_inside_the_bounds():
    """Features of a standardised space point in opposite directions."""
    opposite = np.ones((1, Z, 1)) * np.array([1, -1, 1, -1])[:, np.newaxis]
    score = Diversity().score(outputs_of(opposite))
    low, high = Diversity.bounds
    assert score.value == pytest.approx(4 / 3)  # four of six pairs are at 2
    assert low <= score.value <= high


def test_sensitivities_are_distances_relative_to_those_of_real_images(drawn):
    outputs = outputs_of(drawn)
    real, label = outputs.real["features"], outputs.label
    audio = np.mean([mean_distance(drawn[:, z]) for z in range(Z)]) / mean_distance(real)
    noise = np.mean([mean_distance(drawn[a]) for a in range(A)]) / mean_distance(real)
    inside = [np.mean([mean_distance(drawn[label[::2] == c, z]) for z in range(Z)]) for c in (0, 1)]
    real_inside = [mean_distance(real[label == c]) for c in (0, 1)]
    assert AudioSensitivity().compute(outputs).value == pytest.approx(audio, rel=1e-5)
    assert NoiseSensitivity().compute(outputs).value == pytest.approx(noise, rel=1e-5)
    in_class = AudioSensitivityInClass().compute(outputs).value
    assert in_class == pytest.approx(sum(inside) / sum(real_inside), rel=1e-5)


@pytest.mark.parametrize("cells", [1, 20, 45])
def test_a_strip_of_rows_at_a_time_gives_what_all_at_once_give(drawn, monkeypatch, cells):
    outputs, block = outputs_of(drawn), np.arange(N) % 3
    at_once = [(m.compute(outputs).value, m.without_blocks(outputs, block)) for m in SENSITIVITIES]
    monkeypatch.setattr(pairwise, "CELLS", cells)
    for metric, (value, without) in zip(SENSITIVITIES, at_once, strict=True):
        assert metric.compute(outputs).value == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(metric.without_blocks(outputs, block), without, rtol=1e-12)


def test_a_method_that_ignores_its_noise_has_no_diversity(drawn):
    outputs = outputs_of(drawn[:, :1])
    assert Diversity().compute(outputs).value == 0
    assert NoiseSensitivity().compute(outputs).value == 0
    assert AudioSensitivity().compute(outputs).value > 0


def test_a_deaf_method_has_no_audio_sensitivity(drawn):
    outputs = outputs_of(drawn[:1])
    assert AudioSensitivity().compute(outputs).value == 0
    assert AudioSensitivityInClass().compute(outputs).value == 0
    assert NoiseSensitivity().compute(outputs).value > 0


def test_a_method_that_hears_the_class_alone_has_none_inside_the_class(drawn):
    outputs = outputs_of(drawn[np.arange(A) % 2])
    assert AudioSensitivityInClass().compute(outputs).value == 0
    assert AudioSensitivity().compute(outputs).value > 0


def test_real_pictures_score_one():
    real = np.random.default_rng(1).random((A, 5))
    outputs = outputs_of(real[:, None], np.repeat(real, 2, axis=0)).take(np.arange(0, N, 2))
    assert AudioSensitivity().compute(outputs).value == pytest.approx(1, rel=1e-5)
    assert AudioSensitivityInClass().compute(outputs).value == pytest.approx(1, rel=1e-5)


def computed_again(metric: Metric, outputs: JudgeOutputs, kept: np.ndarray) -> float:
    try:
        return metric.score(outputs.take(np.flatnonzero(kept))).value
    except UserError:
        return np.nan


@pytest.mark.parametrize("metric", SENSITIVITIES, ids=lambda metric: metric.name)
@pytest.mark.parametrize(
    "block",
    [
        np.arange(N) // 4,
        np.arange(N) % 5,
        np.where(np.arange(N) < 10, 0, 1),  # one sound is left without the first block
        np.where(np.arange(N) // 2 % 2 == 0, 0, 1),  # the blocks are the classes
        np.append(np.zeros(N - 1, dtype=np.int64), 1),  # none is; the second has none of the grid
    ],
)
def test_scores_without_a_block_are_those_of_computing_again(metric, block, drawn):
    for grid in (drawn, drawn[:1]):
        outputs = outputs_of(grid)
        expected = [computed_again(metric, outputs, block != b) for b in range(block.max() + 1)]
        found = metric.without_blocks(outputs, block)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_every_class_once_in_the_grid_is_refused_for_the_one_inside_the_class():
    metric = AudioSensitivityInClass()
    metric.check(np.arange(60) % 47, tuple(map(str, range(47))))
    with pytest.raises(UserError, match="there are 48 classes"):
        metric.check(np.arange(60) % 48, tuple(map(str, range(48))))


def test_one_sound_in_the_grid_is_refused(drawn):
    outputs = outputs_of(drawn).take(np.array([0, 1]))
    for metric in SENSITIVITIES:
        with pytest.raises(UserError):
            metric.compute(outputs)
    assert Diversity().compute(outputs).n == 1
