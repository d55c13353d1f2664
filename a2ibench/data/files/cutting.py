"""Video, sound and picture files → segments of sound with their pictures.

Times are those of the file's own clock: a sample and a frame with the same time stamp belong
together, whatever the container, the frame rate (constant or not) and the delay of the codecs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from a2ibench.data.files.container import Opened, check_whole, facts_of, video_stream
from a2ibench.data.files.frames import PAST_THE_END, Frames
from a2ibench.data.files.pictures import read_picture
from a2ibench.data.files.soundtrack import Soundtrack
from a2ibench.data.types import FloatArray, ImageArray, RejectedError


@dataclass(frozen=True)
class Cutting:
    """How files are cut.

    Attributes:
        seconds: length of a sound.
        hop: seconds from the start of one segment to the next.
        frames: pictures a segment; they share its sound.
        at: where in its share of the segment a picture is taken: ``"centre"`` or ``"end"``.
        most: segments a file at most, evenly spread; 0 for all.
        image_size: S, side of the pictures in pixels.
        sample_rate: of the sounds, in hertz.
    """

    seconds: float
    hop: float
    frames: int
    at: Literal["centre", "end"]
    most: int
    image_size: int
    sample_rate: int

    def frame_times(self, start: float) -> list[float]:
        """When the pictures of a segment that begins at ``start`` are shown, in seconds."""
        inside = {"centre": 0.5, "end": 1.0}[self.at]
        return [start + (i + inside) * self.seconds / self.frames for i in range(self.frames)]


@dataclass(frozen=True)
class Segment:
    """One sound and its pictures.

    Attributes:
        start: in seconds, on the file's clock.
        audio: float32 ``[T]`` in [−1, 1].
        images: uint8 ``[S, S, 3]`` each, in order.
    """

    start: float
    audio: FloatArray
    images: tuple[ImageArray, ...]


@dataclass(frozen=True)
class Cut:
    """What one file gives.

    Attributes:
        segments: the segments.
        rejected: start of a segment that was asked for, and why it cannot be used.
        facts: container, codecs, length, sizes, rates.
    """

    segments: list[Segment]
    rejected: list[tuple[float, str]]
    facts: dict[str, Any]


def cut(path: Path, cutting: Cutting, starts: Sequence[float] | None = None) -> Cut:
    """Cuts a video.

    Args:
        path: any container that libav reads.
        cutting: how.
        starts: where the segments begin, in seconds; None cuts the whole file by the hop, from the
            first moment that has both sound and picture.

    Raises:
        RejectedError: not a video, without sound or picture, damaged, or too short.
    """
    with Opened(path) as container:
        video_stream(container)  # before the sound is decoded for nothing
        facts = facts_of(container)
        sound = Soundtrack.read(container, cutting.sample_rate, starts, cutting.seconds)
    if starts is None:
        check_whole(path, sound.end)
    with Opened(path) as container:
        frames = Frames(container, cutting.image_size, starts)
        rejected: list[tuple[float, str]] = []
        if starts is None:
            begins = _grid(max(sound.start, frames.begin), sound.end, cutting)
        else:
            begins, rejected = _inside(starts, sound, cutting)
        wanted = [(begin, time) for begin in begins for time in cutting.frame_times(begin)]
        images = frames.at([time for _, time in wanted])
    made: dict[float, list[ImageArray]] = {}
    for (begin, _), image in zip(wanted, images, strict=True):
        if isinstance(image, str):
            rejected.append((begin, image))
        else:
            made.setdefault(begin, []).append(image)
    lost = {begin for begin, _ in rejected}
    if starts is None:
        # The picture may end before the sound: what lies behind its end was not asked for.
        rejected = [(begin, why) for begin, why in rejected if why != PAST_THE_END]
    segments = [
        Segment(begin, sound.piece(begin, cutting.seconds), tuple(made[begin]))
        for begin in begins
        if begin not in lost
    ]
    if not segments and not rejected:
        raise RejectedError(
            f"the picture ends at {frames.end:.2f} s, before the first segment has its frame"
        )
    return Cut(segments, rejected, facts)


def cut_with_picture(path: Path, picture: Path, cutting: Cutting) -> Cut:
    """One segment, from the middle of a sound file, with a picture file.

    Raises:
        RejectedError: the sound is too short, or either file cannot be read.
    """
    image = read_picture(picture, cutting.image_size)
    with Opened(path) as container:
        facts = facts_of(container)
        sound = Soundtrack.read(container, cutting.sample_rate, None, cutting.seconds)
    check_whole(path, sound.end)
    room = sound.end - sound.start - cutting.seconds
    if room < -0.5 / cutting.sample_rate:
        raise RejectedError(
            f"the sound lasts {sound.end - sound.start:.2f} s; expected at least one segment of"
            f" {cutting.seconds:g} s"
        )
    begin = sound.start + max(0.0, room) / 2
    images = (image,) * cutting.frames
    return Cut([Segment(begin, sound.piece(begin, cutting.seconds), images)], [], facts)


def _grid(base: float, end: float, cutting: Cutting) -> list[float]:
    """Where segments begin: every hop from ``base``, as long as they end in time."""
    room = end - base - cutting.seconds
    # Half a sample: the end of a sound is known no better.
    count = int(np.floor((room + 0.5 / cutting.sample_rate) / cutting.hop)) + 1
    if room < -0.5 / cutting.sample_rate:
        raise RejectedError(
            f"sound and picture are together for {max(0.0, end - base):.2f} s; expected at least"
            f" one segment of {cutting.seconds:g} s"
        )
    chosen = np.arange(count)
    if cutting.most and count > cutting.most:
        chosen = np.linspace(0, count - 1, cutting.most).round().astype(int)
    return [base + int(i) * cutting.hop for i in chosen]


def _inside(
    starts: Sequence[float], sound: "Soundtrack", cutting: Cutting
) -> tuple[list[float], list[tuple[float, str]]]:
    """The given starts whose segments lie inside the sound, and those that do not."""
    slack = 0.5 / cutting.sample_rate
    begins: list[float] = []
    rejected: list[tuple[float, str]] = []
    for start in starts:
        if sound.start - slack <= start and start + cutting.seconds <= sound.end + slack:
            begins.append(start)
        else:
            rejected.append(
                (
                    start,
                    f"the segment from {start:g} s to {start + cutting.seconds:g} s lies outside"
                    f" the sound, which ends at {sound.end:.2f} s",
                )
            )
    return begins, rejected
