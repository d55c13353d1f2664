"""``--sounds DIR``: metrics whose judge hears the sounds that pictures were drawn for."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

import a2ibench
from a2ibench import registry
from a2ibench.cli import main
from a2ibench.contracts.judge import Judge
from a2ibench.types import FloatArray, ImageArray

N, SIZE, RATE = 24, 16, 8_000
METRICS = ["retrieval[judge=level,k=1]", "similarity[judge=level]"]


class Level(Judge):
    """Brightness and loudness in one space, as a point of a quarter circle."""

    name = "level"
    embeds = frozenset({"images", "sounds"})
    outputs = sound_outputs = ("acoustic",)
    sample_rate = RATE

    def weights_hash(self) -> str:
        return ""

    def embed(self, images: ImageArray) -> dict[str, FloatArray]:
        return self._place(images.mean(axis=(1, 2, 3)) / 255)

    def embed_sounds(self, waveforms: FloatArray) -> dict[str, FloatArray]:
        return self._place(np.median(np.abs(waveforms), axis=1))  # resampling rings at the ends

    def _place(self, level: FloatArray) -> dict[str, FloatArray]:
        angle = level * np.pi / 2
        return {"acoustic": np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)}


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = dict(registry.judges._registered)
    registry.judges.register(Level)
    yield
    registry.judges._registered = before


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Pictures as bright as their sounds are loud, and real ones that are half as bright."""
    for side in ("real", "fake", "sounds"):
        (tmp_path / side).mkdir()
    for i in range(N):
        bright = round(255 * (i + 1) / N)
        Image.new("L", (SIZE, SIZE), bright).convert("RGB").save(tmp_path / f"fake/{i:02}.png")
        Image.new("L", (SIZE, SIZE), bright // 2).convert("RGB").save(tmp_path / f"real/{i:02}.png")
        # Several rates and lengths: a square wave keeps its level at any.
        wave = np.full(RATE * (1 + i % 3), bright / 255, np.float32)
        soundfile.write(tmp_path / f"sounds/{i:02}.wav", wave, RATE * (1 + i % 2), subtype="FLOAT")
    return tmp_path


def call(folders: Path, *more: str) -> Result:
    asked = [word for metric in METRICS for word in ("--metric", metric)]
    places = [str(folders / "real"), str(folders / "fake")]
    return CliRunner().invoke(main, ["evaluate", *places, *asked, *more])


def test_a_sound_finds_the_picture_that_was_drawn_for_it(folders: Path) -> None:
    found = a2ibench.evaluate(
        folders / "real", folders / "fake", sounds=folders / "sounds", metrics=METRICS, quiet=True
    )
    scores = found.scores.set_index(["metric", "pictures"])["value"]
    retrieval, similarity = (f"{name}_v{registry.metrics.get(name).version}" for name in METRICS)
    assert scores[retrieval, "FAKE"] == 1
    assert scores[retrieval, "REAL"] < 0.5
    assert scores[similarity, "FAKE"] == pytest.approx(1, abs=1e-3)
    # The angle between a level and half of it is a quarter of the level's own, times π.
    levels = np.array([round(255 * (i + 1) / N) for i in range(N)])
    apart = (levels - levels // 2) / 255 * np.pi / 2
    assert scores[similarity, "REAL"] == pytest.approx(np.cos(apart).mean(), abs=1e-3)
    assert found.images.columns.tolist() == ["image", "clip", *METRICS[::-1]]


def test_without_sounds_such_a_metric_says_what_it_needs(folders: Path) -> None:
    done = call(folders)
    assert done.exit_code == 2
    assert "metric retrieval[judge=level,k=1]: needs sounds: --sounds DIR" in done.output


def test_a_sound_that_is_missing_or_damaged_is_named(folders: Path) -> None:
    (folders / "sounds/03.wav").unlink()
    (folders / "sounds/04.wav").write_bytes(b"no sound")
    done = call(folders, "--sounds", str(folders / "sounds"))
    assert done.exit_code == 0, done.output
    assert "REAL: 1 file without a partner in FAKE or SOUNDS, left out (03)." in done.output
    assert "SOUNDS: 1 of 23 files cannot be used: cannot be decoded as sound" in done.output
    assert "(04.wav); left out." in done.output
    assert "22 pairs" in done.output
    assert "REAL: the real pictures in the place of their partners." in done.output


def test_sounds_that_are_too_short_for_a_judge_are_counted(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Level, "min_samples", 2 * RATE)
    done = call(folders, "--sounds", str(folders / "sounds"))
    assert done.exit_code == 0, done.output
    short = sum((1 + i % 3) / (1 + i % 2) < 2 for i in range(N))
    assert f"SOUNDS: {short} sounds shorter than judge level needs, repeated for it" in done.output
