"""Acoustic features of a store: encoded once, cached, standardised with training statistics."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from a2ibench.cache import cached
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.encoding import encode_sounds
from a2ibench.data.file_times import recordings
from a2ibench.data.npy_files import StoredArray, open_array
from a2ibench.data.pair_labels import labels_of
from a2ibench.data.sounds import stored_sounds
from a2ibench.data.store import PairStore, StoredImages
from a2ibench.data.verification import verify
from a2ibench.errors import UserError
from a2ibench.protocol import PROTOCOL
from a2ibench.storage import atomic_write, cache_dir, content_key
from a2ibench.types import FloatArray, Pairs, Split

Progress = Callable[[int, int], None]
"""Called with the number of sounds encoded so far and in total."""
Stored = TypeVar("Stored", FloatArray, StoredArray)


def encode_store(
    store: PairStore,
    encoder: Encoder,
    progress: Progress = lambda done, total: None,
) -> FloatArray:
    """Encode the sounds of a store, or read their features from the cache.

    Waveforms are resampled to the encoder's rate, and tiled where they are too short for it
    (:func:`~a2ibench.data.sounds.too_short` counts them).

    Args:
        store: the pairs.
        encoder: its identity is part of the cache's key.
        progress: called with the number of sounds encoded so far and in total.

    Returns:
        float32 ``[len(store), d]``, a read-only memory map.

    Raises:
        UserError: the store is damaged (:func:`~a2ibench.data.verification.verify`), or the cache
            cannot be written; or as :func:`~a2ibench.data.encoding.encode_sounds`.
        ValueError: the encoder returns another shape, or NaN or infinite numbers.
    """
    return _encoded(store, encoder, progress, open_array)


def encode_to_disk(
    store: PairStore, encoder: Encoder, progress: Progress = lambda done, total: None
) -> StoredArray:
    """Do as :func:`encode_store`, for features that are read in parts."""
    return _encoded(store, encoder, progress, StoredArray)


def _encoded(
    store: PairStore, encoder: Encoder, progress: Progress, opened: Callable[[Path], Stored]
) -> Stored:
    verify(store)  # even if they are cached: models are trained on the pictures as well
    key = content_key([store.stored_hash, store.sample_rate, encoder.identity(), PROTOCOL])

    def read(path: Path) -> Stored:
        features = opened(path)
        if features.dtype != np.float32 or features.shape != (len(store), encoder.dim):
            raise ValueError(
                f"expected float32 {(len(store), encoder.dim)}, got {features.dtype}"
                f" {features.shape}"
            )
        return features

    return cached(
        cache_dir("features") / f"{encoder.name}-{key}.npy",
        lambda path: encode_sounds(store, encoder, path, progress),
        read,
    )


@dataclass(frozen=True)
class Standardiser:
    """``(a − mean) / std``, dimension by dimension.

    A dimension that is constant in the fitted data has std 1: it is centred, not scaled.

    Attributes:
        mean: float64 ``[d]``.
        std: float64 ``[d]``, of the population, above 0.
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, raw: FloatArray) -> "Standardiser":
        """Compute the statistics of ``[n, d]``, n ≥ 1."""
        if raw.ndim != 2 or len(raw) == 0:
            raise ValueError(f"expected features [n ≥ 1, d], got shape {raw.shape}")
        # Compared exactly: the std of equal numbers can come out as rounding noise above 0.
        constant = raw.max(axis=0) == raw.min(axis=0)
        std = raw.std(axis=0, dtype=np.float64)
        return cls(raw.mean(axis=0, dtype=np.float64), np.where(constant, 1.0, std))

    def __call__(self, raw: FloatArray) -> FloatArray:
        """Standardise float32 ``[..., d]``."""
        if raw.shape[-1] != len(self.mean):
            raise ValueError(f"expected d = {len(self.mean)}, got shape {raw.shape}")
        return ((raw - self.mean) / self.std).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write both vectors as safetensors, atomically."""
        from safetensors.numpy import save_file

        with atomic_write(path) as temporary:
            save_file({"mean": self.mean, "std": self.std}, temporary)

    @classmethod
    def load(cls, path: Path) -> "Standardiser":
        """Read a file that :meth:`save` wrote.

        Raises:
            UserError: it is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            kept = load_file(path)
            return cls(kept["mean"], kept["std"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged or missing ({error}); train again") from error


def split_pairs(
    store: PairStore, raw: FloatArray, standardiser: Standardiser | None = None
) -> tuple[Pairs, Pairs, Standardiser]:
    """Return both sides of the split, with standardised features.

    Args:
        store: the pairs.
        raw: their features, ``[len(store), d]``.
        standardiser: one fitted before; None fits one on the training rows.

    Returns:
        The training pairs, the test pairs, and the standardiser of both.
    """
    if len(raw) != len(store):
        raise ValueError(f"expected features of {len(store)} pairs, got {len(raw)}")
    if standardiser is None:
        standardiser = Standardiser.fit(raw[store.rows("train")])
    known = recordings(store)
    train, test = (
        _side(store, split, standardiser(raw[store.rows(split)]), known)
        for split in ("train", "test")
    )
    return train, test, standardiser


def bare_pairs(store: PairStore, split: Split) -> Pairs:
    """Return one side of the split without features, before anything is encoded.

    Returns:
        Pairs whose ``acoustic`` is ``[n, 0]``.
    """
    none = np.empty((len(store.rows(split)), 0), dtype=np.float32)
    return _side(store, split, none, recordings(store))


def _side(
    store: PairStore,
    split: Split,
    acoustic: FloatArray,
    known: tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]],
) -> Pairs:
    rows, (names, begins) = store.rows(split), known
    start = (store.index["start"].to_numpy(dtype=np.float64) + begins)[rows]
    seconds = store.index["audio_length"].to_numpy(dtype=np.float64)[rows] / store.sample_rate
    return Pairs(
        images=StoredImages(store.images, rows),
        acoustic=acoustic,
        label=store.label(rows),
        classes=store.classes,
        source=store.index["source"].to_numpy(dtype=np.str_)[rows],
        factors={
            column.removeprefix("factor:"): store.index[column].to_numpy(dtype=np.float32)[rows]
            for column in map(str, store.index)
            if column.startswith("factor:") and store.index[column].notna().all()
        },
        span=np.column_stack([start, start + seconds]),
        sounds=stored_sounds(store, rows),
        labels=labels_of(store, rows),
        recording=names[rows],
    )
