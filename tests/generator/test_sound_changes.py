"""Changes of a sound: what each does to the samples."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from a2ibench.errors import UserError
from a2ibench.generator.generate import Run
from a2ibench.generator.sound_changes import LIMITS, Change, Kind


@pytest.mark.parametrize(
    ("kind", "levels", "expected"),
    [
        ("volume", (0.5, 1, 2), [1, 0, 1]),
        ("noise", (30, 0), [-30, 0]),
        ("pitch", (-12, 0, 3), [12, 0, 3]),
        ("tempo", (0.5, 1, 4), [1, 0, 2]),
        ("reverberation", (0, 2), [0, 2]),
        ("mix", (0, 1), [0, 1]),
    ],
)
def test_strength_is_how_far_a_level_is_from_the_unchanged_sound(
    kind: object, levels: tuple[float, ...], expected: list[float]
) -> None:
    assert Change(kind, levels).strength.tolist() == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", LIMITS)
def test_a_level_beyond_the_limits_is_refused_with_them(kind: Kind) -> None:
    low, high = LIMITS[kind]
    assert Change(kind, (low, high)).levels == (low, high)
    for level in (low - 0.5, high + 0.5, float("nan")):
        with pytest.raises(UserError, match=rf"--{kind} {level:g}: expected levels in \["):
            Change(kind, (low, level))


@pytest.mark.parametrize(
    ("kind", "neutral"),
    [("volume", 1.0), ("pitch", 0.0), ("tempo", 1.0), ("reverberation", 0.0)],
)
def test_a_neutral_level_is_the_sound_and_no_distance_from_it(kind: Kind, neutral: float) -> None:
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 6000).astype(np.float32)
    change = Change(kind, (neutral, 2.0))
    (same, other), notes = change.waveforms("hum", sound, 8000)
    assert same.tobytes() == sound.tobytes()
    assert not np.array_equal(other, sound)
    assert change.strength[0] == 0
    assert notes == []


@pytest.mark.parametrize("kind", ["pitch", "tempo", "reverberation"])
def test_a_silent_sound_is_refused_by_name(kind: Kind) -> None:
    with pytest.raises(UserError, match=f"hum is silent: a change of {kind} leaves it so"):
        Change(kind, (1, 2)).waveforms("hum", np.zeros(5000, np.float32), 8000)


@pytest.mark.parametrize("kind", ["pitch", "tempo"])
def test_a_sound_too_short_for_the_vocoder_is_refused_by_name(kind: Kind) -> None:
    short = np.ones(2000, np.float32)
    expected = rf"hum lasts 0.250 s, less than a change of {kind} needs \(0.256 s, 2048 samples\)"
    with pytest.raises(UserError, match=expected):
        Change(kind, (1, 2)).waveforms("hum", short, 8000)
    assert len(Change("reverberation", (0, 2)).waveforms("hum", short, 8000)[0]) == 2


@pytest.fixture
def run() -> Run:
    """A run whose encoder needs 0.1 s."""

    def encode(waveform: np.ndarray, rate: int) -> np.ndarray:
        return np.ones(3, np.float32)

    encoder = SimpleNamespace(name="ears", min_samples=100, sample_rate=1000)
    return SimpleNamespace(encoder=encoder, encode=encode)  # type: ignore[return-value]


def test_changed_sounds_that_are_tiled_are_counted_in_one_note(run: Run) -> None:
    hum = np.random.default_rng(0).uniform(-0.1, 0.1, 4000).astype(np.float32)
    features, notes = Change("tempo", (0.5, 1, 2.5, 4)).features(run, "hum", hum, 20_000)
    assert features.shape == (4, 3)
    assert notes == ["hum: 2 of 4 levels of tempo last less than ears needs (0.10 s): tiled"]
    short = Change("tempo", (0.5, 4)).features(run, "hum", hum, 50_000)
    assert short[1] == [], "that the sound itself is tiled is said already"


def test_the_sound_that_is_approached_is_said_to_be_tiled(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, np.full(400, 0.1), 8000)
    hum = np.ones(8000, np.float32)
    _, notes = Change("interpolate", (0, 1), other).features(run, "hum", hum, 8000)
    assert notes == ["other.wav lasts 0.05 s, less than ears needs (0.10 s): tiled"]


def test_a_path_between_features_has_no_sounds() -> None:
    with pytest.raises(UserError, match="a path between features has no sounds"):
        Change("interpolate", (0, 1)).waveforms("hum", np.ones(5000, np.float32), 8000)
