"""Effects on a waveform, one for each change of a sound; at its neutral level, each returns the
waveform itself."""

import numpy as np
import numpy.typing as npt

from a2ibench.types import FloatArray

WINDOW = 2048
"""Samples of a window of the phase vocoder."""
DECAY = 6 * np.log(10)
"""60 dB, in units of the exponent of a decaying energy."""


def add_noise(waveform: FloatArray, snr: float, seed: int) -> FloatArray:
    """Add white Gaussian noise whose power is ``snr`` decibels below the waveform's.

    The waveform must not be silent.
    """
    noise = np.random.default_rng(seed).standard_normal(len(waveform))
    scale = rms(waveform) / rms(noise) * 10 ** (-snr / 20)
    return (waveform + scale * noise).astype(np.float32)


def change_tempo(waveform: FloatArray, factor: float) -> FloatArray:
    """Play ``factor`` times as fast at the same pitch, by a phase vocoder (Flanagan and Golden
    1966; ``librosa.effects.time_stretch``): the length is divided by the factor.

    The vocoder weakens what it stretches; the result is brought to the root mean square of the
    waveform, which must last a :data:`WINDOW` and not be silent.
    """
    if factor == 1:
        return waveform
    import librosa

    changed = librosa.effects.time_stretch(waveform, rate=factor, n_fft=WINDOW)
    weakened = rms(changed)
    return np.asarray(changed * (rms(waveform) / weakened if weakened else 1), dtype=np.float32)


def shift_pitch(waveform: FloatArray, semitones: float) -> FloatArray:
    """Raise the pitch in the same time: a phase vocoder changes the tempo, and resampling changes
    it back. What comes to lie above half the sample rate is lost.

    The waveform must last a :data:`WINDOW` and not be silent.
    """
    if semitones == 0:
        return waveform
    import librosa
    import soxr

    factor = 2 ** (semitones / 12)
    changed = soxr.resample(change_tempo(waveform, 1 / factor), factor, 1.0)
    return np.asarray(librosa.util.fix_length(changed, size=len(waveform)), dtype=np.float32)


def reverberate(waveform: FloatArray, rate: int, rt60: float, seed: int) -> FloatArray:
    """Let a sound decay by 60 dB in ``rt60`` seconds, as in a room.

    The impulse response is an impulse and, after it, white Gaussian noise of the same seed at every
    level, whose energy decays exponentially (Polack's model, 1988). As the reverberation of one
    room with more or less absorption, its energy grows in proportion to ``rt60``: at 1 s it is that
    of the direct sound. The result has the length of the waveform, which cuts off the last decay,
    and its root mean square. The waveform must not be silent.
    """
    if rt60 == 0:
        return waveform
    from scipy.signal import fftconvolve

    t = np.arange(1, max(2, min(round(rt60 * rate), len(waveform)))) / rate
    noise = np.random.default_rng(seed).standard_normal(len(t))
    tail = noise * np.exp(-DECAY / 2 * t / rt60) * np.sqrt(DECAY / rate)
    wet = fftconvolve(waveform, np.concatenate([[1.0], tail]))[: len(waveform)]
    return np.asarray(wet * (rms(waveform) / rms(wet)), dtype=np.float32)


def rms(waveform: npt.NDArray[np.floating]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
