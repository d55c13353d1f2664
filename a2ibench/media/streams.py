"""Choose the streams of a media file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from a2ibench.media.pictures import check_pixels
from a2ibench.types import RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream

    S = TypeVar("S", bound=Stream)

BIG_ENDIAN = b"RIFX"
"""Beginning of a wav file whose samples have their largest byte first; libav takes it for the last
one."""


def audio_stream(container: "InputContainer", track: int = 0) -> "av.AudioStream":
    """Return an audio track.

    Args:
        container: the file.
        track: its number among the audio tracks, from 1; 0 for the default one.

    Raises:
        RejectedError: the file has no audio, no track of this number, no codec for it is known, or
            it is a wav file in an order of bytes that libav takes for another.
    """
    streams = container.streams.audio
    if not streams:
        raise RejectedError("no audio stream: there is no sound in the file")
    if track > len(streams):
        raise RejectedError(f"no audio track {track}: the file has {len(streams)}")
    stream = _decodable(streams[track - 1] if track else _default(streams))
    if container.format.name == "wav" and _begins_with(Path(container.name), BIG_ENDIAN):
        raise RejectedError(
            "a big-endian wav file (RIFX), which libav decodes to noise; write it as an ordinary"
            " one (`sox FILE new.wav`)"
        )
    return stream


def video_stream(container: "InputContainer") -> "av.VideoStream":
    """Return the default video stream.

    Raises:
        RejectedError: the file has no video, or its size or codec cannot be decoded.
    """
    if not (streams := moving_pictures(container)):
        raise RejectedError("no video stream in the file")
    stream = _decodable(_default(streams))
    check_pixels(stream.codec_context.width, stream.codec_context.height)
    return stream


def moving_pictures(container: "InputContainer") -> "list[av.VideoStream]":
    """Return the video streams, without the cover picture of a sound file."""
    from av.stream import Disposition

    cover = Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def _default(streams: "Sequence[S]") -> "S":
    """Return the stream that its container marks as the default one, else the first."""
    from av.stream import Disposition

    marked = [stream for stream in streams if stream.disposition & Disposition.default]
    return (marked or streams)[0]


def _decodable(stream: "S") -> "S":
    if stream.codec_context is None:
        raise RejectedError(f"no decoder for its {stream.type} stream: unknown codec")
    return stream


def _begins_with(path: Path, expected: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(expected)) == expected
