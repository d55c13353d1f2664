"""Sound files and waveforms: decode, mix to mono, resample, fit to a length."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.data.types import FloatArray
from a2ibench.errors import UserError


def to_mono(waveform: npt.ArrayLike) -> FloatArray:
    """Averages the channels and checks the samples.

    Args:
        waveform: ``[T]`` or ``[T, channels]``, floats in [−1, 1].

    Returns:
        float32 ``[T]``.

    Raises:
        UserError: empty, of another shape, of integers, or with NaN or infinite samples.
    """
    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2):
        raise UserError(f"expected a waveform [T] or [T, channels], got shape {samples.shape}")
    if samples.size == 0:
        raise UserError("the sound is empty: it has no samples")
    if not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"expected float samples in [−1, 1], got {samples.dtype}")
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise UserError(f"{bad} of {len(samples)} samples are NaN or infinite")
    return samples.astype(np.float32)


def resample(waveform: FloatArray, rate: int, target: int) -> FloatArray:
    """Changes the sample rate of a mono waveform with soxr (high quality)."""
    if rate <= 0:
        raise UserError(f"expected a sample rate above 0 Hz, got {rate}")
    if rate == target:
        return waveform
    import soxr

    return np.asarray(soxr.resample(waveform, rate, target), dtype=np.float32)


def fit_length(waveform: FloatArray, at_least: int) -> FloatArray:
    """Repeats a waveform until it is ``at_least`` samples long; a longer one is left as it is."""
    if len(waveform) >= at_least:
        return waveform
    return np.resize(waveform, at_least)


def read_sound(path: Path) -> tuple[FloatArray, int]:
    """Decodes a sound file (wav, flac, ogg, mp3, and whatever else libav reads).

    Returns:
        float32 ``[T]``, mono, and its sample rate.

    Raises:
        UserError: no such file, not a sound, or a sound that :func:`to_mono` refuses.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such sound file")
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        samples, rate = _read_with_av(path)
    try:
        return to_mono(samples), int(rate)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read_with_av(path: Path) -> tuple[FloatArray, int]:
    """Decodes the first audio stream of any container: float32 ``[T, channels]`` and its rate."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UserError(f"{path}: no audio stream in it")
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp")
            frames = [
                part.to_ndarray()
                for frame in container.decode(stream)
                for part in resampler.resample(frame)
            ]
            rate = stream.rate
    except av.FFmpegError as error:
        raise UserError(
            f"{path}: cannot be decoded as sound ({error.strerror});"
            " expected wav, flac, ogg, mp3 or another format that libav reads"
        ) from error
    if not frames:
        raise UserError(f"{path}: the sound is empty: it has no samples")
    return np.concatenate(frames, axis=1).T.astype(np.float32), int(rate)
