"""Pictures and sounds inside a page: data URIs, so that one file is all of it."""

import base64
import io
from pathlib import Path

import numpy as np

from a2ibench.media.audio import resample
from a2ibench.types import FloatArray, ImageArray

LONGEST = 10.0
"""Seconds of a sound that are played; the rest is cut off."""
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Sample rates of mp3, in hertz."""


def picture_uri(pixels: ImageArray) -> str:
    """Return pixels as the data URI of a PNG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(stream, "PNG", optimize=True)
    return _uri("image/png", stream)


def png_uri(path: Path) -> str:
    """Return the data URI of a PNG file, as it is."""
    return _uri("image/png", io.BytesIO(path.read_bytes()))


def sound_uri(waveform: FloatArray, rate: int) -> str:
    """Return a sound as the data URI of an mp3, which every browser plays."""
    import soundfile

    cut = waveform[: int(LONGEST * rate)]
    if rate not in RATES:
        cut, rate = resample(cut, rate, 22_050), 22_050
    stream = io.BytesIO()
    soundfile.write(stream, cut, rate, format="MP3", subtype="MPEG_LAYER_III")
    return _uri("audio/mpeg", stream)


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
