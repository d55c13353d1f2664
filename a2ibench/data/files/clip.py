"""A clip on disk, and the options of cutting and splitting that all layouts share."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from a2ibench.config import option
from a2ibench.media.pictures import FORMATS
from a2ibench.types import Split

VIDEOS = {
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".ogv", ".ts", ".webm", ".wmv"),
}
SOUNDS = {
    *(".aac", ".aif", ".aiff", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav"),
    ".wma",
}
PICTURES = frozenset(FORMATS)
LONGEST = 86_400
"""Largest time in a file that a list may name, in seconds: with a slip of the unit, an event would
be a list of millions of segments."""


@dataclass(frozen=True)
class Clip:
    """One file to cut.

    Attributes:
        file: its path, relative to the dataset's folder.
        label: the class.
        source: the clip, video or recording that it comes from; a source is on one side of the
            split only.
        split: the side, where the layout fixes it.
        starts: start of each segment, in seconds from where the file begins, as in ``ffmpeg -ss``;
            None for the whole file.
        picture: a picture file that goes with a sound file, relative as well.
        frames: times of the pictures of each segment, in seconds as ``starts``; empty where
            ``at`` and ``frames`` of the configuration say when they are.
        track: audio track of the file, counted from 1; 0 for that of the configuration.
        labels: further classes.
        audible: those of its classes that are heard; None where that is not known.
        visible: those of its classes that are seen; None where that is not known.
        licence: of the file; empty if not stated.
        url: where the file comes from; empty if not stated.
        begins: time of the source, in seconds, at which the file begins; None where the list does
            not say so.
    """

    file: str
    label: str
    source: str
    split: Split | None = None
    starts: tuple[float, ...] | None = None
    picture: str | None = None
    frames: tuple[tuple[float, ...], ...] = ()
    track: int = 0
    labels: tuple[str, ...] = ()
    audible: tuple[str, ...] | None = None
    visible: tuple[str, ...] | None = None
    licence: str = ""
    url: str = ""
    begins: float | None = None

    @property
    def stated(self) -> dict[str, Any]:
        """The words of the list: the first six fields, and those others that it gives."""
        values = vars(self)
        return {
            one.name: values[one.name]
            for i, one in enumerate(fields(self))
            if i < 6 or values[one.name] != one.default
        }

    @property
    def unseen(self) -> bool:
        """Whether its class is known not to be seen."""
        return self.visible is not None and self.label not in self.visible


@dataclass(frozen=True)
class ClipConfig:
    """Options of cutting and splitting, the same for every layout."""

    seconds: float = option(4.0, "length of a sound", minimum=0.25, maximum=60.0)
    hop: float = option(
        4.0, "seconds from the start of one segment to the next", minimum=0.05, maximum=3600.0
    )
    frames: int = option(1, "pictures per segment; they share its sound", minimum=1, maximum=100)
    at: Literal["centre", "end"] = option("centre", "moment of a segment that its picture shows")
    most: int = option(0, "most segments per file, evenly spread; 0 for all", minimum=0)
    audio_track: int = option(
        0, "audio track of a file, counted from 1; 0 for its default one", minimum=0, maximum=99
    )
    image_size: int = option(64, "side of the pictures in pixels", minimum=16, maximum=1024)
    several: Literal["drop", "keep"] = option(
        "drop",
        "segments that are listed under several classes: drop them, or keep each under one of them,"
        " with the others as further labels",
    )
    unseen: Literal["keep", "drop"] = option(
        "keep", "clips whose class is heard but known not to be seen"
    )
    folds: int = option(5, "one source in this many is a test source", minimum=2, maximum=1000)
    fold: int = option(0, "number of the fold that is the test side", minimum=0, maximum=999)
    seed: int = option(0, "seed of the split", minimum=0)

    def starts(self, begin: float, end: float) -> tuple[float, ...]:
        """Return the starts of the segments that lie inside an event, every hop.

        ``begin`` and ``end`` are its first and last moment, in seconds.
        """
        room = end - begin - self.seconds
        count = math.floor(room / self.hop + 1e-9) + 1 if room >= 0 else 0
        return tuple(begin + i * self.hop for i in range(count))
