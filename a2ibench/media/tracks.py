"""Which of the streams of a media file is taken."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from a2ibench.types import RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream

    S = TypeVar("S", bound=Stream)


def default(streams: "Sequence[S]") -> "S":
    """The stream that its container marks as the default one, else the first.

    Raises:
        RejectedError: nothing decodes it.
    """
    from av.stream import Disposition

    marked = [stream for stream in streams if stream.disposition & Disposition.default]
    return _decodable((marked or streams)[0])


def _decodable(stream: "S") -> "S":
    if stream.codec_context is None:
        raise RejectedError(f"its {stream.type} stream is of a codec that nothing here decodes")
    return stream


def audio_stream(container: "InputContainer", track: int = 0) -> "av.AudioStream":
    """An audio track of a file.

    Args:
        container: the file.
        track: its number among the audio tracks, from 1; 0 for the default one.

    Raises:
        RejectedError: there is none, or none of this number, or nothing decodes it.
    """
    streams = container.streams.audio
    if not streams:
        raise RejectedError("no audio stream: there is no sound in the file")
    if track > len(streams):
        raise RejectedError(f"no audio track {track} in it: it has {len(streams)}")
    return _decodable(streams[track - 1]) if track else default(streams)
