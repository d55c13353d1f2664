"""Short-time spectra and their statistics over time, for hand-made acoustic features."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from a2ibench.errors import UserError
from a2ibench.types import FloatArray

Frames = npt.NDArray[np.floating[Any]]
"""``[C, frames]``, or one column of it; of the precision that went in."""

FLOOR = 1e-10
"""Smallest power relative to full scale, −100 dB, so that silence has a logarithm."""
PRE_EMPHASIS = 0.97


def statistics_over_time(
    waveforms: FloatArray, min_samples: int, frames: Callable[[FloatArray], Frames]
) -> FloatArray:
    """Return the mean and the standard deviation over time of each waveform's frames.

    ``frames`` maps float32 ``[T]`` to ``[C, frames]``. It is called for one waveform at a time,
    which keeps memory flat in their number.

    Shapes: float32 ``[n, T]``, T ≥ ``min_samples`` → float32 ``[n, 2 C]``: the means, then the
    standard deviations.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] < min_samples:
        raise ValueError(f"expected [n, T ≥ {min_samples}], got {waveforms.shape}")
    each = (frames(np.asarray(waveform, dtype=np.float32)) for waveform in waveforms)
    return np.array([[*x.mean(axis=1), *x.std(axis=1)] for x in each], dtype=np.float32)


def power_spectrogram(waveform: Frames, n_fft: int, hop: int, window: str) -> Frames:
    """Compute |STFT|² without padding at the ends: ``[T]`` → ``[n_fft / 2 + 1, frames]``.

    The precision is the waveform's. Windows are ``n_fft`` samples long and ``hop`` apart; their
    name is SciPy's, and they are taken periodic.
    """
    from a2ibench.nn.compiled import librosa

    spectrum = librosa.stft(waveform, n_fft=n_fft, hop_length=hop, window=window, center=False)
    power: Frames = np.abs(spectrum) ** 2
    return power


def decibels(power: Frames) -> Frames:
    """Compute 10 log₁₀, relative to full scale, not below −100."""
    from a2ibench.nn.compiled import librosa

    level: Frames = librosa.power_to_db(power, ref=1.0, amin=FLOOR, top_db=None)
    return level


def mel_bands(owner: str, sample_rate: int, n_fft: int, n_mels: int, *, htk: bool) -> FloatArray:
    """Make triangular mel filters from 0 Hz to half the sample rate: ``[n_mels, n_fft / 2 + 1]``.

    With ``htk``, m = 2595 log₁₀(1 + f / 700) and peaks of 1, as in the HTK book; without, Slaney's
    scale and triangles of equal area. ``owner`` has the option ``n_mels``, for the message.

    Raises:
        UserError: the bands are narrower than the window resolves, so that some would be empty.
    """
    from a2ibench.nn.compiled import librosa

    centres = librosa.mel_frequencies(n_mels + 2, fmin=0.0, fmax=sample_rate / 2, htk=htk)
    bins = librosa.fft_frequencies(sr=sample_rate, n_fft=n_fft)
    inside = ((bins > centres[:-2, None]) & (bins < centres[2:, None])).any(axis=1)
    if not inside.all():
        raise UserError(
            f"option {owner}.n_mels={n_mels}: with n_fft={n_fft}, {np.count_nonzero(~inside)} of"
            " the bands hold no frequency; use fewer bands or a longer window"
        )
    bands: FloatArray = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=n_mels, htk=htk, norm=None if htk else "slaney"
    )
    return bands


def log_filterbank(waveform: FloatArray, bands: FloatArray, n_fft: int, hop: int) -> Frames:
    """Compute log energies of a filter bank, as in speech recognition (Young et al., HTK book §5).

    Pre-emphasis x[t] − 0.97 x[t − 1], Hamming windows, power, triangular filters, natural
    logarithm. In float64: a quiet band beside a loud one keeps its digits.

    Shapes: waveform ``[T]``, bands ``[B, n_fft / 2 + 1]`` → float64 ``[B, frames]``.
    """
    emphasised = scipy.signal.lfilter([1.0, -PRE_EMPHASIS], [1.0], waveform.astype(np.float64))
    energy = bands @ power_spectrogram(emphasised, n_fft, hop, "hamming")
    log_energy: Frames = np.log(np.maximum(energy, FLOOR))
    return log_energy
