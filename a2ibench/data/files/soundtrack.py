"""The sound of a media file, on the file's own clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench.data.audio import LOUDEST
from a2ibench.data.types import FloatArray, RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

LONGEST = 2 * 3600.0
"""Seconds of sound that are held in memory at once."""
GAP = 0.02
"""Seconds by which time stamps may wander off the count of samples before it is a gap. Some
containers round them to a millisecond, and 20 ms is less than a frame."""

RUN = 1 << 16
"""Samples that are taken together."""


@dataclass(frozen=True)
class Soundtrack:
    """The sound of a file on its clock."""

    start: float
    samples: FloatArray
    rate: int

    @property
    def end(self) -> float:
        """In seconds, on the file's clock."""
        return self.start + len(self.samples) / self.rate

    def piece(self, begin: float, seconds: float) -> FloatArray:
        """float32 ``[seconds · rate]`` from ``begin``; half a sample at the end may be zero."""
        length = round(seconds * self.rate)
        first = max(0, round((begin - self.start) * self.rate))
        piece = self.samples[first : first + length]
        return piece if len(piece) == length else np.pad(piece, (0, length - len(piece)))

    @classmethod
    def read(
        cls,
        container: "InputContainer",
        rate: int,
        starts: Sequence[float] | None,
        seconds: float,
    ) -> "Soundtrack":
        """Decodes the first audio stream: the mean of its channels, resampled, clipped to ±1.

        Raises:
            RejectedError: no audio stream, no samples, NaN, a gap or a length that cannot be.
        """
        import soxr

        if not container.streams.audio:
            raise RejectedError("no audio stream in it")
        stream = container.streams.audio[0]
        until = np.inf
        if starts:
            container.seek(max(0, int((min(starts) - 1) * 1e6)), backward=True)
            until = max(starts) + seconds + 1
        pieces: list[FloatArray] = []
        resampler: soxr.ResampleStream | None = None
        origin, source_rate, count, kept = 0.0, 0, 0, 0
        for samples, at, source_rate in _mono(container, stream):
            if not pieces:
                origin = at
                if source_rate != rate:
                    resampler = soxr.ResampleStream(source_rate, rate, 1, dtype="float32")
            gap = at - (origin + count / source_rate)
            if abs(gap) > LONGEST:
                raise RejectedError(f"the time stamps of its sound jump by {gap:.0f} s")
            if gap > GAP:
                samples = np.concatenate([np.zeros(round(gap * source_rate), np.float32), samples])
            elif gap < -GAP:
                samples = samples[round(-gap * source_rate) :]
            count += len(samples)
            piece = samples if resampler is None else resampler.resample_chunk(samples)
            kept += len(piece)
            if kept > LONGEST * rate:
                raise RejectedError(
                    f"longer than {LONGEST / 3600:g} hours; cut it into shorter files"
                )
            pieces.append(np.asarray(piece, dtype=np.float32))
            if origin + count / source_rate > until:
                break
        if resampler is not None:
            pieces.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        if not count:
            raise RejectedError("its audio stream has no samples")
        waveform = np.concatenate(pieces)
        return cls(origin, np.clip(waveform, -1, 1, out=waveform), rate)


def _mono(
    container: "InputContainer", stream: "av.AudioStream"
) -> Iterator[tuple[FloatArray, float, int]]:
    """Samples ``[T]`` averaged over the channels, their time in seconds, and their rate."""
    for channels, at, rate in _runs(container, stream):
        loudest = float(np.abs(channels).max(initial=0.0))
        if not np.isfinite(loudest):
            raise RejectedError("its sound has NaN or infinite samples")
        if loudest > LOUDEST:
            raise RejectedError(f"a sample of {loudest:g}; expected sound in [−1, 1]")
        yield channels.mean(axis=0, dtype=np.float64).astype(np.float32), at, rate


def _runs(
    container: "InputContainer", stream: "av.AudioStream"
) -> Iterator[tuple[FloatArray, float, int]]:
    """Frames that follow each other, together: ``[channels, T]``, their time, their rate.

    A frame is a few hundred samples; taken one by one, they would cost more than their decoding.
    """
    import av

    resampler = av.AudioResampler(format="fltp")
    run: list[FloatArray] = []
    begin, length, rate = 0.0, 0, 0
    for frame in container.decode(stream):
        for part in [frame] if frame.format.name == "fltp" else resampler.resample(frame):
            samples: Any = part.to_ndarray()
            # Some streams stamp no time on a frame: it follows the one before.
            time = part.time if part.time is not None else frame.time
            end = begin + length / rate if rate else 0.0
            at = float(time) if time is not None else end
            if run and (
                length >= RUN
                or abs(at - end) > GAP
                or part.sample_rate != rate
                or len(samples) != len(run[0])
            ):
                yield np.concatenate(run, axis=1), begin, rate
                run, length = [], 0
            if not run:
                begin, rate = at, part.sample_rate
            run.append(samples)
            length += samples.shape[1]
    if run:
        yield np.concatenate(run, axis=1), begin, rate
