"""Gradual changes of a sound: its loudness, noise, pitch, tempo, the room, or a path to another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.generator.generate import Run, part_notes, sound_notes
from a2ibench.generator.sound_effects import (
    WINDOW,
    add_noise,
    change_tempo,
    reverberate,
    rms,
    shift_pitch,
)
from a2ibench.media.audio import MAX_PEAK, fit_length, resample
from a2ibench.media.isolated_decoding import read_sound_apart
from a2ibench.results.recorded_files import safe_name
from a2ibench.types import FloatArray

Kind = Literal["volume", "noise", "pitch", "tempo", "reverberation", "mix", "interpolate"]
AXES: dict[Kind, str] = {
    "volume": "volume (×)",
    "noise": "signal-to-noise ratio (dB)",
    "pitch": "pitch (semitones)",
    "tempo": "tempo (×)",
    "reverberation": "reverberation time RT60 (s)",
    "mix": "share of the other sound",
    "interpolate": "step from this sound's feature to the other's",
}
LIMITS: dict[Kind, tuple[float, float]] = {
    "volume": (1e-3, 1e3),
    "noise": (-60, 120),
    "pitch": (-24, 24),
    "tempo": (0.25, 4),
    "reverberation": (0, 10),
    "mix": (0, 1),
    "interpolate": (0, 1),
}
FACTORS: tuple[Kind, ...] = ("volume", "tempo")
"""Changes whose levels are factors: 1 is the unchanged sound, 2 as far from it as 0.5."""


@dataclass(frozen=True)
class Change:
    """A change of a sound at several levels v.

    ``volume``: samples × v (Wan et al. 2019: 0.5, 1, 2, 3), not clipped: encoders accept up to
    :data:`~a2ibench.media.audio.MAX_PEAK`.

    ``noise``: white Gaussian noise at v decibels below the sound's power, the same noise at every
    level.

    ``pitch``: v semitones higher, in the same time; by a phase vocoder and resampling.

    ``tempo``: v times as fast, at the same pitch; by a phase vocoder.

    ``reverberation``: a synthetic room in which sound decays by 60 dB in v seconds
    (:func:`~a2ibench.generator.sound_effects.reverberate`), the same room at every level.

    ``mix``: (1 − v) · sound + v · other, in the waveform; the other sound is first tiled or cut to
    this one's length and brought to its root mean square.

    ``interpolate``: (1 − v) · a + v · b between the standardised features of both sounds, which is
    the input of a model. No waveform need exist that has such a feature.

    Volume 1, pitch 0, tempo 1, reverberation 0 and share 0 leave every sample as it is.

    Attributes:
        levels: v, at least two, all different.
        other: the other sound of ``mix`` and ``interpolate``.
        seed: seed of the added noise, and of the room.

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
        if self.kind in FACTORS:
            return np.abs(np.log2(levels))
        return -levels if self.kind == "noise" else np.abs(levels)

    def features(
        self, run: Run, name: str, waveform: FloatArray, rate: int
    ) -> tuple[FloatArray, list[str]]:
        """Return the features of a sound at every level.

        Returns:
            float32 ``[levels, d]``, standardised, and notes for the user.

        Raises:
            UserError: see :meth:`waveforms`.
        """
        if self.kind == "interpolate":
            assert self.other is not None
            start, end = run.encode(waveform, rate), run.encode(*self._other)
            t = np.array(self.levels, dtype=np.float32)[:, np.newaxis]
            notes = sound_notes(run, safe_name(self.other.name), *self._other)
            return (1 - t) * start + t * end, notes
        changed, notes = self.waveforms(name, waveform, rate)
        notes += part_notes(run, name, waveform, rate, changed, f"levels of {self.kind}")
        return np.stack([run.encode(one, rate) for one in changed]), notes

    def waveforms(
        self, name: str, waveform: FloatArray, rate: int
    ) -> tuple[list[FloatArray], list[str]]:
        """Return the changed sound at every level, and notes for the user.

        Raises:
            UserError: a change between features; samples beyond ``MAX_PEAK``; a silent sound, which
                only a change of volume leaves silent; one too short for a change of pitch or tempo;
                another sound that cannot be used.
        """
        if self.kind == "interpolate":
            raise UserError("--interpolate: a path between features has no sounds")
        changes: dict[Kind, Callable[[float], FloatArray]] = {
            "volume": lambda level: waveform * np.float32(level),
            "noise": lambda level: add_noise(waveform, level, self.seed),
            "pitch": lambda level: shift_pitch(waveform, level),
            "tempo": lambda level: change_tempo(waveform, level),
            "reverberation": lambda level: reverberate(waveform, rate, level, self.seed),
            "mix": lambda level: self._mix(waveform, rate, level),
        }
        if self.kind != "volume" and not np.any(waveform):
            raise UserError(
                f"{name} is silent: it has no loudness to set others against"
                if self.kind in ("noise", "mix")
                else f"{name} is silent: a change of {self.kind} leaves it so"
            )
        if self.kind in ("pitch", "tempo") and len(waveform) < WINDOW:
            raise UserError(
                f"{name} lasts {len(waveform) / rate:.3f} s, less than a change of {self.kind}"
                f" needs ({WINDOW / rate:.3f} s, {WINDOW} samples)"
            )
        made, peaks = [], {}
        for level in self.levels:
            changed = changes[self.kind](level)
            peaks[level] = float(np.abs(changed).max())
            if peaks[level] > MAX_PEAK:
                raise UserError(
                    f"{name}, {self.kind} {level:g}: samples reach {peaks[level]:.3g}; at most"
                    f" {MAX_PEAK:g} are taken for a sound"
                )
            made.append(changed)
        beyond = [f"{level:g} (to {peak:.2f})" for level, peak in peaks.items() if peak > 1]
        notes = [f"{name}: samples beyond ±1 at {self.kind} {', '.join(beyond)}: not clipped"]
        return made, notes if beyond else []

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
        other = other * (rms(waveform) / rms(other))
        return ((1 - share) * waveform + share * other).astype(np.float32)
