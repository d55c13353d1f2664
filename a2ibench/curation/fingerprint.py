"""Fingerprint sounds in a way that loudness, codecs and other cuts hardly change.

After Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): every 12 ms
yields a code of 31 bits. Each bit is the sign of the change over time of the difference between two
neighbouring mel bands. Loudness cancels out, and codecs flip few bits. The power in a band is that
of short windows, averaged over a longer time (Welch's method).
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from a2ibench.media.audio import resample
from a2ibench.types import FloatArray, IntArray

RATE = 8_000
"""Lowest sample rate in hertz at which sounds are transformed: the bands end below half of it. From
four times this rate on, sounds are brought down to between two and four times."""
WINDOW, HOP = 0.064, 0.012
"""Seconds of the windows that are transformed, and between two codes."""
STEP = 2
"""Number of hops from one window to the next."""
AVERAGED = 12
"""Number of hops over which the power of windows is averaged, with a Hann weight. Together they
last about 190 ms: the long overlap makes cuts between two codes harmless."""
SPAN = 16
"""Duration of the windows of one code, as a number of hops."""
BITS = 31
LOWEST, HIGHEST = 200.0, 3_800.0
"""Limits of the bands in hertz: every codec keeps them, and sounds at 8 kHz contain them."""
HEARD = np.uint32(1 << BITS)
"""Bit of a code that marks an audible frame."""
FAINT = -45.0
"""Power of a frame, in dB relative to the whole sound, below which its code is noise. As a relative
limit, it selects the same frames in a softer copy. Only power between the limits counts."""
INAUDIBLE = -90.0
"""The same limit in dBFS, for faint sounds: half a step of 16 bits."""
CHUNK = 64
"""Number of windows that are transformed, and of codes that are averaged for, at once: they stay in
the processor's cache."""

Codes = npt.NDArray[np.uint32]


def _weights() -> FloatArray:
    """Return the weights of windows, every ``STEP`` hops, in the averages at ``CHUNK`` hops."""
    hann = np.hanning(AVERAGED + 2)[1:-1]
    found = np.zeros((CHUNK, (CHUNK + AVERAGED) // STEP), np.float32)
    for hop in range(CHUNK):
        windows = np.arange(-hop % STEP, AVERAGED, STEP)
        found[hop, (hop + windows) // STEP] = hann[windows] * STEP / hann.sum()
    return found


_WEIGHTS = _weights()


@dataclass(frozen=True)
class _Analysis:
    """Numbers that the sample rate of a sound determines.

    Attributes:
        rate: that of the sound when it is transformed.
        hann: float32 ``[W]``, the window.
        hop: number of samples between two windows.
        length: number of samples that one code's windows span.
        bins: the frequencies between the limits.
        bands: float32 ``[bins, BITS + 2]``, weights of the mel bands; the last column adds up to
            the mean square of the samples.
    """

    rate: int
    hann: FloatArray
    hop: int
    length: int
    bins: slice
    bands: FloatArray


@functools.cache
def _analysis(rate: int) -> _Analysis:
    import scipy.fft

    rate = max(RATE, rate // max(1, rate // (2 * RATE)))
    window, hop = scipy.fft.next_fast_len(round(WINDOW * rate), real=True), round(HOP * rate)
    hann = np.hanning(window + 1)[:-1]
    frequency = np.fft.rfftfreq(window, 1 / rate)
    low, high = np.searchsorted(frequency, [LOWEST, HIGHEST])
    lowest, highest = _mel(np.array([LOWEST, HIGHEST]))
    place = (BITS + 2) * (_mel(frequency[low:high]) - lowest) / (highest - lowest)
    bands = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(1, BITS + 2)))
    power = np.full((len(place), 1), 2 / window / (hann**2).sum())  # by Parseval
    return _Analysis(
        rate,
        hann.astype(np.float32),
        hop,
        window + (AVERAGED - 1) * hop,
        slice(low, high),
        np.hstack([bands, power]).astype(np.float32),
    )


def _mel(frequency: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Convert hertz to mels: linear up to 1 kHz, logarithmic above (Slaney, 1998)."""
    above = 15 + 27 * np.log(np.maximum(frequency, 1_000) / 1_000) / np.log(6.4)
    return np.asarray(np.where(frequency < 1_000, 3 * frequency / 200, above))


def frames(length: IntArray, rate: int) -> IntArray:
    """Return the number of codes of sounds of these lengths in samples."""
    analysis = _analysis(rate)
    samples = length * analysis.rate // rate
    return np.maximum(0, (samples - analysis.length) // analysis.hop).astype(np.int64)


def fingerprint(waveform: FloatArray, rate: int) -> Codes:
    """Compute the codes of a sound: uint32 ``[F]``; none if it is too short.

    Codes of sounds of different rates cannot be compared.

    Args:
        waveform: float32 ``[T]``.
        rate: sample rate in hertz.
    """
    import scipy.fft

    count = int(frames(np.array(len(waveform)), rate))
    if count == 0:
        return np.zeros(0, dtype=np.uint32)
    analysis = _analysis(rate)
    samples = resample(waveform, rate, analysis.rate)
    power = np.empty((-(-(count + AVERAGED) // STEP), BITS + 2), np.float32)
    step, window = STEP * analysis.hop, len(analysis.hann)
    if (missing := (len(power) - 1) * step + window - len(samples)) > 0:
        samples = np.pad(samples, (0, missing))
    strides = step * samples.strides[0], samples.strides[0]
    windows = np.lib.stride_tricks.as_strided(samples, (len(power), window), strides)
    for start in range(0, len(power), CHUNK):
        part = slice(start, start + CHUNK)
        spectrum = scipy.fft.rfft(windows[part] * analysis.hann, axis=1)[:, analysis.bins]
        power[part] = (spectrum.real**2 + spectrum.imag**2) @ analysis.bands
    average = np.empty((count + 1, BITS + 2), np.float32)
    for start in range(0, count + 1, CHUNK):
        at = average[start : start + CHUNK]
        some = power[start // STEP :][: _WEIGHTS.shape[1]]
        np.matmul(_WEIGHTS[: len(at), : len(some)], some, out=at)
    square = average[:, -1]
    heard = square > max(10 ** (FAINT / 10) * square.mean(), 10 ** (INAUDIBLE / 10))
    mel = np.log(average[:, :-1] + 1e-10)
    bits = np.empty((count, BITS + 1), dtype=np.bool_)
    slope = np.diff(mel, axis=1)
    bits[:, :-1] = slope[1:] > slope[:-1]
    bits[:, -1] = heard[1:] & heard[:-1]
    return np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
