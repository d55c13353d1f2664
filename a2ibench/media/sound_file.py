"""Decode sound files of any format, and tell damaged files from short ones."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench.errors import UserError
from a2ibench.media.audio import resample, to_mono
from a2ibench.media.container import MEDIA_ONLY, open_media, reason
from a2ibench.media.declared_length import (
    MISSING,
    early_end,
    seconds_behind,
    seconds_of_file,
    seconds_of_stream,
)
from a2ibench.media.decoded_runs import BLOCK, UNTIMED, Run, runs
from a2ibench.media.packets import Packets
from a2ibench.media.streams import audio_stream, moving_pictures
from a2ibench.types import FloatArray, RejectedError

if TYPE_CHECKING:
    import av
    import soundfile

MAX_LOST = 0.1
"""Seconds inside a sound file that may be unreadable, such as tags where files were joined."""


class NotSoundError(UserError):
    """No library can open the file as sound."""


@dataclass(frozen=True)
class Limits:
    """Limits on the sound decoded from one file; a small file can hold an endless one.

    Attributes:
        seconds: largest length.
        samples: largest number of samples, over all channels.
    """

    seconds: float
    samples: int

    def check(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Pass runs on, within the limits.

        Raises:
            UserError: the runs exceed a limit.
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


def read_sound(path: Path, limits: Limits = UNLIMITED) -> tuple[FloatArray, int]:
    """Decode a sound file (wav, flac, ogg, mp3, and whatever else libav or libsndfile reads).

    The length is that of the decoded samples, not a library's guess. A file that declares more is
    refused as damaged.

    Args:
        path: the file.
        limits: nothing is decoded beyond them.

    Returns:
        float32 ``[T]``, mono, and its sample rate; the highest one if the rate changes.

    Raises:
        NotSoundError: no library can open the file as sound.
        UserError: there is no such file, or its sound is damaged, beyond the limits, or refused by
            :func:`~a2ibench.media.audio.to_mono`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such sound file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    try:
        return _join(_decode(path, limits))
    except UserError as error:
        raise type(error)(f"{path}: {error}") from None


def _decode(path: Path, limits: Limits) -> list[Run]:
    found, wrong = _read_with_av(path, limits)
    if wrong is not None:
        other = _read_with_soundfile(path, limits)
        if _seconds(other) < _seconds(found) + MAX_LOST:
            raise wrong
        found = other
    if not found:
        raise UserError("the sound is empty: it has no samples")
    return found


def _join(found: list[Run]) -> tuple[FloatArray, int]:
    rate = max(run.rate for run in found)
    parts = [
        resample(to_mono(np.concatenate([run.samples for run in same])), own, rate)
        for own, same in groupby(found, key=lambda run: run.rate)
    ]
    return np.concatenate(parts), rate


def _seconds(found: list[Run]) -> float:
    return sum(len(run.samples) / run.rate for run in found)


def _read_with_av(path: Path, limits: Limits) -> tuple[list[Run], UserError | None]:
    """Decode the default audio track; return it with an error if it is incomplete."""
    import av

    found: list[Run] = []
    refused: list[tuple[float, float]] = []
    taken: list[int] = []
    behind = last = 0.0
    try:
        with av.open(str(path), options=MEDIA_ONLY, metadata_errors="replace") as container:
            stream = audio_stream(container)
            packets = Packets(container, [stream])
            counted = _note_bytes(packets.of(stream), refused, taken)
            for run in limits.check(runs(counted, stream, refused)):
                found.append(run)
            declared = seconds_of_stream(container, stream)
            alone = declared is None and not moving_pictures(container)
            in_file = seconds_of_file(container) if alone else None
            if taken:
                behind = seconds_behind(container, path, (taken[0], taken[1]), _seconds(found))
            # Not the end of the last packet: some containers give it an endless duration.
            if stream.index in packets.spans and container.format.name not in UNTIMED:
                last = packets.spans[stream.index].last
    except RejectedError as error:
        return [], UserError(str(error))
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        if found:
            until = f"{_seconds(found):.2f} s"
            return found, UserError(
                f"damaged: only its first {until} can be decoded ({reason(error)})"
            )
        return [], NotSoundError(
            f"cannot be decoded as sound ({reason(error)});"
            " expected wav, flac, ogg, mp3 or another format that libav reads"
        )
    if not found:
        return [], None
    end = found[-1].end
    # Tags, and packets that were cut off, lie before and after the sound.
    lost = _length(span for span in refused if found[0].time < span[0] and span[1] < end)
    if lost > MAX_LOST:
        return found, UserError(f"damaged: {lost:.2f} s of its sound cannot be decoded")
    decoded = f"{_seconds(found):.2f} s can be decoded"
    tail = max(behind, last - end, _length(span for span in refused if span[1] >= end))
    if tail > MISSING:  # not left to libsndfile, which would make sound of such bytes
        raise UserError(f"damaged: {decoded}, about {tail:.2f} s after that cannot")
    early = declared is not None and _seconds(found) < declared - MISSING
    if in_file is not None and end < in_file - MISSING:
        declared = in_file
        with open_media(path) as container:
            early = early_end(container, declared, end) is not None
    if early:
        return found, UserError(
            f"damaged or truncated: it declares {declared:.2f} s of sound, {decoded}"
        )
    return found, None


def _note_bytes(
    packets: "Iterable[av.Packet[Any]]", refused: Sequence[Any], taken: list[int]
) -> "Iterator[av.Packet[Any]]":
    """Feed a decoder, and record in ``taken`` where the bytes that it accepts begin and end."""
    for packet in packets:
        count = len(refused)
        yield packet
        if packet.size and packet.pos is not None and len(refused) == count:
            taken[:] = [taken[0] if taken else packet.pos, packet.pos + packet.size]


def _length(spans: Iterable[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in spans)


def _read_with_soundfile(path: Path, limits: Limits) -> list[Run]:
    """Decode block by block, as the declared length may be a guess; return none on failure."""
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


def _blocks(file: "soundfile.SoundFile") -> Iterator[Run]:
    count = 0
    # Not by `file.blocks`, which wants a number of frames where a file cannot be searched.
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        yield Run(count / file.samplerate, mono, file.samplerate, block.shape[1])
        count += len(mono)
