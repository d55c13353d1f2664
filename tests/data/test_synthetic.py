"""The synthetic scenes: reproducible, split by source, and heard and seen as they say."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from a2ibench import config
from a2ibench.errors import UserError
from a2ibench.types import Pair
from a2ibench_plugins.datasets.synthetic import Synthetic

RATE = Synthetic.sample_rate
CLASSES = ["baseball", "soccer", "dam", "dog", "drum", "guitar", "piano", "plane", "speedboat"]


def scenes(**options: object) -> list[Pair]:
    return list(Synthetic(config.build(Synthetic.Config, options, "synthetic")).pairs())


def factor(pairs: Sequence[Pair], name: str) -> np.ndarray:
    return np.array([pair.factors[name] for pair in pairs])


@pytest.fixture(scope="module")
def sports() -> list[Pair]:
    return scenes(train=140, test=60, pairs_per_source=1, image_size=32)


@pytest.fixture(scope="module")
def all_classes() -> list[Pair]:
    return scenes(classes=9, train=24, test=8, image_size=64, seconds=3)


def test_the_defaults_give_pools_of_a_hundred_in_each_class():
    dataset = Synthetic(Synthetic.Config())
    assert len(dataset) == 2 * (450 + 100)
    assert dataset.config.test >= 100


def test_pairs_have_the_sizes_labels_and_splits_that_were_asked_for():
    pairs = scenes(classes=3, train=5, test=2, pairs_per_source=2, image_size=48, seconds=0.5)
    assert [pair.label for pair in pairs] == [name for name in CLASSES[:3] for _ in range(7)]
    assert sum(pair.split == "test" for pair in pairs) == 3 * 2
    assert len({pair.source for pair in pairs}) == 3 * (3 + 1)
    for pair in pairs:
        assert pair.image.shape == (48, 48, 3)
        assert pair.image.dtype == np.uint8
        assert pair.audio.shape == (RATE // 2,)
        assert pair.audio.dtype == np.float32
        assert np.abs(pair.audio).max() <= 1
        assert all(0 <= value <= 1 for value in pair.factors.values())


def test_a_source_is_on_one_side_of_the_split_and_keeps_its_scene():
    pairs = scenes(train=9, test=6, pairs_per_source=3, image_size=16, seconds=0.5)
    for source in {pair.source for pair in pairs}:
        clip = [pair for pair in pairs if pair.source == source]
        assert len({pair.split for pair in clip}) == 1
        assert len({pair.start for pair in clip}) == len(clip)
        for name in ("hue", "shade", "camera", "noise"):
            assert len(set(factor(clip, name))) == 1
        for name in ("rate", "pitch", "level"):
            assert len(set(factor(clip, name))) == len(clip)


def test_a_pair_depends_neither_on_the_other_pairs_nor_on_the_image_size():
    few = scenes(train=2, test=1, image_size=16, seconds=0.5)
    many = scenes(classes=4, train=6, test=3, image_size=32, seconds=0.5)
    found = {(pair.source, pair.start): pair for pair in many}
    for pair in few:
        other = found[pair.source, pair.start]
        assert pair.factors == other.factors
        np.testing.assert_array_equal(pair.audio, other.audio)


def test_another_seed_gives_other_scenes():
    a, b = (scenes(train=1, test=1, image_size=16, seconds=0.5, seed=seed) for seed in (0, 1))
    assert all(x.factors != y.factors for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 10}, "≤ 9"),
        ({"classes": 1}, "≥ 2"),
        ({"train": 0}, "≥ 1"),
        ({"seconds": 0.1}, "≥ 0.5"),
        ({"image_size": 8}, "≥ 16"),
        ({"clases": 3}, "did you mean classes"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        scenes(**options)


def test_the_rate_can_be_counted_in_the_sound(all_classes):
    drums = [pair for pair in all_classes if pair.label == "drum" and pair.factors["level"] > 0.3]
    counted = []
    for pair in drums:
        power = signal.sosfiltfilt(
            signal.butter(2, 20, fs=RATE, output="sos"), np.square(pair.audio, dtype=np.float64)
        )
        strokes, _ = signal.find_peaks(power, height=0.2 * power.max(), distance=RATE // 8)
        counted.append(len(strokes) / 3)
    expected = 1 + 3 * factor(drums, "rate")
    np.testing.assert_allclose(counted, expected, atol=2 / 3)  # an event may be cut at either end


def test_the_pitch_is_that_of_the_strongest_partial_of_the_piano(all_classes):
    pianos = [pair for pair in all_classes if pair.label == "piano"]
    frequency = np.fft.rfftfreq(len(pianos[0].audio), 1 / RATE)
    heard = [
        frequency[np.argmax(np.abs(np.fft.rfft(pair.audio)) * (frequency > 80))] for pair in pianos
    ]
    np.testing.assert_allclose(heard, 110 * 8 ** factor(pianos, "pitch"), rtol=0.02)


def test_the_plucked_string_sounds_at_its_pitch(all_classes):
    guitars = [pair for pair in all_classes if pair.label == "guitar"]
    high_pass = signal.butter(2, 80, "highpass", fs=RATE, output="sos")
    for pair in guitars:
        sound = signal.sosfiltfilt(high_pass, pair.audio)
        likeness = signal.correlate(sound, sound, method="fft")[len(sound) - 1 :]
        # The root and its fifth, 2 : 3, repeat together after two periods of the root.
        period = 2 * RATE / (98 * 4 ** pair.factors["pitch"])
        lags = np.arange(round(0.6 * period), round(1.4 * period))
        assert lags[likeness[lags].argmax()] == pytest.approx(period, rel=0.01)


def test_the_level_is_eighteen_decibels_from_the_far_to_the_near(all_classes):
    peak = np.array([20 * np.log10(np.abs(pair.audio).max()) for pair in all_classes])
    slope, offset = np.polyfit(factor(all_classes, "level"), peak, 1)
    assert slope == pytest.approx(18, abs=1.5)
    assert offset + slope == pytest.approx(20 * np.log10(0.9), abs=1)


def test_the_plane_flies_as_high_as_it_sounds(all_classes):
    planes = [pair for pair in all_classes if pair.label == "plane"]
    heights = []
    for pair in planes:
        image = pair.image.astype(int)
        # The fuselage: the brightest of the pixels without a colour.
        white = (image.min(2) > 0.9 * image.min(2).max()) & (np.ptp(image, axis=2) < 12)
        heights.append(np.argwhere(white)[:, 0].mean() / 64)
    np.testing.assert_allclose(heights, 0.72 - 0.52 * factor(planes, "pitch"), atol=0.04)


def test_every_class_is_told_from_the_others_by_its_picture_and_by_its_sound(all_classes):
    label = np.array([CLASSES.index(pair.label) for pair in all_classes])
    train = np.array([pair.split == "train" for pair in all_classes])
    for views in (
        np.stack([pair.image[::2, ::2].ravel() / 255 for pair in all_classes]),
        np.stack([ear(pair.audio) for pair in all_classes]),
    ):
        guess = ridge(views, np.eye(9)[label], train).argmax(1)
        assert (guess == label[~train]).mean() > 0.8  # chance 0.11


@pytest.mark.parametrize("sport", ["baseball", "soccer"])
def test_each_factor_is_heard_and_seen_as_declared(sports, sport):
    """A linear probe on held-out sources finds a factor where it shows and nowhere else."""
    pairs = [pair for pair in sports if pair.label == sport]
    train = np.array([pair.split == "train" for pair in pairs])
    names = list(Synthetic.FACTORS)
    assert set(names) == set(pairs[0].factors)
    values = np.stack([factor(pairs, name) for name in names], axis=1)
    views = {
        "seen": np.stack([pair.image.ravel() / 255 for pair in pairs]),
        "heard": np.stack([ear(pair.audio) for pair in pairs]),
    }
    for sense, view in views.items():
        error = np.square(ridge(view, values, train) - values[~train]).mean(0)
        r2 = dict(zip(names, 1 - error / values[~train].var(0), strict=True))
        for name, shows in Synthetic.FACTORS.items():
            if sense in shows:
                assert r2[name] > 0.25, f"{name} is not {sense}: {r2}"
            else:
                assert r2[name] < 0.1, f"{name} is {sense}: {r2}"


def ear(sound: np.ndarray) -> np.ndarray:
    """Log energies of 24 bands (mean, quiet, loud) and the autocorrelation of their onsets."""
    at, _, spectrum = signal.stft(sound, RATE, nperseg=1024, noverlap=768)
    power, edges = np.abs(spectrum) ** 2, np.geomspace(60, 10_000, 25)
    bands = np.log(
        1e-10
        + np.stack(
            [
                power[(at >= low) & (at < max(high, low + 22))].sum(0)
                for low, high in pairwise(edges)
            ]
        )
    )
    onset = np.maximum(np.diff(bands, axis=1), 0).mean(0)
    onset -= onset.mean()
    beat = np.correlate(onset, onset, "full")[len(onset) :][:100]
    quiet, loud = np.quantile(bands, [0.05, 0.98], axis=1)
    return np.concatenate([bands.mean(1), quiet, loud, beat / np.square(onset).sum()])


def ridge(x: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predictions of ``y`` for the rows that are not for training."""
    x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-6)
    mean = y[train].mean(0)
    gram = x[train] @ x[train].T + 30 * np.eye(train.sum())
    return mean + x[~train] @ x[train].T @ np.linalg.solve(gram, y[train] - mean)
