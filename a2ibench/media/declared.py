"""The length that a media file declares, and whether all of it is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from a2ibench.media.packets import Packets

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

STORED: dict[str, Literal["file", "stream"]] = {
    "asf": "file",
    "avi": "file",
    "flac": "stream",
    "matroska": "file",
    "mov": "stream",
    "wav": "file",
}
"""Formats that store a length: that of the file alone, or that of each stream as well. That of
others is guessed from the size of the file.
"""
UNSTORED = ("aac", "ac3", "eac3", "mp3", "mpegts")
"""Formats of packets alone, where nothing but bytes tells that sound is missing."""
MISSING = 1.0
"""Seconds that a file may end before the length it declares."""
REST = 1 << 14
"""Bytes behind the last packet that is decoded, be it of a tag that is unknown here."""
TAGS = (b"APETAGEX", b"ID3", b"LYRICSBEGIN", b"TAG")
"""How tags behind a sound begin; a picture in them may be of any size."""


def seconds_of_file(container: "InputContainer") -> float | None:
    """What a file declares, in seconds; None where that is a guess."""
    if container.duration is None or _format(container) not in STORED:
        return None
    return container.duration / 1e6


def seconds_of_stream(container: "InputContainer", stream: "av.AudioStream") -> float | None:
    """What a file declares of one of its streams, in seconds; None where it does not."""
    if STORED.get(_format(container)) != "stream":
        return None
    if stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def early_end(container: "InputContainer", declared: float | None, end: float) -> float | None:
    """Where a file ends, in seconds, if that is before the length that it declares.

    Args:
        container: the file. Its packets are read where that is needed: it is to be freshly opened.
        declared: in seconds, or None.
        end: where the streams that were read end, in seconds from where the file begins.
    """
    # Some containers count from zero, whenever their first stream begins.
    origin = max(0.0, (container.start_time or 0) / 1e6)
    if declared is None or end + origin >= declared - MISSING:
        return None
    packets = Packets(container, container.streams)
    for _ in packets:
        pass
    last = max((span.end for span in packets.spans.values()), default=0.0)
    return last if last + origin < declared - MISSING else None


def pictured(container: "InputContainer") -> bool:
    """Whether there is a picture that moves; a cover does not."""
    from av.stream import Disposition

    covers = Disposition.attached_pic
    return any(not stream.disposition & covers for stream in container.streams.video)


def seconds_behind(
    container: "InputContainer", path: Path, taken: tuple[int, int], seconds: float
) -> float:
    """The length of the bytes behind a sound, by its own bytes per second; 0 for tags.

    Args:
        container: the file, opened.
        path: the file.
        taken: where the bytes of the sound begin and end.
        seconds: how long it lasts.
    """
    first, last = taken
    rest = container.size - last
    name = _format(container)
    mixed = name == "mpegts" and len(container.streams) > 1
    if name not in UNSTORED or mixed or rest <= REST or last <= first:
        return 0.0
    with path.open("rb") as file:
        file.seek(last)
        begin = file.read(2048)
    return 0.0 if any(tag in begin for tag in TAGS) else rest * seconds / (last - first)


def _format(container: "InputContainer") -> str:
    return container.format.name.split(",")[0]
