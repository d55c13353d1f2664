"""Sounds that are copies of each other: re-encoded, louder, cut elsewhere, but the same recording.

Fingerprints are compared: another recording, even one of the same kind of noise, agrees in half of
the bits. Codes that occur in two sounds say where the one may lie in the other; the share of bits
that differ there decides.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.curation.duplicates import (
    Copies,
    Nearest,
    Progress,
    cached,
    digest,
    equal_copies,
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
from a2ibench.data.store import FULL_SCALE, PairStore
from a2ibench.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Raised when the same sound gives other features than before."""
SILENT = -60.0
"""In dBFS: the RMS below which a sound is silent. Recordings of quiet rooms lie above −55."""
CLIPPED = 0.999
"""The level from which a sample counts as clipped …"""
CLIPPED_SHARE = 0.001
"""… and the share of clipped samples from which a sound does: 88 of four seconds at 22.05 kHz. A
sound that was normalised to full scale has one or two."""
ERRORS = 0.25
"""The share of bits that may differ in a copy. In copies at most 0.15 do, between other recordings
about half, and no fewer than 0.37 in 0.7 million places tried."""
OVERLAP = 0.45
"""Of the shorter sound, the part that must be common: shifted by half a sound, half is left."""
FRAMES = 20
"""Frames that must be heard in both: 0.4 s of sound …"""
HEARD_SHARE = 0.5
"""… and their share of what is common. A blip in a silence is like any other blip."""
VARIED = 0.5
"""The share of those frames whose code differs from the last one's in two bits or more. A hum has
fewer: it is like any other hum, wherever both were recorded."""
ONE_SIDED = BITS / 2
"""The errors of a frame in which one of two sounds is heard and the other is not: pure chance."""
HITS = 32
"""Occurrences of one code that are followed up."""
PLACES = 8
"""Places in other sounds that are compared, a sound: those with the most common codes."""
BLOCK, WIDE = 256, 8_192
"""Sounds of one side, and of the other, that are compared at once."""


LEVELS = np.dtype(
    [
        ("digest", "<u8"),
        ("peak", "<f4"),
        ("rms", "<f4"),
        ("clipped", "<f4"),
    ]
)


