"""Describe sounds: loudness, clipping, and the fingerprints by which copies are found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.curation.blocks import Progress, described
from a2ibench.curation.duplicates import digest
from a2ibench.curation.fingerprint import Codes, fingerprint, frames
from a2ibench.data.npy_files import StoredArray
from a2ibench.data.store import FULL_SCALE, PairStore, to_waveform
from a2ibench.types import IntArray

if TYPE_CHECKING:
    import pandas as pd

VERSION = 3
"""Version, raised when the same sound gets other features than before."""
SILENT = -60.0
"""RMS in dBFS below which a sound is silent. Recordings of quiet rooms lie above −55."""
CLIPPED = 0.999
"""Level from which a sample counts as clipped …"""
CLIPPED_SHARE = 0.001
"""… and share of clipped samples from which a sound counts as clipped: 88 in four seconds at
22.05 kHz. A sound that was normalised to full scale has one or two."""

LEVELS = np.dtype([("digest", "<u8"), ("peak", "<f4"), ("rms", "<f4"), ("clipped", "<f4")])


@dataclass(frozen=True)
class Sounds:
    """The sounds of a store; several pairs may share one.

    Attributes:
        row: int64 ``[n]``, the first pair of each sound.
        of_row: int64 ``[len(store)]``, the sound of each pair.
        levels: ``LEVELS`` ``[n]``: digest of the samples, peak and RMS in dBFS, and the share of
            clipped samples.
        begin: int64 ``[n]``, start of the codes of each sound.
        end: int64 ``[n]``, their end.
        codes: uint32, the codes of all sounds, and one 0: an array without codes could not be
            stored.
    """

    row: IntArray
    of_row: IntArray
    levels: npt.NDArray[np.void]
    begin: IntArray
    end: IntArray
    codes: Codes

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Whether each sound is silent: bool ``[n]``."""
        return np.asarray(self.levels["rms"] < SILENT)

    @property
    def clipped(self) -> npt.NDArray[np.bool_]:
        """Whether each sound is clipped: bool ``[n]``."""
        return np.asarray(self.levels["clipped"] > CLIPPED_SHARE)


def sound_features(store: PairStore, progress: Progress) -> Sounds:
    """Compute the levels and fingerprints of the sounds of a store, or read them from the cache."""
    of_row, row = _sounds(store.index)
    start, length = (
        store.index[name].to_numpy(dtype=np.int64)[row] for name in ("audio_start", "audio_length")
    )
    end = np.cumsum(frames(length, store.sample_rate))
    identity = [store.stored_hash, VERSION]
    n = len(row)
    levels = described(
        "sound-levels",
        identity,
        _describe_levels,
        lambda block: (store.audio, start[block], length[block]),
        n,
        n,
        lambda done, total: progress(done, 2 * total),
    )
    codes = described(
        "sound-codes",
        identity,
        _describe_codes,
        lambda block: (store.audio, start[block], length[block], store.sample_rate),
        n,
        int(end[-1]) + 1,
        lambda done, total: progress(total + done, 2 * total),
    )
    return Sounds(row, of_row, levels[:], np.concatenate([[0], end[:-1]]), end, codes[:])


def _sounds(index: "pd.DataFrame") -> tuple[IntArray, IntArray]:
    """Return the sound of each pair, and the first pair of each sound."""
    import pandas as pd

    columns = ["audio_start", "audio_length", "source"]
    of_row = np.asarray(index.groupby(columns, sort=False).ngroup(), dtype=np.int64)
    first = pd.Series(np.arange(len(index))).groupby(of_row).first()
    return of_row, np.asarray(first, dtype=np.int64)


def _describe_levels(audio: StoredArray, start: IntArray, length: IntArray) -> npt.NDArray[np.void]:
    """Measure sounds, given by their place in the recording: ``LEVELS`` ``[n]``."""
    found = np.empty(len(start), dtype=LEVELS)
    limit = int(np.ceil(CLIPPED * FULL_SCALE))
    for i, (first, count) in enumerate(zip(start, length, strict=True)):
        stored = audio[first : first + count]
        samples = stored.astype(np.float64)
        peak = max(-int(stored.min()), int(stored.max()))
        # Few sounds are that loud: the others need no more passes.
        clipped = np.count_nonzero(np.abs(samples) >= limit) if peak >= limit else 0
        found[i] = (
            digest(stored),
            _decibels(peak / FULL_SCALE),
            _decibels(np.sqrt(samples @ samples / count) / FULL_SCALE),
            clipped / count,
        )
    return found


def _describe_codes(audio: StoredArray, start: IntArray, length: IntArray, rate: int) -> Codes:
    """Compute the fingerprints of sounds, one after another: uint32 ``[F]``."""
    places = zip(start, length, strict=True)
    found = [fingerprint(to_waveform(audio[i : i + n]), rate) for i, n in places]
    return np.concatenate(found).astype("<u4")


def _decibels(value: float) -> float:
    """Convert a level to dBFS, at least the smallest level of 16 bits."""
    return 20 * float(np.log10(max(value, 1e-6)))
