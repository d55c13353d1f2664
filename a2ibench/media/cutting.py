"""Cut video, sound and picture files into segments of sound with their pictures.

A sample and a frame with the same time stamp belong together, whatever the container, the frame
rate (constant or not) and the delay of the codecs. Times count from where the file begins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from a2ibench.media.container import TOLERANCE, facts_of, open_media
from a2ibench.media.declared_length import check_whole
from a2ibench.media.decoded_runs import runs
from a2ibench.media.frames import Frames, LateError
from a2ibench.media.packets import Packets
from a2ibench.media.pictures import read_picture
from a2ibench.media.soundtrack import Soundtrack
from a2ibench.media.streams import audio_stream, video_stream
from a2ibench.types import FloatArray, ImageArray, RejectedError

WARM_UP = 1.0
"""Seconds of sound decoded before the part that is needed: audio decoders look back."""

INSIDE = {"centre": 0.5, "end": 1.0}
"""Moment at which a picture is taken → its share of the time before it."""


@dataclass(frozen=True)
class Cutting:
    """Options for cutting files.

    Attributes:
        seconds: length of a segment.
        hop: seconds from the start of one segment to the next.
        frames: pictures per segment; they share its sound.
        at: moment, as a share of its part of the segment, at which a picture is taken.
        most: maximum number of segments per file, evenly spread; 0 for all.
        image_size: S, side of the pictures in pixels.
        sample_rate: of the sounds, in hertz.
        audio_track: number of the audio track, from 1; 0 for the default one.
    """

    seconds: float
    hop: float
    frames: int
    at: Literal["centre", "end"]
    most: int
    image_size: int
    sample_rate: int
    audio_track: int = 0

    def frame_times(self, start: float) -> list[float]:
        """Return the times, in seconds, of the pictures of a segment that begins at ``start``."""
        inside = INSIDE[self.at]
        return [start + (i + inside) * self.seconds / self.frames for i in range(self.frames)]


@dataclass(frozen=True)
class Segment:
    """One sound and its pictures.

    Attributes:
        start: in seconds from where the file begins.
        audio: float32 ``[T]`` in [−1, 1].
        images: uint8 ``[S, S, 3]`` each, in order.
    """

    start: float
    audio: FloatArray
    images: tuple[ImageArray, ...]


@dataclass(frozen=True)
class Cut:
    """The segments of one file.

    Attributes:
        segments: the segments.
        rejected: start of each requested segment that cannot be used, and why.
        facts: container, codecs, length, sizes, rates.
    """

    segments: list[Segment]
    rejected: list[tuple[float, str]]
    facts: dict[str, Any]


def cut(
    path: Path,
    cutting: Cutting,
    starts: Sequence[float] | None = None,
    frames: Sequence[Sequence[float]] = (),
) -> Cut:
    """Cut a video.

    Args:
        path: any container that libav reads.
        cutting: the options.
        starts: start of each segment, in seconds from where the file begins, as in ``ffmpeg -ss``;
            None cuts the whole file by the hop, from the first moment whose segment has both sound
            and pictures.
        frames: times of the pictures of each of these segments; empty takes those that ``cutting``
            gives.

    Raises:
        RejectedError: the file is not a video, has no sound or picture, is damaged, or too short.
    """
    sound, facts, ends = _decode_sound(path, cutting, starts)
    rejected: list[tuple[float, str]] = []
    begins: list[float] = []
    for start in starts or ():
        if why := sound.lacks(start, cutting.seconds):
            rejected.append((start, _outside(start, cutting, why, ends)))
        else:
            begins.append(start)
    if starts is not None and not begins:
        return Cut([], rejected, facts)
    given = dict(zip(starts or (), frames, strict=False))
    begins, images = _decode_pictures(path, cutting, sound, begins, given)
    made: dict[float, list[ImageArray]] = {begin: [] for begin in begins}
    for begin, image in zip(begins, images, strict=True):
        if isinstance(image, str):
            made.pop(begin, None)
            if (begin, image) not in rejected:
                rejected.append((begin, image))
        elif begin in made:
            made[begin].append(image)
    for begin in list(made):
        if why := sound.lacks(begin, cutting.seconds):
            del made[begin]
            rejected.append((begin, _outside(begin, cutting, why, ends)))
    if starts is None and facts["seconds"] - sound.end >= cutting.seconds:
        rejected.append((sound.end, f"there is no sound from here on ({ends})"))
    segments = [
        Segment(begin, sound.piece(begin, cutting.seconds), tuple(pictures))
        for begin, pictures in made.items()
    ]
    return Cut(segments, rejected, facts)


def cut_with_picture(path: Path, picture: Path, cutting: Cutting) -> Cut:
    """Cut one segment from the middle of a sound file and join it to a picture file.

    Raises:
        RejectedError: the sound is too short, or either file cannot be read.
    """
    image = read_picture(picture, cutting.image_size)
    sound, facts, ends = _decode_sound(path, cutting, None, with_video=False)
    room = sound.end - sound.start - cutting.seconds
    if room < -TOLERANCE:
        raise RejectedError(
            f"the sound lasts {sound.end - sound.start:.2f} s; expected at least one segment of"
            f" {cutting.seconds:g} s"
        )
    begin = sound.start + max(0.0, room) / 2
    if why := sound.lacks(begin, cutting.seconds):
        return Cut([], [(begin, _outside(begin, cutting, why, ends))], facts)
    return Cut([Segment(begin, sound.piece(begin, cutting.seconds), (image,))], [], facts)


def _decode_sound(
    path: Path, cutting: Cutting, starts: Sequence[float] | None, with_video: bool = True
) -> tuple[Soundtrack, dict[str, Any], str]:
    """Return the sound, facts about the file, and a sentence on where sound and picture lie."""
    earliest, until = -math.inf, math.inf
    if starts is not None:
        earliest = min(starts, default=0.0) - WARM_UP
        until = max(starts, default=0.0) + cutting.seconds + WARM_UP
    with open_media(path) as container:
        # First, so that no sound is decoded in vain.
        video = video_stream(container) if with_video else None
        audio = audio_stream(container, cutting.audio_track)
        packets = Packets(container, [audio, video])
        refused: list[tuple[float, float]] = []
        sound = Soundtrack.read(
            runs(packets.of(audio, earliest), audio, refused), cutting.sample_rate, until
        )
        sound = sound.of_file(packets.spans[audio.index], packets.skipped, refused)
        if any(sound.lacks(start, cutting.seconds) for start in starts or ()):
            for _ in packets:
                pass  # to the end, which the messages name
        # Inside the block: streams of a closed container must not be used.
        heard = max(sound.end, packets.spans[audio.index].end)
        ends = f"the sound lasts {_from_to(sound.begin, heard)}"
        if video is not None and (shown := packets.spans.get(video.index)) is not None:
            ends += f", the picture {_from_to(shown.begin, shown.end)}"
        last = max(span.end for span in packets.spans.values())
        facts = facts_of(container, audio)
    if starts is None:
        check_whole(path, last)
        facts["seconds"] = last  # where clocks restart, libav gives the length of only one part
    return sound, facts, ends


def _decode_pictures(
    path: Path,
    cutting: Cutting,
    sound: Soundtrack,
    begins: list[float],
    given: Mapping[float, Sequence[float]],
) -> tuple[list[float], list[ImageArray | str]]:
    """Return each picture, and the start of its segment; by default those of the whole file.

    ``given`` holds the times of the pictures of segments that do not follow ``cutting``.
    """

    def moments(begin: float) -> Sequence[float]:
        return given.get(begin) or cutting.frame_times(begin)

    first = [min(min(moments(begin)) for begin in begins)] if begins else []
    for moment in (*first, -math.inf):
        with open_media(path) as container:
            video = video_stream(container)
            packets = Packets(container, [audio_stream(container, cutting.audio_track), video])
            try:
                frames = Frames(packets, video, cutting.image_size, moment)
            except LateError:
                continue
            if not begins:
                # The first segment may begin before the picture, as long as it has its frame.
                lead = cutting.frame_times(0.0)[0]
                begins = _grid(max(sound.start, frames.begin - lead), sound.end, cutting)
            wanted = [(begin, time) for begin in begins for time in moments(begin)]
            images = frames.at([time for _, time in wanted], sound.end)
            return [begin for begin, _ in wanted], images
    raise RejectedError("the video stream has no frame")


def _grid(base: float, end: float, cutting: Cutting) -> list[float]:
    """Return the starts of segments: every hop from ``base``, as long as they end by ``end``."""
    room = end - base - cutting.seconds + TOLERANCE
    if room < 0:
        raise RejectedError(
            f"sound and picture overlap for {max(0.0, end - base):.2f} s; expected at least one"
            f" segment of {cutting.seconds:g} s"
        )
    count = math.floor(room / cutting.hop) + 1
    chosen = np.arange(count)
    if cutting.most and count > cutting.most:
        chosen = np.linspace(0, count - 1, cutting.most).round().astype(int)
    return [base + int(i) * cutting.hop for i in chosen]


def _outside(start: float, cutting: Cutting, why: str, ends: str) -> str:
    return f"the segment from {start:g} s to {start + cutting.seconds:g} s {why} ({ends})"


def _from_to(begin: float, end: float) -> str:
    return f"from {round(begin, 2) + 0.0:.2f} s to {end:.2f} s"
