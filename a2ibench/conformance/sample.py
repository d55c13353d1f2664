"""A small synthetic world for trying plug-ins: three numbers make pictures, sounds and features."""

import functools

import numpy as np
import numpy.typing as npt
import torch

from a2ibench.data.store import StoredImages
from a2ibench.types import Batch, FloatArray, ImageArray, Pairs, Sounds

CLASSES = ("bar", "disc")
ACOUSTIC_DIM = 12
SIZE = 32
"""Default side of the images in pixels."""
PAIRS_PER_SOURCE = 2
NOISE = 0.1
"""Standard deviation of the features' noise; that of their signal is 1."""
FACTORS = ("place", "hue")
SAMPLE_RATE = 22_050
SECONDS = 0.5


def make_pairs(count: int, size: int = SIZE, seed: int = 0) -> Pairs:
    """Make pairs whose picture, sound and feature follow from the class and two factors.

    The classes take turns; ``seed`` is that of the factors. The law of pictures, sounds and
    features is the same for every seed.
    """
    rng = np.random.default_rng(seed)
    label = (np.arange(count) % len(CLASSES)).astype(np.int64)
    factors = rng.random((count, len(FACTORS)))
    images = np.stack(
        [_picture(k, place, hue, size, rng) for k, (place, hue) in zip(label, factors, strict=True)]
    )
    causes = np.column_stack([factors * 3.46 - 1.73, label * 2.0 - 1.0])
    law = np.random.default_rng(0).normal(size=(causes.shape[1], ACOUSTIC_DIM)) / 3**0.5
    acoustic = causes @ law + NOISE * rng.normal(size=(count, ACOUSTIC_DIM))
    return Pairs(
        images=StoredImages(images, np.arange(count, dtype=np.int64)),
        acoustic=acoustic.astype(np.float32),
        label=label,
        classes=CLASSES,
        source=np.array(
            [
                f"{CLASSES[k]}-{seed}-{i // (len(CLASSES) * PAIRS_PER_SOURCE)}"
                for i, k in enumerate(label)
            ]
        ),
        factors={name: factors[:, i].astype(np.float32) for i, name in enumerate(FACTORS)},
        sounds=_sounds(factors, seed),
    )


def _sounds(factors: npt.NDArray[np.float64], seed: int) -> Sounds:
    rows = np.arange(len(factors), dtype=np.int64)
    samples = round(SECONDS * SAMPLE_RATE)
    return Sounds(
        origin=f"small world {seed}",
        sample_rate=SAMPLE_RATE,
        row=rows,
        start=rows * samples,
        length=np.full(len(rows), samples, dtype=np.int64),
        read=functools.partial(_play, factors),
    )


def _play(factors: npt.NDArray[np.float64], row: int) -> FloatArray:
    """Play a tone as high as the place, its overtone as loud as the hue; bars fade, discs hum."""
    place, hue = factors[row]
    time = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * 220 * 4**place * time
    tone = np.sin(phase) + hue * np.sin(3 * phase)
    loud = np.exp(-8 * time) if row % len(CLASSES) == 0 else 1.0
    return (0.3 * loud * tone).astype(np.float32)


def _picture(
    label: np.int64, place: float, hue: float, size: int, rng: np.random.Generator
) -> ImageArray:
    """Paint a disc or an upright bar of some hue on a dark, noisy ground."""
    row, column = np.mgrid[:size, :size] / size - 0.5
    across = column - (place - 0.5) / 2
    shape = across**2 + row**2 < 0.06 if label else (abs(across) < 0.1) & (abs(row) < 0.4)
    picture = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
    picture[shape] += np.array([40 + 150 * hue, 100, 190 - 150 * hue], dtype=np.uint8)
    return picture


def make_batch(pairs: Pairs, size: int) -> Batch:
    """Make a training batch of the first pairs; mismatched sounds are of another class."""
    image = torch.from_numpy(np.array(pairs.images[:size])).permute(0, 3, 1, 2)
    acoustic = torch.from_numpy(pairs.acoustic[:size])
    return Batch(
        image=(image.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last),
        acoustic=acoustic,
        label=torch.from_numpy(pairs.label[:size]),
        mismatched=acoustic.roll(1, dims=0),
    )


def make_images(count: int, size: int) -> ImageArray:
    """Make pictures of that world: uint8 ``[count, size, size, 3]``."""
    return make_pairs(count, size).images[:]


def make_sounds(samples: int, sample_rate: int) -> dict[str, FloatArray]:
    """Make sounds of one length, name → float32 ``[samples]`` in [−1, 1].

    Silence, one click, the loudest square wave, a low and a high tone, noise.
    """
    time = np.arange(samples) / sample_rate
    rng = np.random.default_rng(0)
    click = np.zeros(samples)
    click[samples // 2] = 1.0
    sounds = {
        "silence": np.zeros(samples),
        "a click": click,
        "a full-scale square wave": np.where(np.sin(2 * np.pi * 110 * time) >= 0, 1.0, -1.0),
        "a low tone": 0.3 * np.sin(2 * np.pi * 220 * time),
        "a high tone": 0.3 * np.sin(2 * np.pi * 3_520 * time),
        "noise": rng.uniform(-0.5, 0.5, samples),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}
