"""Sound files and waveforms: decode, mix to mono, resample, fit to a length."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.types import FloatArray, RejectedError

if TYPE_CHECKING:
    import av
    import soundfile

    from a2ibench.media.runs import Run

MEDIA_ONLY = {
    "format_whitelist": (
        "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,flac,flv,gxf,ivf,matroska,mov,mp3,mpeg,mpegts,mxf,"
        "nut,ogg,rm,swf,tta,vc1t,w64,wav,wv"
    ),
    "protocol_whitelist": "file",
}
"""What libav may open. Playlists and scripts, which make it open other files, are not there."""
LOUDEST = 16.0
"""Overshoot of decoders and a raised volume pass; samples of integers in disguise do not."""
MOST_LOST = 0.1
"""Seconds inside a sound file that may be unreadable, as tags are where files were joined."""
LOWEST_RATE = 1_000
"""In hertz. Anything below is a rate in kilohertz, or no sound."""


class NotSoundError(UserError):
    """No library opens the file as sound."""


@dataclass(frozen=True)
class Limits:
    """How much sound is decoded of one file; a small file can hold an endless one.

    Attributes:
        seconds: how long it may last.
        samples: how many it may have, over all channels.
    """

    seconds: float
    samples: int

    def check(self, runs: "Iterable[Run]") -> "Iterator[Run]":
        """Passes runs on until there are too many.

        Raises:
            UserError: too long, or too many samples.
        """
        seconds, samples = 0.0, 0
        for run in runs:
            seconds += len(run.samples) / run.rate
            samples += len(run.samples) * run.channels
            if seconds > self.seconds:
                raise UserError(f"the sound lasts longer than {self.seconds:g} s; cut it")
            if samples > self.samples:
                raise UserError(
                    f"the sound has more than {self.samples:,} samples in its channels; cut it, mix"
                    " it to mono, or lower its sample rate"
                )
            yield run


UNLIMITED = Limits(np.inf, sys.maxsize)


def to_mono(waveform: npt.ArrayLike) -> FloatArray:
    """Averages the channels and checks the samples.

    Args:
        waveform: ``[T]`` or ``[T, channels]``, floats, nominally in [−1, 1].

    Returns:
        float32 ``[T]``.

    Raises:
        UserError: empty, of another shape, of integers or in their range, or with NaN or infinite
            samples.
    """
    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2):
        raise UserError(f"expected a waveform [T] or [T, channels], got shape {samples.shape}")
    if samples.size == 0:
        raise UserError("the sound is empty: it has no samples")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise UserError(
            f"expected a waveform [T, channels], got shape {samples.shape},"
            " which looks like [channels, T]: transpose it"
        )
    if not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"expected float samples in [−1, 1], got {samples.dtype}")
    if not (finite := np.isfinite(samples)).all():
        bad = int(np.count_nonzero(~finite))
        raise UserError(f"{bad} of {samples.size} samples are NaN or infinite")
    if (peak := float(np.abs(samples).max())) > LOUDEST:
        raise UserError(
            f"expected samples in [−1, 1], got one of {peak:g};"
            " divide samples that were 16-bit integers by 32768"
        )
    if samples.ndim == 2:
        samples = samples.mean(axis=1, dtype=np.float64)
    return samples.astype(np.float32)


def resample(waveform: FloatArray, rate: float, target: int) -> FloatArray:
    """Changes the sample rate of a mono waveform with soxr (high quality).

    Raises:
        UserError: a rate that is none, or a sound too short to have a sample at the new rate.
    """
    if not LOWEST_RATE <= rate < np.inf:
        raise UserError(f"expected a sample rate in hertz, at least {LOWEST_RATE}, got {rate:g}")
    if rate == target:
        return waveform
    import soxr

    resampled = np.asarray(soxr.resample(waveform, rate, target), dtype=np.float32)
    if len(resampled) == 0:
        raise UserError(
            f"the sound is too short: {len(waveform)} samples at {rate:g} Hz are none at {target}"
        )
    return resampled


def fit_length(waveform: FloatArray, at_least: int) -> FloatArray:
    """Repeats a waveform until it is ``at_least`` samples long; a longer one is left as it is.

    Raises:
        ValueError: there is nothing to repeat.
    """
    if len(waveform) == 0:
        raise ValueError("expected a waveform of at least one sample")
    if len(waveform) >= at_least:
        return waveform
    return np.resize(waveform, at_least)


def read_sound(path: Path, limits: Limits = UNLIMITED) -> tuple[FloatArray, int]:
    """Decodes a sound file (wav, flac, ogg, mp3, and whatever else libav or libsndfile reads).

    Its length is that of what is decoded. A file that declares more is refused as damaged; the
    guess of a library is not asked.

    Args:
        path: the file.
        limits: nothing is decoded beyond them.

    Returns:
        float32 ``[T]``, mono, and its sample rate; the highest one, where it changes on the way.

    Raises:
        NotSoundError: no library opens it as sound.
        UserError: no such file, a sound that is damaged or beyond the limits, or one that
            :func:`to_mono` refuses.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such sound file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    try:
        return _joined(_decoded(path, limits))
    except UserError as error:
        raise type(error)(f"{path}: {error}") from None


