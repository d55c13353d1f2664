"""Sounds of pairs as waveforms, streamed from the store: each distinct one once."""

from collections.abc import Iterator

import numpy as np

from a2ibench.data.store import PairStore
from a2ibench.media.audio import fit_length, resample
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, IntArray, Sounds

CHUNK = 64
"""Waveforms held in memory and handed out at once."""


def stored_sounds(store: PairStore, rows: IntArray) -> Sounds:
    """Return the sounds of some pairs of a store, int64 ``[n]``; nothing is read."""
    return Sounds(
        origin=content_key([store.about["sha256"]["audio.npy"], store.sample_rate]),
        sample_rate=store.sample_rate,
        row=rows,
        start=store.index["audio_start"].to_numpy(dtype=np.int64)[rows],
        length=store.index["audio_length"].to_numpy(dtype=np.int64)[rows],
        read=store.waveform,
    )


def distinct(sounds: Sounds) -> tuple[IntArray, IntArray]:
    """Find the sounds that several pairs share.

    Returns:
        int64 ``[m]``, positions of the distinct sounds, in the order of their place in the
        recording; and int64 ``[n]``, which of these each sound is.
    """
    place = np.column_stack([sounds.start, sounds.length])
    _, first, position = np.unique(place, axis=0, return_index=True, return_inverse=True)
    return first.astype(np.int64), position.astype(np.int64).reshape(-1)


def chunks(sounds: Sounds) -> list[IntArray]:
    """Return positions of sounds of one length each, int64 ``[c]``, at most :data:`CHUNK`."""
    order = np.argsort(sounds.length, kind="stable").astype(np.int64)
    groups = np.split(order, np.flatnonzero(np.diff(sounds.length[order])) + 1)
    return [group[i : i + CHUNK] for group in groups for i in range(0, len(group), CHUNK)]


def waveforms(
    sounds: Sounds, sample_rate: int, min_samples: int
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Read sounds in chunks of one length, resampled, and tiled where they are too short.

    Args:
        sounds: the sounds.
        sample_rate: in hertz, of what is returned.
        min_samples: length to which shorter sounds are repeated (:func:`too_short` counts them).

    Yields:
        int64 ``[c]``, positions of at most :data:`CHUNK` sounds; and float32 ``[c, T]``.
    """
    for chunk in chunks(sounds):
        read = [resample(sounds[i], sounds.sample_rate, sample_rate) for i in chunk]
        yield chunk, np.stack([fit_length(one, min_samples) for one in read])


def too_short(sounds: Sounds, sample_rate: int, min_samples: int) -> int:
    """Count the sounds that are shorter than ``min_samples`` at a rate, and are tiled."""
    return int(np.count_nonzero(sounds.length / sounds.sample_rate < min_samples / sample_rate))
