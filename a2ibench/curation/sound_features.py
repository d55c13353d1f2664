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
from a2ibench.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

VERSION = 4
"""Version, raised when the same sound gets other features than before."""
SILENT = -60.0
"""RMS in dBFS below which a sound is silent. Recordings of quiet rooms lie above −55."""
CLIPPED = 0.999
"""Level from which a sample counts as clipped …"""
CLIPPED_SHARE = 0.001
"""… and share of clipped samples from which a sound counts as clipped: 88 in four seconds at
22.05 kHz. A sound that was normalised to full scale has one or two."""

LEVELS = np.dtype([("digest", "<u8"), ("peak", "<f4"), ("rms", "<f4"), ("clipped", "<f4")])
WORDS = LEVELS.itemsize // 4
"""Number of codes that take as much room as the levels of a sound, which are stored before them."""


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
        codes: uint32, the codes of all sounds, with other numbers between them.
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
    end = np.cumsum(WORDS + frames(length, store.sample_rate))
    begin = WORDS + np.concatenate([[0], end[:-1]])
    stored = described(
        "sounds",
        [store.stored_hash, VERSION],
        _describe,
        lambda block: (store.audio, start[block], length[block], store.sample_rate),
        len(row),
        int(end[-1]),
        progress,
    )[:]
    levels = stored[begin[:, None] + np.arange(-WORDS, 0)].view(LEVELS)[:, 0]
    return Sounds(row, of_row, levels, begin, end, stored)


def _sounds(index: "pd.DataFrame") -> tuple[IntArray, IntArray]:
    """Return the sound of each pair, and the first pair of each sound."""
    import pandas as pd

    columns = ["audio_start", "audio_length", "source"]
    of_row = np.asarray(index.groupby(columns, sort=False).ngroup(), dtype=np.int64)
    first = pd.Series(np.arange(len(index))).groupby(of_row).first()
    return of_row, np.asarray(first, dtype=np.int64)


def _describe(audio: StoredArray, start: IntArray, length: IntArray, rate: int) -> Codes:
    """Return the levels and the codes of one sound after another: uint32."""
    found = []
    for first, count in zip(start, length, strict=True):
        stored = audio[first : first + count]
        waveform = to_waveform(stored)
        found += [_levels(stored, waveform).view("<u4"), fingerprint(waveform, rate)]
    return np.concatenate(found).astype("<u4")


def _levels(stored: npt.NDArray[np.int16], waveform: FloatArray) -> npt.NDArray[np.void]:
    """Measure a sound: ``LEVELS`` ``[1]``."""
    limit = int(np.ceil(CLIPPED * FULL_SCALE))
    peak = max(-int(stored.min()), int(stored.max()))
    # Few sounds are that loud: the others need no more passes.
    clipped = np.count_nonzero(np.abs(stored.astype(np.int32)) >= limit) if peak >= limit else 0
    found = (
        digest(stored),
        _decibels(peak / FULL_SCALE),
        _decibels(float(np.sqrt(waveform @ waveform / len(waveform)))),
        clipped / len(stored),
    )
    return np.array([found], dtype=LEVELS)


def _decibels(value: float) -> float:
    """Convert a level to dBFS, at least the smallest level of 16 bits."""
    return 20 * float(np.log10(max(value, 1e-6)))
