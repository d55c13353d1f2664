"""A clip on disk, and the options of cutting and splitting that all layouts share."""

from dataclasses import dataclass
from typing import Literal

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
    """

    file: str
    label: str
    source: str
    split: Split | None = None
    starts: tuple[float, ...] | None = None
    picture: str | None = None


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
    folds: int = option(5, "one source in this many is a test source", minimum=2, maximum=1000)
    fold: int = option(0, "number of the fold that is the test side", minimum=0, maximum=999)
    seed: int = option(0, "seed of the split", minimum=0)