@dataclass(frozen=True)
class Sounds:
    """The sounds of a store; several pairs may share one.

    Attributes:
        row: int64 ``[n]``, the first pair of each sound.
        of_row: int64 ``[len(store)]``, the sound of each pair.
        peak: float32 ``[n]``, the largest sample, in dBFS.
        rms: float32 ``[n]``, in dBFS.
        clipped: float32 ``[n]``, the share of clipped samples.
        digest: uint64 ``[n]``, of the samples.
        begin: int64 ``[n]``, where the codes of each sound begin.
        end: int64 ``[n]``, and where they end.
        codes: uint32, those of all sounds, a memory map.
    """

    row: IntArray
    of_row: IntArray
    peak: FloatArray
    rms: FloatArray
    clipped: FloatArray
    digest: npt.NDArray[np.uint64]
    begin: IntArray
    end: IntArray
    codes: Codes

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which are silent: bool ``[n]``."""
        return self.rms < SILENT


def sound_features(store: PairStore, progress: Progress) -> Sounds:
    """The levels and fingerprints of all sounds of a store, from the cache where they are there.

    Raises:
        UserError: a cached file is damaged.
    """
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
            header = {"descr": "<u4", "fortran_order": False, "shape": (int(end[-1]) + 1,)}
            np.lib.format.write_array_header_1_0(stream, header)
            for i, first in enumerate(row.tolist()):
                found = fingerprint(store.waveform(first), store.sample_rate, bands)
                stream.write(found.astype("<u4").tobytes())
                progress(len(row) + i + 1, total)
            # One more than there are: an empty file cannot be mapped, and all may be too short.
            stream.write(bytes(4))

    level = cached("sound-levels", identity, levels)
    return Sounds(
        row=row,
        of_row=of_row,
        peak=np.array(level["peak"]),
        rms=np.array(level["rms"]),
        clipped=np.array(level["clipped"]),
        digest=np.array(level["digest"]),
        begin=np.concatenate([[0], end[:-1]]),
        end=end,
        codes=cached("sound-codes", identity, codes),
    )


def _sounds(index: "pd.DataFrame") -> tuple[IntArray, IntArray]:
    """The sound of each pair, and the first pair of each sound."""
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
    """Of full scale; no less than 16 bits can tell."""
    return 20 * float(np.log10(max(value, 1e-6)))


def sound_copies(
    sounds: Sounds, source: IntArray, sides: tuple[IntArray, IntArray], progress: Progress
) -> Copies:
    """The sounds of one side of which the other holds a copy; silent ones are of no account.

    Args:
        sounds: of the whole store, n of them.
        source: int64 ``[n]``, a number for the source of each sound.
        sides: positions of sounds that are looked for, and those among which they are; twice the
            same array for copies inside one side.
        progress: called with the sounds that are done.
    """
    a, b = (side[~sounds.silent[side]] for side in sides)
    inside = sides[0] is sides[1]
    if inside:
        b = a
    equal = equal_copies(sounds.digest, source, a, b)
    nearest = Nearest()
    open_ = np.setdiff1d(a, equal.a)
    blocks = range(0, len(b), WIDE)
    total, done = len(blocks) * len(open_), 0
    for wide in blocks:
        others = b[wide : wide + WIDE]
        index = _Index(sounds, others)
        for start in range(0, len(open_), BLOCK):
            some = open_[start : start + BLOCK]
            done += len(some)
            if not (inside and others[0] > some[-1]):
                p, q, lag = index.places(some, source, inside=inside)
                errors = _errors(sounds, p, q, lag)
                same = errors <= ERRORS
                nearest.add(p[same], q[same], errors[same])
            progress(done, total)
    return nearest.join(equal)


class _Index:
    """Where codes occur in a block of sounds. Every second code is enough to be found by."""

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
        """Sounds, where they may occur, and by how many frames later there: each int64 ``[m]``."""
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
        # The same place, seen from many frames, is one; those seen from the most come first.
        places, votes = np.unique(np.stack([p, q, lag]), axis=1, return_counts=True)
        order = np.lexsort((-votes, places[0]))
        places = places[:, order]
        starts = np.flatnonzero(np.r_[True, places[0, 1:] != places[0, :-1]][: len(order)])
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        p, q, lag = places[:, rank < PLACES].astype(np.int64)
        return p, q, lag


def _positions(sounds: Sounds, some: IntArray) -> tuple[IntArray, IntArray]:
    """The sound and the frame of every code of some sounds: each int64 ``[F]``."""
    count = sounds.end[some] - sounds.begin[some]
    first = np.repeat(np.cumsum(count) - count, count)
    return np.repeat(some, count), np.arange(count.sum(), dtype=np.int64) - first


def _errors(sounds: Sounds, p: IntArray, q: IntArray, lag: IntArray) -> FloatArray:
    """The share of bits in which sounds differ where they overlap; ∞ where too little does."""
    found = np.full(len(p), np.inf, dtype=np.float32)
    for start in range(0, len(p), 1_024):
        part = slice(start, start + 1_024)
        found[part] = _errors_of_few(sounds, p[part], q[part], lag[part])
    return found


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
    # A window more than codes: what was heard, not how often it was looked at.
    window = WINDOW // HOP
    enough = (
        (common + window >= OVERLAP * (np.minimum(lengths[p], lengths[q]) + window))
        & (count >= np.maximum(FRAMES, HEARD_SHARE * common))
        & ((varied & both).sum(axis=1) >= VARIED * count)
    )
    share = errors / np.maximum(BITS * (count + one.sum(axis=1)), 1)
    return np.where(enough, share, np.inf).astype(np.float32)
