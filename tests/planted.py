"""Small stores with real enough pictures and sounds, into which something can be planted."""

import io
from collections.abc import Iterable
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFilter

from a2ibench.data.store import PairStore
from a2ibench.data.store_writer import StoreWriter
from a2ibench.types import FloatArray, ImageArray, Pair, Part

RATE = 16_000
SECONDS = 2
SIZE = 64


def scene(seed: int, size: int = SIZE) -> ImageArray:
    """A picture like no other: soft colours and a few shapes."""
    rng = np.random.default_rng([1, seed])
    coarse = rng.integers(40, 215, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y, w, h = rng.integers(0, size, 4) * np.array([1, 1, 0.4, 0.4])
        draw.ellipse((x, y, x + w + 3, y + h + 3), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.5)))


def noise(seed: int, seconds: float = SECONDS, rate: int = RATE) -> FloatArray:
    """A recording like no other: noise whose colour and loudness change."""
    rng = np.random.default_rng([2, seed])
    n = int(seconds * rate)
    white = rng.normal(0, 1, n)
    dull = np.convolve(white, np.ones(8) / 8, mode="same")
    t = np.linspace(0, 1, n)
    mix = np.interp(t, np.linspace(0, 1, 9), rng.uniform(0, 1, 9))
    loud = np.interp(t, np.linspace(0, 1, 17), rng.uniform(0.2, 1, 17))
    sound = (mix * white + (1 - mix) * 3 * dull) * loud
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def coded(sound: FloatArray, kind: str, rate: int = RATE) -> FloatArray:
    """The sound after a codec that loses something, at about 50 kbit/s."""
    stream = io.BytesIO()
    subtype = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}[kind]
    soundfile.write(stream, sound, rate, format=kind, subtype=subtype, compression_level=0.0)
    stream.seek(0)
    decoded: FloatArray = soundfile.read(stream, dtype="float32")[0]
    return np.clip(decoded, -1, 1)


def compressed(picture: ImageArray, kind: str, quality: int) -> ImageArray:
    """The picture after a codec that loses something."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def good_pairs() -> list[dict[str, Any]]:
    """Two classes, of each five clips for training and two for the test, two pairs a clip."""
    pairs = []
    for label in ("dog", "sea"):
        for clip in range(7):
            for i in range(2):
                seed = 100 * clip + 10 * i + (label == "sea")
                pairs.append(
                    {
                        "image": scene(seed),
                        "audio": noise(seed),
                        "label": label,
                        "source": f"{label}-{clip}",
                        "split": "test" if clip >= 5 else "train",
                        "start": float(i * SECONDS),
                    }
                )
    return pairs


def write(
    pairs: Iterable[dict[str, Any]],
    root: Path,
    files: Iterable[dict[str, Any]] = (),
    config: dict[str, Any] | None = None,
) -> PairStore:
    identity = {"dataset": "planted", "version": 1, "config": config or {}, "sample_rate": RATE}
    with StoreWriter(root, identity) as writer:
        if not (facts := {file["file"]: file for file in files}):
            writer.add(Part([Pair(**pair) for pair in pairs]))
        for name, own in groupby(pairs if facts else [], lambda pair: pair["source"]):
            file = f"{name}.mp4"
            about = {"file": file, "sha256": sha256(file.encode()).hexdigest(), "source": name}
            about |= {"bytes": 1, "seconds": 1.0, **facts.get(file, {})}
            writer.add(Part([Pair(**pair) for pair in own], source=about))
        return writer.finish()
