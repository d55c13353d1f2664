"""Decode sound into runs of consecutive samples at one rate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench.media.packets import time_of
from a2ibench.types import FloatArray

if TYPE_CHECKING:
    import av

GAP = 0.02
"""Seconds by which a time stamp may deviate from the count of samples without being a gap. Some
containers round time stamps to a millisecond, and 20 ms is less than a frame."""
BLOCK = 1 << 16
"""Samples per run: handling each frame of a few hundred costs more than decoding it."""
UNTIMED = ("aac", "ac3", "amr", "mp3")
"""Formats without time stamps: libav makes some up from the rate of the first frame."""
PLANES = 8
"""Number of channels that a planar frame can show; frames with more are interleaved first."""


@dataclass(frozen=True)
class Run:
    """Consecutive samples.

    Attributes:
        time: time of the first sample, in seconds.
        samples: float32 ``[T]``, the mean of the channels, unchecked.
        rate: in hertz, as decoded; the rate in the container can be half of it (HE-AAC).
        channels: number of channels in the file.
    """

    time: float
    samples: FloatArray
    rate: int
    channels: int = 1

    @property
    def end(self) -> float:
        """Time of the end, in seconds."""
        return self.time + len(self.samples) / self.rate


def runs(
    packets: Iterable["av.Packet[Any]"],
    stream: "av.AudioStream",
    refused: list[tuple[float, float]],
) -> Iterator[Run]:
    """Decode a stream, whose rate and channels may change midway.

    Args:
        packets: packets of the stream.
        stream: the stream.
        refused: called with begin and end, in seconds, of each packet that the decoder refuses.
    """
    untimed = stream.container.format.name in UNTIMED
    parts: list[FloatArray] = []
    begin, length, rate = 0.0, 0, 0
    frames = _frames(packets, stream, refused)
    failed: Exception | None = None
    while True:
        try:
            samples, time, new_rate = next(frames)
        except StopIteration:
            break
        except Exception as error:  # raised after what was decoded before it
            failed = error
            break
        end = begin + length / rate if rate else 0.0
        # A frame without a time follows the one before.
        at = end if time is None or (untimed and rate) else time
        if parts and (
            length >= BLOCK
            or abs(at - end) > GAP
            or new_rate != rate
            or len(samples) != len(parts[0])
        ):
            yield _run(begin, parts, rate)
            parts, length = [], 0
        if not parts:
            begin, rate = at, new_rate
        parts.append(samples)
        length += samples.shape[1]
    if parts:
        yield _run(begin, parts, rate)
    if failed is not None:
        raise failed


def _run(time: float, parts: list[FloatArray], rate: int) -> Run:
    channels = np.concatenate(parts, axis=1)
    with np.errstate(invalid="ignore"):  # NaN is detected by the receiver of the samples
        mono = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
    return Run(time, mono, rate, len(channels))


def _frames(
    packets: Iterable["av.Packet[Any]"],
    stream: "av.AudioStream",
    refused: list[tuple[float, float]],
) -> Iterator[tuple[FloatArray, float | None, int]]:
    """Yield the samples of each frame, ``[channels, T]``, their time if known, and their rate."""
    import av

    resampler: av.AudioResampler | None = None
    kind: tuple[str, str, int] | None = None
    for packet in packets:
        try:
            frames = stream.codec_context.decode(packet)
        except MemoryError:  # else the frame would be damaged on small machines
            raise
        except av.FFmpegError:
            begin = time_of(packet)
            duration = float((packet.duration or 0) * (packet.time_base or 0))
            refused.append((begin, begin + max(duration, GAP)))
            continue
        for frame in frames:
            channels = frame.layout.nb_channels
            if frame.format.name == "fltp" and channels <= PLANES:
                samples: Any = frame.to_ndarray()
            else:
                if kind != (kind := (frame.format.name, frame.layout.name, frame.sample_rate)):
                    resampler = av.AudioResampler(format="flt")
                assert resampler is not None
                converted = [part.to_ndarray() for part in resampler.resample(frame)]
                samples = np.concatenate(converted, axis=1).reshape(-1, channels).T
            time = float(frame.time) if frame.time is not None else None
            yield samples, time, frame.sample_rate
