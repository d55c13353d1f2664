"""Media files of unknown origin, opened through libav: what cannot be used is said, not raised."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.media.audio import MEDIA_ONLY
from a2ibench.media.declared import early_end, seconds_of_file
from a2ibench.media.pictures import check_pixels
from a2ibench.media.tracks import default
from a2ibench.types import RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

TOLERANCE = 0.05
"""Seconds, about one frame, by which sound and picture may begin or end apart."""


class Opened:
    """A container as a context; what libav says becomes a :class:`RejectedError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "InputContainer":
        import av

        if self._path.stat().st_size == 0:
            raise RejectedError("the file is empty (0 bytes)")
        try:
            self._container = av.open(
                str(self._path),
                options=MEDIA_ONLY,
                metadata_errors="replace",
            )
        except PermissionError:
            raise
        except (av.FFmpegError, ValueError, OSError) as error:
            raise RejectedError(
                f"not a video or sound that can be read ({_said(error)})"
            ) from error
        return self._container

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        import av

        self._container.close()
        if isinstance(error, (av.FFmpegError, ValueError)):
            raise RejectedError(f"damaged: it cannot be decoded ({_said(error)})") from error


def _said(error: BaseException) -> str:
    import av

    text = error.strerror if isinstance(error, av.FFmpegError) else str(error)
    return text or type(error).__name__


def video_stream(container: "InputContainer") -> "av.VideoStream":
    """The default video stream; a cover picture of a sound file is none.

    Raises:
        RejectedError: there is none, or one of impossible size.
    """
    from av.stream import Disposition

    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise RejectedError("no video stream in it")
    stream = default(streams)
    check_pixels(stream.codec_context.width, stream.codec_context.height)
    return stream


def facts_of(container: "InputContainer", audio: "av.AudioStream") -> dict[str, Any]:
    """Plain facts for the data card.

    Args:
        container: the file.
        audio: the track that is taken.
    """
    context = audio.codec_context
    facts: dict[str, Any] = {
        "container": container.format.name.split(",")[0],
        "seconds": container.duration / 1e6 if container.duration else None,
        "audio_tracks": len(container.streams.audio),
        "audio_track": container.streams.audio.index(audio) + 1,
        "audio_codec": context.name,
        "sample_rate": context.sample_rate,
        "channels": context.channels,
    }
    for video in container.streams.video[:1]:
        if video.codec_context is None:  # an unknown codec, beside a sound
            continue
        rate = video.average_rate
        facts |= {
            "video_codec": video.codec_context.name,
            "width": video.codec_context.width,
            "height": video.codec_context.height,
            "frame_rate": float(rate) if rate else None,
            "pixel_format": video.codec_context.pix_fmt,
        }
    return facts


def check_whole(path: Path, end: float) -> None:
    """Whether a file ends where it says.

    Args:
        path: the file.
        end: where the last of the streams that were read ends, in seconds.

    Raises:
        RejectedError: all of its streams end long before.
    """
    with Opened(path) as container:
        declared = seconds_of_file(container)
        if (last := early_end(container, declared, end)) is not None:
            raise RejectedError(f"truncated: it declares {declared:.2f} s, {last:.2f} s are there")
