"""Check waveforms, mix them to mono, resample them, and repeat them to a length."""

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.types import FloatArray

MAX_PEAK = 16.0
"""Largest magnitude of a sample. Overshoot of decoders and a raised volume pass; integers that are
stored as floats do not."""
MIN_RATE = 1_000
"""Lowest sample rate in hertz; a smaller number is a rate in kilohertz, or a mistake."""


def to_mono(waveform: npt.ArrayLike) -> FloatArray:
    """Check the samples of a waveform and average its channels.

    Args:
        waveform: ``[T]`` or ``[T, channels]``, floats, nominally in [−1, 1].

    Returns:
        float32 ``[T]``.

    Raises:
        UserError: the waveform is empty, has another shape, holds integers or values in their
            range, or has NaN or infinite samples.
    """
    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2):
        raise UserError(f"expected a waveform [T] or [T, channels], got shape {samples.shape}")
    if samples.size == 0:
        raise UserError("the sound is empty: it has no samples")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise UserError(
            f"expected a waveform [T, channels], got shape {samples.shape},"
            " which looks like [channels, T]: transpose it"
        )
    if not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"expected float samples in [−1, 1], got {samples.dtype}")
    if not (finite := np.isfinite(samples)).all():
        bad = int(np.count_nonzero(~finite))
        raise UserError(f"{bad} of {samples.size} samples are NaN or infinite")
    if (peak := float(np.abs(samples).max())) > MAX_PEAK:
        raise UserError(
            f"expected samples in [−1, 1], got one of {peak:g};"
            " divide samples that were 16-bit integers by 32768"
        )
    if samples.ndim == 2:
        samples = samples.mean(axis=1, dtype=np.float64)
    return samples.astype(np.float32)


def resample(waveform: FloatArray, rate: float, target: int) -> FloatArray:
    """Change the sample rate of a mono waveform with soxr (high quality).

    Raises:
        UserError: ``rate`` is not a sample rate, or the sound is too short to have a sample at the
            new rate.
    """
    if not MIN_RATE <= rate < np.inf:
        raise UserError(f"expected a sample rate in hertz, at least {MIN_RATE}, got {rate:g}")
    if rate == target:
        return waveform
    import soxr

    resampled = np.asarray(soxr.resample(waveform, rate, target), dtype=np.float32)
    if len(resampled) == 0:
        raise UserError(
            f"the sound is too short: {len(waveform)} samples at {rate:g} Hz give none at"
            f" {target} Hz"
        )
    return resampled


def fit_length(waveform: FloatArray, at_least: int) -> FloatArray:
    """Repeat a waveform until it has at least ``at_least`` samples.

    Raises:
        ValueError: the waveform is empty.
    """
    if len(waveform) == 0:
        raise ValueError("expected a waveform of at least one sample")
    return waveform if len(waveform) >= at_least else np.resize(waveform, at_least)
