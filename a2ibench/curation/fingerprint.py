"""Fingerprint sounds in a way that loudness, codecs and other cuts hardly change.

After Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): every 12 ms
yields a code of 31 bits. Each bit is the sign of the change over time of the difference between two
neighbouring mel bands. Loudness cancels out, and codecs flip few bits.
"""

import numpy as np
import numpy.typing as npt

from a2ibench.media.audio import resample
from a2ibench.types import FloatArray, IntArray

RATE = 8_000
"""Sample rate in hertz: the bands end below half of it."""
WINDOW, HOP = 1_536, 96
"""Lengths in samples: 192 ms, 12 ms. The long overlap makes cuts between two frames harmless."""
BITS = 31
LOWEST, HIGHEST = 200.0, 3_800.0
"""Limits of the bands in hertz: every codec keeps them, and sounds at 8 kHz contain them."""
HEARD = np.uint32(1 << BITS)
"""Bit of a code that marks an audible frame."""
FAINT = -45.0
"""Power of a frame, in dB relative to the whole sound, below which its code is noise. As a relative
limit, it selects the same frames in a softer copy."""
INAUDIBLE = -90.0
"""The same limit in dBFS, for faint sounds: half a step of 16 bits."""
CHUNK = 64
"""Number of windows that are transformed at once: their spectra stay in the processor's cache."""

Codes = npt.NDArray[np.uint32]

_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def frames(length: IntArray, rate: int) -> IntArray:
    """Return the number of codes of sounds of these lengths in samples."""
    samples = length * RATE // rate
    return np.maximum(0, (samples - WINDOW) // HOP).astype(np.int64)


def mel_bands() -> FloatArray:
    """Return the weights of the mel bands: float32 ``[BITS + 1, WINDOW / 2 + 1]``."""
    from a2ibench.nn.compiled import librosa

    bands: FloatArray = librosa.filters.mel(
        sr=RATE, n_fft=WINDOW, n_mels=BITS + 1, fmin=LOWEST, fmax=HIGHEST
    )
    return bands


def fingerprint(waveform: FloatArray, rate: int, bands: FloatArray | None = None) -> Codes:
    """Compute the codes of a sound: uint32 ``[F]``; none if it is too short.

    Args:
        waveform: float32 ``[T]``.
        rate: sample rate in hertz.
        bands: the mel bands, if already computed.
    """
    import scipy.fft

    count = int(frames(np.array(len(waveform)), rate))
    if count == 0:
        return np.zeros(0, dtype=np.uint32)
    bands = (mel_bands() if bands is None else bands).T
    samples = resample(waveform, rate, RATE)
    needed = WINDOW + count * HOP
    samples = np.pad(samples[:needed], (0, max(0, needed - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    square, mel = np.empty(count + 1, np.float32), np.empty((count + 1, BITS + 1), np.float32)
    for start in range(0, count + 1, CHUNK):
        part = slice(start, start + CHUNK)
        spectrum = scipy.fft.rfft(windows[part] * _HANN, axis=1)
        power = spectrum.real**2
        power += spectrum.imag**2
        # Parseval: the mean square of the samples under a Hann window, whose mean square is 3/8.
        square[part] = 2 * power.sum(axis=1) / WINDOW**2 / 0.375
        mel[part] = np.log(power @ bands + 1e-10)
    heard = square > max(10 ** (FAINT / 10) * square.mean(), 10 ** (INAUDIBLE / 10))
    change = np.diff(np.diff(mel, axis=1), axis=0)
    weights = np.uint32(1) << np.arange(BITS, dtype=np.uint32)
    codes = ((change > 0) * weights).sum(axis=1, dtype=np.uint32)
    return np.asarray(codes | np.where(heard[1:] & heard[:-1], HEARD, np.uint32(0)))
