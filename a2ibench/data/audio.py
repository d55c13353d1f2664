"""Sound files and waveforms: decode, mix to mono, resample, fit to a length."""

from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.data.types import FloatArray
from a2ibench.errors import UserError

MEDIA_ONLY = {
    "format_whitelist": (
        "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,flac,flv,gxf,ivf,matroska,mov,mp3,mpeg,mpegts,mxf,"
        "nut,ogg,rm,swf,tta,vc1t,w64,wav,wv"
    ),
    "protocol_whitelist": "file",
}
"""What libav may open. Playlists and scripts, which make it open other files, are not there."""
LOUDEST = 16.0
"""Overshoot of decoders and a raised volume pass; samples of integers in disguise do not."""
LOWEST_RATE = 1_000
"""In hertz. Anything below is a rate in kilohertz, or no sound."""


def to_mono(waveform: npt.ArrayLike) -> FloatArray:
    """Averages the channels and checks the samples.

    Args:
        waveform: ``[T]`` or ``[T, channels]``, floats, nominally in [−1, 1].

    Returns:
        float32 ``[T]``.

    Raises:
        UserError: empty, of another shape, of integers or in their range, or with NaN or infinite
            samples.
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
    if (peak := float(np.abs(samples).max())) > LOUDEST:
        raise UserError(
            f"expected samples in [−1, 1], got one of {peak:g};"
            " divide samples that were 16-bit integers by 32768"
        )
    if samples.ndim == 2:
        samples = samples.mean(axis=1, dtype=np.float64)
    return samples.astype(np.float32)


def resample(waveform: FloatArray, rate: float, target: int) -> FloatArray:
    """Changes the sample rate of a mono waveform with soxr (high quality).

    Raises:
        UserError: a rate that is none, or a sound too short to have a sample at the new rate.
    """
    if not LOWEST_RATE <= rate < np.inf:
        raise UserError(f"expected a sample rate in hertz, at least {LOWEST_RATE}, got {rate:g}")
    if rate == target:
        return waveform
    import soxr

    resampled = np.asarray(soxr.resample(waveform, rate, target), dtype=np.float32)
    if len(resampled) == 0:
        raise UserError(
            f"the sound is too short: {len(waveform)} samples at {rate:g} Hz are none at {target}"
        )
    return resampled


def fit_length(waveform: FloatArray, at_least: int) -> FloatArray:
    """Repeats a waveform until it is ``at_least`` samples long; a longer one is left as it is.

    Raises:
        ValueError: there is nothing to repeat.
    """
    if len(waveform) == 0:
        raise ValueError("expected a waveform of at least one sample")
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
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError):
        # TypeError: a name that ends in .raw, which soundfile takes for samples without a header.
        samples, rate = _read_with_av(path)
    if samples.size == 0:
        raise UserError(f"{path}: the sound is empty: it has no samples")
    try:
        return to_mono(samples), int(rate)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read_with_av(path: Path) -> tuple[FloatArray, int]:
    """Decodes the first audio stream of any container: float32 ``[T, channels]`` and its rate."""
    import av

    parts: list[FloatArray] = []
    rate = 0
    try:
        with av.open(str(path), options=MEDIA_ONLY) as container:
            if not container.streams.audio:
                raise UserError(f"{path}: no audio stream in it")
            resampler = av.AudioResampler(format="fltp")
            frames = container.decode(container.streams.audio[0])
            for frame in chain(frames, [None]):  # None: what the resampler still holds
                for part in resampler.resample(frame):
                    parts.append(part.to_ndarray().astype(np.float32, copy=False))
                    # What was decoded: the container's own word can be half of it (HE-AAC).
                    rate = part.sample_rate
    except (av.FFmpegError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be decoded as sound ({error});"
            " expected wav, flac, ogg, mp3 or another format that libav reads"
        ) from error
    if not parts:
        raise UserError(f"{path}: the sound is empty: it has no samples")
    return np.concatenate(parts, axis=1).T, rate
