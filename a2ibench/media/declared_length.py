"""Compare the length that a media file declares with the length that it has."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from a2ibench.media.container import open_media
from a2ibench.media.packets import Packets
from a2ibench.types import RejectedError

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
"""Formats that store a length, of the file alone or also of each stream. For others, libav makes a
guess from the size of the file."""
UNSTORED = ("aac", "ac3", "eac3", "mp3", "mpegts")
"""Formats made of packets alone, where only the number of bytes shows that sound is missing."""
MISSING = 1.0
"""Seconds by which a file may end before its declared length."""
REST = 1 << 14
"""Number of bytes that may follow the last decoded packet, such as an unknown tag."""
TAGS = (b"APETAGEX", b"ID3", b"LYRICSBEGIN", b"TAG")
"""First bytes of the tags behind a sound; a picture in them may be of any size."""


def seconds_of_file(container: "InputContainer") -> float | None:
    """Return the declared length of a file in seconds; None where libav would guess it."""
    if container.duration is None or _format(container) not in STORED:
        return None
    return container.duration / 1e6


def seconds_of_stream(container: "InputContainer", stream: "av.AudioStream") -> float | None:
    """Return the declared length of a stream in seconds; None if its format stores none."""
    if STORED.get(_format(container)) != "stream":
        return None
    if stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def check_whole(path: Path, end: float) -> None:
    """Check that a file is as long as it declares.

    Args:
        path: the file.
        end: end of the last of the streams that were read, in seconds.

    Raises:
        RejectedError: all of its streams end long before that.
    """
    with open_media(path) as container:
        declared = seconds_of_file(container)
        if (last := early_end(container, declared, end)) is not None:
            raise RejectedError(f"truncated: it declares {declared:.2f} s and ends at {last:.2f} s")


def early_end(container: "InputContainer", declared: float | None, end: float) -> float | None:
    """Return the end of a file in seconds if it comes before the declared length, else None.

    Args:
        container: the file, freshly opened: its packets are read where that is necessary.
        declared: length in seconds, or None.
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


def seconds_behind(
    container: "InputContainer", path: Path, taken: tuple[int, int], seconds: float
) -> float:
    """Return the length of the bytes after a sound, at its own bytes per second; 0 for tags.

    Args:
        container: the file, opened.
        path: the file.
        taken: offsets of the sound's first byte and of the byte after its last one.
        seconds: length of the sound.
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