def _decoded(path: Path, limits: Limits) -> "list[Run]":
    found, wrong = _read_with_av(path, limits)
    if wrong is not None:
        other = _read_with_soundfile(path, limits)
        if _seconds(other) < _seconds(found) + MOST_LOST:
            raise wrong
        found = other
    if not found:
        raise UserError("the sound is empty: it has no samples")
    return found


def _joined(found: "list[Run]") -> tuple[FloatArray, int]:
    rate = max(run.rate for run in found)
    parts = [
        resample(to_mono(np.concatenate([run.samples for run in runs])), own, rate)
        for own, runs in groupby(found, key=lambda run: run.rate)
    ]
    return np.concatenate(parts), rate


def _seconds(found: "list[Run]") -> float:
    return sum(len(run.samples) / run.rate for run in found)


def _read_with_av(path: Path, limits: Limits) -> "tuple[list[Run], UserError | None]":
    """The default audio track of any container, and what is wrong with it, if anything is."""
    import av

    from a2ibench.media.declared import (
        MISSING,
        early_end,
        pictured,
        seconds_behind,
        seconds_of_file,
        seconds_of_stream,
    )
    from a2ibench.media.packets import Packets
    from a2ibench.media.runs import COUNTED, runs
    from a2ibench.media.tracks import audio_stream

    found: list[Run] = []
    refused: list[tuple[float, float]] = []
    taken: list[int] = []
    try:
        with av.open(str(path), options=MEDIA_ONLY, metadata_errors="replace") as container:
            stream = audio_stream(container)
            packets = Packets(container, [stream])
            noted = _noting(packets.of(stream), refused, taken)
            for run in limits.check(runs(noted, stream, refused)):
                found.append(run)
            declared = seconds_of_stream(container, stream)
            alone = declared is None and not pictured(container)
            in_file = seconds_of_file(container) if alone else None
            behind = 0.0
            if taken:
                behind = seconds_behind(container, path, (taken[0], taken[1]), _seconds(found))
            last = 0.0  # not its end: some containers give the last packet an endless duration
            if stream.index in packets.spans and container.format.name not in COUNTED:
                last = packets.spans[stream.index].last
    except RejectedError as error:
        return [], UserError(str(error))
    except (av.FFmpegError, ValueError) as error:
        if found:
            until = f"{_seconds(found):.2f} s"
            return found, UserError(
                f"damaged: only its first {until} can be decoded ({_said(error)})"
            )
        return [], NotSoundError(
            f"cannot be decoded as sound ({_said(error)});"
            " expected wav, flac, ogg, mp3 or another format that libav reads"
        )
    if not found:
        return [], None
    end = found[-1].end
    # Before and after the sound lie tags, and packets that were cut off.
    lost = _length(span for span in refused if found[0].time < span[0] and span[1] < end)
    if lost > MOST_LOST:
        return found, UserError(f"damaged: {lost:.2f} s of its sound cannot be decoded")
    there = f"{_seconds(found):.2f} s can be decoded"
    tail = max(behind, last - end, _length(span for span in refused if span[1] >= end))
    if tail > MISSING:  # nor does libsndfile decode it: it makes sound of what is none
        raise UserError(f"damaged: {there}, about {tail:.2f} s behind that cannot")
    early = declared is not None and _seconds(found) < declared - MISSING
    if in_file is not None and end < in_file - MISSING:
        declared = in_file
        with av.open(str(path), options=MEDIA_ONLY, metadata_errors="replace") as container:
            early = early_end(container, declared, end) is not None
    if early:
        return found, UserError(
            f"damaged or truncated: it declares {declared:.2f} s of sound, {there}"
        )
    return found, None


def _noting(
    packets: "Iterable[av.Packet[Any]]", refused: Sequence[Any], taken: list[int]
) -> "Iterator[av.Packet[Any]]":
    """Feeds a decoder, and notes where the bytes that it takes begin and end."""
    for packet in packets:
        count = len(refused)
        yield packet
        if packet.size and packet.pos is not None and len(refused) == count:
            taken[:] = [taken[0] if taken else packet.pos, packet.pos + packet.size]


def _length(spans: Iterable[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in spans)


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_with_soundfile(path: Path, limits: Limits) -> "list[Run]":
    """Block by block, as the length that it declares may be a guess; none where it cannot."""
    import soundfile

    found: list[Run] = []
    try:
        with soundfile.SoundFile(path) as file:
            for run in limits.check(_blocks(file)):
                found.append(run)
    except (soundfile.LibsndfileError, TypeError):
        # TypeError: a name that ends in .raw, which soundfile takes for samples without a header.
        pass
    return found


def _blocks(file: "soundfile.SoundFile") -> "Iterator[Run]":
    from a2ibench.media.runs import MOST, Run

    count = 0
    for block in file.blocks(MOST, dtype="float32", always_2d=True):
        mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        yield Run(count / file.samplerate, mono, file.samplerate, block.shape[1])
        count += len(mono)
