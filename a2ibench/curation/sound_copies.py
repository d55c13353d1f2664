"""Find sounds that come from one recording, although re-encoded, louder or cut elsewhere.

Fingerprints are compared: another recording, even one of the same kind of noise, agrees in half of
the bits. Codes that occur in two sounds say where one may lie in the other; the share of bits that
differ there decides.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from a2ibench.curation.blocks import Progress, in_threads
from a2ibench.curation.duplicates import Copies, Matches, find_copies, rank_in_group
from a2ibench.curation.fingerprint import BITS, HEARD, SPAN, Codes
from a2ibench.curation.sound_features import Sounds
from a2ibench.types import FloatArray, IntArray

ERRORS = 0.25
"""Share of bits that may differ in a copy. In MP3s at 50 kbit/s of 14 recordings, cut half a sound
later, at most 0.10 do, and of made noise at 8 kHz 0.13; between other recordings about half: no
fewer than 0.45 in 25,000 random places, and 0.41 in the 3,400 that shared most codes of 20,000."""
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
HITS = 256
"""Largest number of occurrences of one code that are followed up …"""
MAX_HITS = 4_096
"""… and of all codes of a sound, the rarest first: a common code says little, and so the number of
comparisons grows no faster than that of sounds."""
PLACES = 8
"""Number of places in other sounds that are compared per sound: those sharing most codes."""
BLOCK = 256
"""Number of sounds that are looked for at once."""
PLACE_BITS = np.uint64(33)
"""Number of bits of a place among all codes: three years of sound …"""
PLACE = np.uint64((1 << 33) - 1)
"""… and all of these bits."""


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
        index = _Index(sounds, b)

        def look(some: IntArray) -> Matches:
            p, q, lag = index.places(some, source, inside=inside)
            errors = _errors(sounds, p, q, lag)
            same = errors <= ERRORS
            return p[same], q[same], errors[same]

        for i, found in enumerate(in_threads(look, wanted, BLOCK)):
            yield found
            progress(min((i + 1) * BLOCK, len(wanted)), len(wanted))

    return find_copies(sounds.levels["digest"], source, (a, b), search)


class _Index:
    """Index of the codes of some sounds; every second one of each is enough.

    One sorted number stands for each: the code, and its place among the codes of all sounds.
    """

    def __init__(self, sounds: Sounds, some: IntArray) -> None:
        self._sounds = sounds
        entries = [np.zeros(0, dtype=np.uint64)]
        for start in range(0, len(some), BLOCK):
            sound, frame = _positions(sounds, some[start : start + BLOCK])
            place = sounds.begin[sound] + frame
            indexed = (frame % 2 == 0) & (sounds.codes[place] >= HEARD)
            entries.append(_entry(sounds.codes[place[indexed]], place[indexed]))
        self._entries = np.concatenate(entries)
        self._entries.sort()

    def places(
        self, some: IntArray, source: IntArray, *, inside: bool
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return sounds, others that may hold them, and the lag in frames: int64 ``[m]`` each."""
        begin, end = self._sounds.begin, self._sounds.end
        sound, frame = _positions(self._sounds, some)
        codes = self._sounds.codes[begin[sound] + frame]
        heard = np.flatnonzero(codes >= HEARD)
        heard = heard[np.argsort(codes[heard])]  # in order they are looked up several times as fast
        codes, sound, frame = codes[heard], sound[heard], frame[heard]
        before = begin[sound] if inside else np.full(len(sound), end[-1])
        low = np.searchsorted(self._entries, _entry(codes, np.zeros_like(before)))
        count = np.searchsorted(self._entries, _entry(codes, before)) - low
        rare_first = np.lexsort((count, sound))
        low, count, sound, frame = (x[rare_first] for x in (low, count, sound, frame))
        count = np.minimum(count, HITS)
        used = np.cumsum(count) - count
        used -= used[np.searchsorted(sound, sound)]  # counted for each sound anew
        count = np.clip(MAX_HITS - used, 0, count)
        query = np.repeat(np.arange(len(count)), count)
        hit = low[query] + np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
        place = (self._entries[hit] & PLACE).astype(np.int64)
        p, q = sound[query], np.searchsorted(end, place, side="right")
        lag = place - begin[q] - frame[query]
        fits = source[p] != source[q]
        p, q, lag = p[fits], q[fits], lag[fits]
        # Frames that give the same place count together; places found by most frames come first.
        lowest = lag.min(initial=0)
        shape = (len(end), len(end), int(lag.max(initial=0) - lowest) + 1)
        key, votes = np.unique(
            np.ravel_multi_index((p, q, lag - lowest), shape), return_counts=True
        )
        of = key // (shape[1] * shape[2])
        order = np.lexsort((-votes, of))
        p, q, lag = np.unravel_index(key[order][rank_in_group(of[order]) < PLACES], shape)
        return p, q, lag + lowest


def _entry(codes: Codes, place: IntArray) -> npt.NDArray[np.uint64]:
    """Pack audible codes, without the bit that says so, and their places into one number each."""
    return ((codes - HEARD).astype(np.uint64) << PLACE_BITS) | place.astype(np.uint64)


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
    # The duration of the sounds, not the number of codes.
    enough = (
        (common + SPAN >= OVERLAP * (np.minimum(lengths[p], lengths[q]) + SPAN))
        & (count >= np.maximum(FRAMES, HEARD_SHARE * common))
        & ((varied & both).sum(axis=1) >= VARIED * count)
    )
    share = errors / np.maximum(BITS * (count + one.sum(axis=1)), 1)
    return np.where(enough, share, np.inf).astype(np.float32)
