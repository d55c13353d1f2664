"""Find sounds that come from one recording, although re-encoded, louder or cut elsewhere.

Fingerprints are compared: another recording, even one of the same kind of noise, agrees in half of
the bits. Codes that occur in two sounds say where one may lie in the other; the share of bits that
differ there decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.curation.duplicates import (
    Copies,
    Matches,
    Progress,
    cached,
    digest,
    find_copies,
    rank_in_group,
)
from a2ibench.curation.fingerprint import (
    BITS,
    HEARD,
    HOP,
    WINDOW,
    Codes,
    fingerprint,
    frames,
    mel_bands,
)
from a2ibench.data.npy_files import write_header
from a2ibench.data.store import FULL_SCALE, PairStore
from a2ibench.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Version, raised when the same sound gets other features than before."""
SILENT = -60.0
"""RMS in dBFS below which a sound is silent. Recordings of quiet rooms lie above −55."""
CLIPPED = 0.999
"""Level from which a sample counts as clipped …"""
CLIPPED_SHARE = 0.001
"""… and share of clipped samples from which a sound counts as clipped: 88 in four seconds at
22.05 kHz. A sound that was normalised to full scale has one or two."""
ERRORS = 0.25
"""Share of bits that may differ in a copy. In copies at most 0.15 do, between other recordings
about half, and no fewer than 0.37 in 0.7 million places tried."""
OVERLAP = 0.45
"""Share of the shorter sound that must overlap: shifted by half a sound, half is left."""
FRAMES = 20
"""Number of frames that must be audible in both: 0.4 s of sound …"""
HEARD_SHARE = 0.5
"""… and their share of the common part. A blip in a silence is like any other blip."""
VARIED = 0.5
"""Share of those frames whose code differs from the last one's in two bits or more. A hum has
fewer: it is like any other hum, wherever both were recorded."""
ONE_SIDED = BITS / 2
"""Number of wrong bits of a frame in which only one of two sounds is audible: pure chance."""
HITS = 32
"""Largest number of occurrences of one code that are followed up."""
PLACES = 8
"""Number of places in other sounds that are compared per sound: those sharing most codes."""
BLOCK, WIDE = 256, 8_192
"""Number of sounds of one side, and of the other, that are compared at once."""

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
        codes: uint32, the codes of all sounds, a memory map.
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
    length = store.index["audio_length"].to_numpy(dtype=np.int64)[row]
    end = np.cumsum(frames(length, store.sample_rate))
    identity = [store.stored_hash, VERSION]
    total = 2 * len(row)

    def levels(path: Path) -> None:
        found = np.empty(len(row), dtype=LEVELS)
        for i, first in enumerate(row.tolist()):
            found[i] = _levels(store.waveform(first))
            progress(i + 1, total)
        with path.open("wb") as stream:
            np.save(stream, found)

    def codes(path: Path) -> None:
        bands = mel_bands()
        with path.open("wb") as stream:
            # One code more than needed: an empty file cannot be mapped, as if all are too short.
            write_header(stream, (int(end[-1]) + 1,), np.dtype("<u4"))
            for i, first in enumerate(row.tolist()):
                found = fingerprint(store.waveform(first), store.sample_rate, bands)
                stream.write(found.astype("<u4").tobytes())
                progress(len(row) + i + 1, total)
            stream.write(bytes(4))

    return Sounds(
        row=row,
        of_row=of_row,
        levels=np.array(cached("sound-levels", identity, levels)),
        begin=np.concatenate([[0], end[:-1]]),
        end=end,
        codes=cached("sound-codes", identity, codes),
    )


def _sounds(index: "pd.DataFrame") -> tuple[IntArray, IntArray]:
    """Return the sound of each pair, and the first pair of each sound."""
    import pandas as pd

    columns = ["audio_start", "audio_length", "source"]
    of_row = np.asarray(index.groupby(columns, sort=False).ngroup(), dtype=np.int64)
    first = pd.Series(np.arange(len(index))).groupby(of_row).first()
    return of_row, np.asarray(first, dtype=np.int64)


def _levels(waveform: FloatArray) -> tuple[int, float, float, float]:
    size = np.abs(waveform)
    return (
        digest(np.rint(waveform * FULL_SCALE).astype("<i2")),
        _decibels(float(size.max())),
        _decibels(float(np.sqrt(np.mean(waveform.astype(np.float64) ** 2)))),
        float((size >= CLIPPED).mean()),
    )


def _decibels(value: float) -> float:
    """Convert a level to dBFS, at least the smallest level of 16 bits."""
    return 20 * float(np.log10(max(value, 1e-6)))


