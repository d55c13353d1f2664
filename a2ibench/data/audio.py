"""Sound files and waveforms: decode, mix to mono, resample, fit to a length."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.data.types import FloatArray, RejectedError
from a2ibench.errors import UserError

if TYPE_CHECKING:
    from a2ibench.data.runs import Run

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
MOST_LOST = 0.1
"""Seconds inside a sound file that may be unreadable, as tags are where files were joined."""
MISSING = 0.5
"""Seconds by which the sound may be shorter than the file declares."""
STORED = ("flac", "mov")
"""Formats that store how long their sound is; that of others is guessed, or that of a film."""
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
    """Decodes a sound file (wav, flac, ogg, mp3, and whatever else libav or libsndfile reads).

    Its length is that of what is decoded: what a header says, or a library guesses, is not asked.

    Returns:
        float32 ``[T]``, mono, and its sample rate; the highest one, where it changes on the way.

    Raises:
        UserError: no such file, not a sound, one that is damaged, or a sound that :func:`to_mono`
            refuses.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such sound file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    found, wrong = _read_with_av(path)
    if wrong:
        other = _read_with_soundfile(path)
        if _seconds(other) < _seconds(found) + MOST_LOST:
            raise UserError(f"{path}: {wrong}")
        found = other
    if not found:
        raise UserError(f"{path}: the sound is empty: it has no samples")
    rate = max(run.rate for run in found)
    try:
        parts = [
            resample(to_mono(np.concatenate([run.samples for run in runs])), own, rate)
            for own, runs in groupby(found, key=lambda run: run.rate)
        ]
        return np.concatenate(parts), rate
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _seconds(found: "list[Run]") -> float:
    return sum(len(run.samples) / run.rate for run in found)


def _read_with_av(path: Path) -> "tuple[list[Run], str]":
    """The default audio track of any container, and what is wrong with it, if anything is."""
    import av

    from a2ibench.data.packets import Packets
    from a2ibench.data.runs import runs
    from a2ibench.data.tracks import audio_stream

    found: list[Run] = []
    refused: list[tuple[float, float]] = []
    try:
        with av.open(str(path), options=MEDIA_ONLY, metadata_errors="replace") as container:
            stream = audio_stream(container)
            for run in runs(Packets(container, [stream]).of(stream), stream, refused):
                found.append(run)
            declared = 0.0
            stored = container.format.name.split(",")[0] in STORED
            if stored and stream.duration is not None and stream.time_base is not None:
                declared = float(stream.duration * stream.time_base)
    except RejectedError as error:
        return [], str(error)
    except (av.FFmpegError, ValueError) as error:
        if found:
            until = f"{_seconds(found):.2f} s"
            return found, f"damaged: only its first {until} can be decoded ({_said(error)})"
        return [], (
            f"cannot be decoded as sound ({_said(error)});"
            " expected wav, flac, ogg, mp3 or another format that libav reads"
        )
    # Before and after the sound lie tags, and packets that were cut off.
    lost = sum(
        end - begin
        for begin, end in refused
        if found and found[0].time < begin and end < found[-1].end
    )
    if lost > MOST_LOST:
        return found, f"damaged: {lost:.2f} s of its sound cannot be decoded"
    if found and declared - _seconds(found) > MISSING:
        there = f"{_seconds(found):.2f} s can be decoded"
        return found, f"damaged or truncated: it declares {declared:.2f} s of sound, {there}"
    return found, ""


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_with_soundfile(path: Path) -> "list[Run]":
    """Block by block, as the length that it declares may be a guess; none where it cannot."""
    import soundfile

    from a2ibench.data.runs import MOST, Run

    found: list[Run] = []
    try:
        with soundfile.SoundFile(path) as file:
            for block in file.blocks(MOST, dtype="float32", always_2d=True):
                mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
                found.append(Run(_seconds(found), mono, file.samplerate))
    except (soundfile.LibsndfileError, TypeError):
        # TypeError: a name that ends in .raw, which soundfile takes for samples without a header.
        pass
    return found
