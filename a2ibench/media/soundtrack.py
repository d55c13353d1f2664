"""Read the sound of a media file, on the clock of the file."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.media.audio import MAX_PEAK
from a2ibench.media.container import TOLERANCE
from a2ibench.media.decoded_runs import GAP, Run
from a2ibench.media.packets import Span
from a2ibench.types import FloatArray, RejectedError

if TYPE_CHECKING:
    import soxr

MAX_SECONDS = 2 * 3600.0
"""Seconds of sound held in memory at once."""
DELAY = 0.1
"""Seconds of sound that a decoder may drop at the beginning, as the decoder of WMA does."""


@dataclass(frozen=True)
class Soundtrack:
    """The sound of a file, or a stretch of it.

    Attributes:
        start: time of the first sample, in seconds.
        samples: float32 ``[T]``, the mean of the channels, clipped to ±1.
        rate: sample rate in hertz.
        begin: when the sound of the file begins, in seconds; silence fills the time until
            ``start``.
        damaged: begin and end of each part that cannot be decoded, in seconds.
    """

    start: float
    samples: FloatArray
    rate: int
    begin: float = 0.0
    damaged: tuple[tuple[float, float], ...] = ()

    @property
    def end(self) -> float:
        """Time of the end, in seconds."""
        return self.start + len(self.samples) / self.rate

    def piece(self, begin: float, seconds: float) -> FloatArray:
        """Cut out float32 ``[seconds · rate]`` from ``begin``, padded with zeros."""
        length = round(seconds * self.rate)
        first = round((begin - self.start) * self.rate)
        piece = self.samples[max(0, first) : max(0, first + length)]
        before = min(length, max(0, -first))
        if len(piece) == length:
            return piece
        return np.pad(piece, (before, length - before - len(piece)))

    def lacks(self, start: float, seconds: float) -> str:
        """Return why no segment of ``seconds`` can begin at ``start``; empty if one can."""
        end = start + seconds
        if start < self.begin - TOLERANCE:
            return f"lies outside the sound: it begins {self.begin - start:.2f} s too early"
        if end > self.end + TOLERANCE:
            return f"lies outside the sound: it ends {end - self.end:.2f} s too late"
        if any(first < end and last > start for first, last in self.damaged):
            return "has sound that cannot be decoded"
        return ""

    def of_file(
        self, span: Span, skipped: bool, damaged: Sequence[tuple[float, float]]
    ) -> "Soundtrack":
        """Add where the sound of the file begins and which parts of it are damaged.

        Args:
            span: extent of the packets of the sound.
            skipped: whether the first packets were not decoded.
            damaged: begin and end of each part that cannot be decoded, in seconds.
        """
        dropped = skipped or 0 < self.start - span.begin <= DELAY
        begin = span.begin if dropped else self.start
        return replace(self, begin=begin, damaged=tuple(damaged))

    @classmethod
    def read(cls, runs: Iterable[Run], rate: int, until: float = math.inf) -> "Soundtrack":
        """Resample runs of one stream, and put each at its time stamp.

        Args:
            runs: runs of one stream.
            rate: sample rate of the result, in hertz.
            until: last moment that is needed, in seconds.

        Raises:
            RejectedError: the stream has no samples, NaN, or an impossible gap or length.
        """
        track: _Track | None = None
        for run in runs:
            track = track or _Track(run.time, rate)
            track.add(run)
            if run.end > until:
                break
        if track is None:
            raise RejectedError("its audio stream has no samples")
        waveform = track.whole()
        return cls(track.origin, np.clip(waveform, -1, 1, out=waveform), rate, track.origin)


class _Track:
    """A waveform at one rate that grows by runs."""

    def __init__(self, origin: float, rate: int) -> None:
        self.origin = origin
        self._rate = rate
        self._pieces: list[FloatArray] = []
        self._kept = 0
        self._from: tuple[float, int, int] = (origin, 0, 0)  # begin, rate, samples since then
        self._resampler: soxr.ResampleStream | None = None

    def add(self, run: Run) -> None:
        _check(run)
        begin, rate, count = self._from
        if run.rate != rate:
            self._change(run.rate)
            begin, rate, count = self._from
        samples = run.samples
        gap = run.time - (begin + count / rate)
        if abs(gap) > MAX_SECONDS:
            raise RejectedError(f"the time stamps of its sound jump by {gap:.0f} s")
        if gap > GAP:
            samples = np.concatenate([np.zeros(round(gap * rate), np.float32), samples])
        elif gap < -GAP:
            samples = samples[round(-gap * rate) :]
        self._from = (begin, rate, count + len(samples))
        self._put(samples if self._resampler is None else self._resampler.resample_chunk(samples))

    def whole(self) -> FloatArray:
        """Finish, and return float32 ``[T]``."""
        self._flush()
        return np.concatenate(self._pieces)

    def _change(self, rate: int) -> None:
        """Continue from the end of the last run at another rate."""
        import soxr

        self._flush()
        self._from = (self.origin + self._kept / self._rate, rate, 0)
        same = rate == self._rate
        self._resampler = (
            None if same else soxr.ResampleStream(rate, self._rate, 1, dtype="float32")
        )

    def _flush(self) -> None:
        if self._resampler is not None:
            self._put(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    def _put(self, samples: FloatArray) -> None:
        self._kept += len(samples)
        if self._kept > MAX_SECONDS * self._rate:
            raise RejectedError(f"longer than {MAX_SECONDS / 3600:g} hours; split the file")
        self._pieces.append(np.asarray(samples, dtype=np.float32))


def _check(run: Run) -> None:
    loudest = float(np.abs(run.samples).max(initial=0.0))
    if not np.isfinite(loudest):
        raise RejectedError("its sound has NaN or infinite samples")
    if loudest > MAX_PEAK:
        raise RejectedError(f"a sample of {loudest:g}; expected sound in [−1, 1]")