def sound_copies(
    sounds: Sounds, source: IntArray, sides: tuple[IntArray, IntArray], progress: Progress
) -> Copies:
    """Find the sounds of one side that have a copy on the other; silent ones are left out.

    Args:
        sounds: the sounds of the whole store, n of them.
        source: int64 ``[n]``, a number for the source of each sound.
        sides: see :func:`~a2ibench.curation.duplicates.find_copies`.
        progress: called with the number of comparisons done.
    """
    inside = sides[0] is sides[1]
    a, b = (side[~sounds.silent[side]] for side in sides)
    if inside:
        b = a

    def search(wanted: IntArray) -> Iterator[Matches]:
        blocks = range(0, len(b), WIDE)
        total, done = len(blocks) * len(wanted), 0
        for wide in blocks:
            others = b[wide : wide + WIDE]
            index = _Index(sounds, others)
            for start in range(0, len(wanted), BLOCK):
                some = wanted[start : start + BLOCK]
                done += len(some)
                if not (inside and others[0] > some[-1]):
                    p, q, lag = index.places(some, source, inside=inside)
                    errors = _errors(sounds, p, q, lag)
                    same = errors <= ERRORS
                    yield p[same], q[same], errors[same]
                progress(done, total)

    return find_copies(sounds.levels["digest"], source, (a, b), search)


class _Index:
    """Index of the places of codes in a block of sounds; every second code is enough."""

    def __init__(self, sounds: Sounds, block: IntArray) -> None:
        self._sounds = sounds
        sound, frame = _positions(sounds, block)
        sound, frame = sound[::2], frame[::2]
        codes = sounds.codes[sounds.begin[sound] + frame]
        audible = np.flatnonzero(codes >= HEARD)
        order = audible[np.argsort(codes[audible], kind="stable")]
        self._codes, self._sound, self._frame = codes[order], sound[order], frame[order]

    def places(
        self, some: IntArray, source: IntArray, *, inside: bool
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return sounds, others that may hold them, and the lag in frames: int64 ``[m]`` each."""
        sound, frame = _positions(self._sounds, some)
        codes = self._sounds.codes[self._sounds.begin[sound] + frame]
        low = np.searchsorted(self._codes, codes, side="left")
        high = np.searchsorted(self._codes, codes, side="right")
        count = np.where(codes >= HEARD, np.minimum(high - low, HITS), 0)
        query = np.repeat(np.arange(len(codes)), count)
        hit = (
            np.repeat(low, count)
            + np.arange(len(query))
            - np.repeat(np.cumsum(count) - count, count)
        )
        p, q = sound[query], self._sound[hit]
        lag = self._frame[hit] - frame[query]
        fits = (source[p] != source[q]) & ((q < p) if inside else True)
        p, q, lag = p[fits], q[fits], lag[fits]
        # Frames that give the same place count together; places found by most frames come first.
        places, votes = np.unique(np.stack([p, q, lag]), axis=1, return_counts=True)
        places = places[:, np.lexsort((-votes, places[0]))]
        p, q, lag = places[:, rank_in_group(places[0]) < PLACES].astype(np.int64)
        return p, q, lag


def _positions(sounds: Sounds, some: IntArray) -> tuple[IntArray, IntArray]:
    """Return the sound and the frame of every code of some sounds: int64 ``[F]`` each."""
    count = sounds.end[some] - sounds.begin[some]
    first = np.repeat(np.cumsum(count) - count, count)
    return np.repeat(some, count), np.arange(count.sum(), dtype=np.int64) - first


def _errors(sounds: Sounds, p: IntArray, q: IntArray, lag: IntArray) -> FloatArray:
    """Return the share of differing bits where sounds overlap; ∞ where too little does."""
    parts = [slice(start, start + 1_024) for start in range(0, len(p), 1_024)]
    found = [_errors_of_few(sounds, p[part], q[part], lag[part]) for part in parts]
    return np.concatenate([np.zeros(0, dtype=np.float32), *found])


def _errors_of_few(sounds: Sounds, p: IntArray, q: IntArray, lag: IntArray) -> FloatArray:
    lengths = sounds.end - sounds.begin
    from_p, from_q = np.maximum(0, -lag), np.maximum(0, lag)
    common = np.minimum(lengths[p] - from_p, lengths[q] - from_q)
    frame = np.arange(common.max(initial=0))
    within = frame < common[:, None]
    last = len(sounds.codes) - 1
    x = sounds.codes[np.minimum((sounds.begin[p] + from_p)[:, None] + frame, last)]
    y = sounds.codes[np.minimum((sounds.begin[q] + from_q)[:, None] + frame, last)]
    x_heard, y_heard = within & (x >= HEARD), within & (y >= HEARD)
    both, one = x_heard & y_heard, x_heard ^ y_heard
    count = both.sum(axis=1)
    errors = (np.bitwise_count(x ^ y) * both).sum(axis=1) + ONE_SIDED * one.sum(axis=1)
    varied = np.ones(x.shape, dtype=bool)
    varied[:, 1:] = np.bitwise_count(x[:, 1:] ^ x[:, :-1]) >= 2
    # One window more than codes: the duration of the sound, not the number of codes.
    window = WINDOW // HOP
    enough = (
        (common + window >= OVERLAP * (np.minimum(lengths[p], lengths[q]) + window))
        & (count >= np.maximum(FRAMES, HEARD_SHARE * common))
        & ((varied & both).sum(axis=1) >= VARIED * count)
    )
    share = errors / np.maximum(BITS * (count + one.sum(axis=1)), 1)
    return np.where(enough, share, np.inf).astype(np.float32)
