"""Gradual changes of a sound: volume, noise, another sound mixed in, a path between features."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.generator.generate import Run
from a2ibench.media.audio import MAX_PEAK, fit_length, resample
from a2ibench.media.isolated_decoding import read_sound_apart
from a2ibench.types import FloatArray

Kind = Literal["volume", "noise", "mix", "interpolate"]
AXES: dict[Kind, str] = {
    "volume": "volume (×)",
    "noise": "signal-to-noise ratio (dB)",
    "mix": "share of the other sound",
    "interpolate": "step from this sound's feature to the other's",
}
LIMITS: dict[Kind, tuple[float, float]] = {
    "volume": (1e-3, 1e3),
    "noise": (-60, 120),
    "mix": (0, 1),
    "interpolate": (0, 1),
}


@dataclass(frozen=True)
class Change:
    """A change of a sound at several levels v.

    ``volume``: samples × v (Wan et al. 2019: 0.5, 1, 2, 3), not clipped: encoders accept up to
    :data:`~a2ibench.media.audio.MAX_PEAK`.

    ``noise``: white Gaussian noise at v decibels below the sound's power, the same noise at every
    level.

    ``mix``: (1 − v) · sound + v · other, in the waveform; the other sound is first tiled or cut to
    this one's length and brought to its root mean square.

    ``interpolate``: (1 − v) · a + v · b between the standardised features of both sounds, which is
    the input of a model. No waveform need exist that has such a feature.

    Attributes:
        levels: v, at least two, all different.
        other: the other sound of ``mix`` and ``interpolate``.
        seed: seed of the added noise.

    Raises:
        UserError: fewer than two levels, one twice, or one out of its range.
    """

    kind: Kind
    levels: tuple[float, ...]
    other: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = LIMITS[self.kind]
        if len(self.levels) < 2 or len(set(self.levels)) < len(self.levels):
            raise UserError(f"--{self.kind}: expected at least two levels, all different")
        for level in self.levels:
            if not low <= level <= high:
                raise UserError(f"--{self.kind} {level:g}: expected levels in [{low:g}, {high:g}]")

    @property
    def strength(self) -> npt.NDArray[np.float64]:
        """Distance of each level from the unchanged sound, to compare other distances with."""
        levels = np.array(self.levels, dtype=np.float64)
        if self.kind == "volume":
            return np.abs(np.log2(levels))
        return -levels if self.kind == "noise" else levels

    def features(
        self, run: Run, name: str, waveform: FloatArray, rate: int
    ) -> tuple[FloatArray, list[str]]:
        """Return the features of a sound at every level.

        Returns:
            float32 ``[levels, d]``, standardised, and notes for the user.

        Raises:
            UserError: samples beyond ``MAX_PEAK``; silence where noise or another sound is measured
                against it; another sound that cannot be used.
        """
        if self.kind == "interpolate":
            start, end = run.encode(waveform, rate), run.encode(*self._other)
            t = np.array(self.levels, dtype=np.float32)[:, np.newaxis]
            return (1 - t) * start + t * end, []
        changes: dict[Kind, Callable[[float], FloatArray]] = {
            "volume": lambda level: waveform * np.float32(level),
            "noise": partial(add_noise, waveform, seed=self.seed),
            "mix": partial(self._mix, waveform, rate),
        }
        if self.kind != "volume" and not np.any(waveform):
            raise UserError(f"{name} is silent: it has no loudness to set others against")
        features, peaks = [], {}
        for level in self.levels:
            changed = changes[self.kind](level)
            peaks[level] = float(np.abs(changed).max())
            if peaks[level] > MAX_PEAK:
                raise UserError(
                    f"{name}, {self.kind} {level:g}: samples reach {peaks[level]:.3g}; at most"
                    f" {MAX_PEAK:g} are taken for a sound"
                )
            features.append(run.encode(changed, rate))
        beyond = [f"{level:g} (to {peak:.2f})" for level, peak in peaks.items() if peak > 1]
        notes = [f"{name}: samples beyond ±1 at {self.kind} {', '.join(beyond)}: not clipped"]
        return np.stack(features), notes if beyond else []

    @cached_property
    def _other(self) -> tuple[FloatArray, int]:
        assert self.other is not None
        waveform, rate = read_sound_apart(self.other)
        if not np.any(waveform):
            raise UserError(f"{self.other} is silent")
        return waveform, rate

    def _mix(self, waveform: FloatArray, rate: int, share: float) -> FloatArray:
        other = resample(*self._other, rate)
        other = fit_length(other, len(waveform))[: len(waveform)]
        if not np.any(other):
            raise UserError(f"{self.other} is silent for as long as the other sound lasts")
        other = other * (_rms(waveform) / _rms(other))
        return ((1 - share) * waveform + share * other).astype(np.float32)


def add_noise(waveform: FloatArray, snr: float, seed: int) -> FloatArray:
    """Add white Gaussian noise whose power is ``snr`` decibels below the waveform's.

    The waveform must not be silent.
    """
    noise = np.random.default_rng(seed).standard_normal(len(waveform))
    scale = _rms(waveform) / _rms(noise) * 10 ** (-snr / 20)
    return (waveform + scale * noise).astype(np.float32)


def _rms(waveform: npt.NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
