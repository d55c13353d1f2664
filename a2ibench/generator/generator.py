"""A trained generator in Python: any waveform → pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from a2ibench.config import whole_number
from a2ibench.errors import UserError
from a2ibench.generator.generate import Run, open_run
from a2ibench.generator.select_model import find_run
from a2ibench.media.audio import MIN_RATE, to_mono
from a2ibench.types import FloatArray, ImageArray

MAX_RATE = 10_000_000
"""Hertz; a larger number measures something else."""
MAX_PICTURES = 1000
"""Pictures per call."""


class Generator:
    """A trained generator; it draws the same pictures as ``a2ibench generate``.

    Attributes:
        name: name of its method.
        encoder: name of its encoder.
        image_size: S, the side of its pictures in pixels.
        shortest: seconds that a sound must last.
        segment_seconds: length of the sounds it was trained with; None if unknown.
        notes: what the user should know of the run.
    """

    def __init__(self, run: Run) -> None:
        self.name = run.model.name
        self.encoder = run.encoder.name
        self.image_size = run.model.spec.image_size
        self.shortest = run.encoder.min_samples / run.encoder.sample_rate
        self.segment_seconds = run.segment_seconds
        self.notes = run.notes
        self._run = run

    def generate(
        self, waveform: npt.ArrayLike, rate: float, n: int = 8, seed: int = 0
    ) -> ImageArray:
        """Draw several pictures for one sound; they differ in the noise alone.

        Args:
            waveform: ``[T]``, or ``[channels, T]`` as torchaudio has it, which are averaged;
                floats, nominally in [−1, 1]. An array, a list, or a tensor on the processor.
                Silence is drawn like any other sound.
            rate: samples per second, 1000 to 10 million; resampled to the encoder's own.
            n: number of pictures, 1 to 1000.
            seed: seed of the noise, at least 0. The same sound, seed and n give the same pictures.

        Returns:
            uint8 ``[n, S, S, 3]``, RGB.

        Raises:
            UserError: a waveform of another shape, of integers, with NaN or infinite samples or
                samples far beyond ±1, or shorter than :attr:`shortest`; a rate, n or
                seed out of its range.
        """
        mono = _mono(waveform)
        if not _is_rate(rate):
            raise UserError(
                f"expected a sample rate in hertz, {MIN_RATE} to {MAX_RATE}, got {rate!r}"
            )
        seconds = len(mono) / rate
        if seconds < self.shortest:
            raise UserError(
                f"the sound lasts {seconds:.2f} s ({len(mono)} samples at {rate:g} Hz);"
                f" {self.encoder} needs at least {self.shortest:.2f} s"
            )
        count = whole_number("n", n, 1, MAX_PICTURES)
        return self._run.draw(mono, round(rate), count, whole_number("seed", seed, 0))


def load(path: Path, arm: str | None, seed: int | None, budget: int | None) -> Generator:
    """Load a generator; see :func:`a2ibench.load`."""
    if seed is not None:
        seed = whole_number("seed", seed, 0)
    return Generator(open_run(find_run(path, arm, seed, budget).folder))


def _mono(waveform: npt.ArrayLike) -> FloatArray:
    """Average ``[T]`` or ``[channels, T]`` to float32 ``[T]``."""
    try:
        samples = np.asarray(waveform)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"expected a waveform [T] or [channels, T]: {error}") from error
    if samples.ndim not in (1, 2):
        raise UserError(f"expected a waveform [T] or [channels, T], got shape {samples.shape}")
    if samples.ndim == 2 and samples.shape[0] > samples.shape[1] > 0:
        raise UserError(
            f"expected a waveform [channels, T], got shape {samples.shape},"
            " which looks like [T, channels]: transpose it"
        )
    return to_mono(samples.T)


def _is_rate(rate: Any) -> bool:
    number = isinstance(rate, int | float | np.integer | np.floating)
    return number and bool(MIN_RATE <= rate <= MAX_RATE)
