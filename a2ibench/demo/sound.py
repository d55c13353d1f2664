"""Decode uploaded sounds within limits; compute their curve and spectrogram."""

from pathlib import Path

import numpy as np

from a2ibench.child_process import Child
from a2ibench.errors import UserError
from a2ibench.media.audio import resample
from a2ibench.media.isolated_decoding import decode_apart
from a2ibench.media.sound_file import Limits, NotSoundError, read_sound
from a2ibench.nn.spectra import decibels, mel_bands, power_spectrogram
from a2ibench.types import FloatArray, ImageArray

MAX_BYTES = 32 * 2**20
MAX_SECONDS = 300
MAX_SAMPLES = 2**26
"""Largest number of samples over all channels: 300 s of stereo at 96 kHz. A file of a few kilobytes
can hold 300 s of eight channels at 655 kHz.
"""

MEMORY = 2 * 2**30
"""Bytes of memory for decoding a sound."""
SECONDS = 30.0
"""Time limit for decoding a sound, during which other requests wait."""

RATE = 22_050
WINDOW = 1024
BANDS = 64
COLUMNS = 800
"""Largest number of columns of the spectrogram and the curve."""
RANGE = 80.0
"""Decibels below the loudest band that are black."""


def decode(path: Path, child: Child) -> tuple[FloatArray, int]:
    """Decode an uploaded file in a separate process; messages do not name it.

    Returns:
        float32 ``[T]``, mono, and its sample rate.

    Raises:
        UserError: it is not a sound, it has more than :data:`MAX_SECONDS` or
            :data:`MAX_SAMPLES`, or the decoder crashes on it or takes more than :data:`MEMORY` or
            :data:`SECONDS`.
    """
    try:
        return decode_apart(_decode, path, child, MEMORY, SECONDS)
    except UserError as error:
        said = str(error).removeprefix(f"{path}: ").replace(str(path), "sound")
        raise UserError(said) from None


def _decode(path: Path) -> tuple[FloatArray, int]:
    if path.stat().st_size == 0:
        raise UserError("the file is empty (0 bytes)")
    try:
        return read_sound(path, Limits(MAX_SECONDS, MAX_SAMPLES))
    except NotSoundError:
        raise UserError(
            "the file is not a sound that can be decoded; expected wav, mp3, flac, ogg, m4a, webm"
        ) from None


def curve(waveform: FloatArray) -> list[list[float]]:
    """Return the lowest and highest sample of each of at most :data:`COLUMNS` pieces, in order."""
    starts = np.unique(np.linspace(0, len(waveform), COLUMNS, endpoint=False).astype(np.int64))
    low = np.minimum.reduceat(waveform, starts)
    high = np.maximum.reduceat(waveform, starts)
    return np.stack([low, high], axis=1).astype(np.float64).round(3).tolist()


def spectrogram(waveform: FloatArray, rate: int) -> ImageArray:
    """Paint mel bands from 0 Hz (bottom) to 11,025 Hz in decibels: uint8 ``[64, columns, 3]``."""
    import matplotlib

    mono = resample(waveform, rate, RATE)
    mono = np.pad(mono, (0, max(0, WINDOW - len(mono))))
    hop = max(WINDOW // 4, -(-len(mono) // COLUMNS))
    bands = mel_bands("spectrogram", RATE, WINDOW, BANDS, htk=False)
    level = decibels(bands @ power_spectrogram(mono, WINDOW, hop, "hann"))
    shade = np.clip((level - level.max()) / RANGE + 1, 0, 1)
    coloured = matplotlib.colormaps["magma"](shade[::-1], bytes=True)
    return np.ascontiguousarray(coloured[..., :3])
