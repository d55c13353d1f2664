"""Open media files of unknown origin through libav."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.types import RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

MEDIA_ONLY = {
    "format_whitelist": (
        "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,flac,flv,gxf,ivf,matroska,mov,mp3,mpeg,mpegts,mxf,"
        "nut,ogg,rm,swf,tta,vc1t,w64,wav,wv"
    ),
    "protocol_whitelist": "file",
}
"""Formats that libav may open. Playlists and scripts, which make it open other files, are not among
them."""
TOLERANCE = 0.05
"""Seconds, about one frame, by which the beginnings or ends of sound and picture may differ."""


@contextmanager
def open_media(path: Path) -> Iterator["InputContainer"]:
    """Open a container; turn libav's errors, also those in the block, into rejections.

    Raises:
        RejectedError: the file is empty, not a media file, or damaged.
        PermissionError: the file may not be read.
        MemoryError: it needs more memory than there is.
    """
    import av

    if path.stat().st_size == 0:
        raise RejectedError("the file is empty (0 bytes)")
    try:
        container = av.open(str(path), options=MEDIA_ONLY, metadata_errors="replace")
    except (PermissionError, MemoryError):
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise RejectedError(f"not a readable video or sound file ({reason(error)})") from error
    with container:
        try:
            yield container
        except MemoryError:  # that of libav is one as well
            raise
        except (av.FFmpegError, ValueError) as error:
            raise RejectedError(f"damaged: it cannot be decoded ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """Return an error of libav in words, without the number and the path that PyAV adds."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def facts_of(container: "InputContainer", audio: "av.AudioStream") -> dict[str, Any]:
    """Return format, length, codecs, sizes and rates of a file, for the data card.

    Args:
        container: the file.
        audio: the audio track in use.
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
