"""The pair store: one dataset on disk, read as far as it is looked at.

::

    store.json        format, dataset, configuration, sizes, classes, counts, licence, hashes
    images.npy        uint8 [n, S, S, 3]
    audio.npy         int16 [samples of all pairs]; pairs of one sound share it
    index.parquet     one row per pair: label, split, source, start, audio_start, audio_length,
                      factor:<name> for each known factor; where they are known, the time of the
                      frame, and lists of further labels and of those that are audible and visible
    card.md           the data card: the same for people
    sources.parquet   one row per file that was cut: its hash, length, sizes, rates, codecs
    rejected.parquet  what was left out, with the reason
    missing.csv       clips that a list names and that are not there
    corrections.csv   later decisions on labels (``row, label``; no label: left out)
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.data.npy_files import StoredArray
from a2ibench.data.store_record import FORMAT as FORMAT
from a2ibench.data.store_record import OtherFormatError, read_record
from a2ibench.data.store_tables import FURTHER, INDEX, read_table
from a2ibench.errors import UserError, command, unknown
from a2ibench.types import FloatArray, ImageArray, Images, IntArray, Split

if TYPE_CHECKING:
    import pandas as pd

FULL_SCALE = 32_767
"""The int16 value of a sample of 1."""
LEFT_OUT = "none"
"""The split of a pair that a correction leaves out."""
CORRECTIONS = "corrections.csv"


class PairStore:
    """A prepared dataset.

    Args:
        root: its folder.

    Attributes:
        about: the content of ``store.json`` (:class:`~a2ibench.data.store_record.StoreRecord`).
        images: uint8 ``[n, S, S, 3]``, on disk.
        audio: int16 ``[samples of all pairs]``, on disk.
        index: one row per pair, with its corrected label; a pair that was left out has the split
            ``"none"``.
        stored_hash: hash of the pairs on disk.
        content_hash: hash of the pairs in use, corrections included.

    Raises:
        UserError: the folder is not a pair store, or one of another format.
        DamagedError: its files are missing, damaged, or do not fit together.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        about = root / "store.json"
        if not about.is_file():
            raise UserError(
                f"{root}: not a pair store (it has no store.json);"
                " `a2ibench data prepare VIDEOS --out DIR` makes one from a folder of videos"
            )
        try:
            self.about: Mapping[str, Any] = read_record(about)
        except OtherFormatError as error:
            raise UserError(
                f"{root}: a pair store of format {error}; this a2ibench reads format {FORMAT}:"
                " prepare the dataset again"
            ) from None
        except (OSError, ValueError) as error:
            raise damaged(root, f"store.json: {error}") from error
        self.name: str = self.about["dataset"]
        self.classes: tuple[str, ...] = tuple(self.about["classes"])
        self.image_size: int = self.about["image_size"]
        self.sample_rate: int = self.about["sample_rate"]
        self.stored_hash: str = self.about["content_hash"]
        try:
            self.images = _open(root / "images.npy")
            self.audio = _open(root / "audio.npy")
            self.index = self.stored_index()
            self._audio_start: IntArray = self.index["audio_start"].to_numpy(dtype=np.int64)
            self._audio_length: IntArray = self.index["audio_length"].to_numpy(dtype=np.int64)
            self._check()
        except (OSError, ValueError) as error:
            raise damaged(root, str(error)) from error
        self.content_hash = self._correct()

    def _check(self) -> None:
        """Check that the files fit together, without reading images and sounds.

        Raises:
            ValueError: they do not.
        """
        about = self.about
        if self.stored_hash != hash_content(self.sample_rate, about["sha256"]):
            raise ValueError("store.json: content_hash does not follow from sha256 and sample_rate")
        shape = (about["n"], self.image_size, self.image_size, 3)
        if self.images.dtype != np.uint8 or self.images.shape != shape:
            raise ValueError(
                f"images.npy: expected uint8 {shape}, got {self.images.dtype} {self.images.shape}"
            )
        if self.audio.dtype != np.int16 or len(self.audio.shape) != 1:
            raise ValueError(
                f"audio.npy: expected int16 [T], got {self.audio.dtype} {self.audio.shape}"
            )
        start, length = self._audio_start, self._audio_length
        if len(self.index) != len(self.images):
            raise ValueError("its files hold different numbers of pairs or samples")
        last = len(self.audio) - length  # so that no sum can overflow
        if (length < 1).any() or (start < 0).any() or (start > last).any():
            raise ValueError("index.parquet: it does not fit audio.npy")
        if len(self.audio) != (start + length).max(initial=0):
            raise ValueError("its files hold different numbers of pairs or samples")
        if set(self.index["label"]) != set(self.classes):
            raise ValueError("classes and labels differ")
        sides = self.index["split"].value_counts().to_dict()
        if sides != about["counts"]:
            raise ValueError(
                f"index.parquet: expected {about['counts']} pairs (store.json), got {sides}"
            )

    def _correct(self) -> str:
        """Apply the corrections to the index, and return the hash of the pairs then in use.

        Raises:
            UserError: they cannot be read or do not fit the index.
        """
        self.corrections = read_corrections(self.root)
        if not self.corrections:
            return self.stored_hash
        labels = self.index["label"].to_numpy(dtype=object, copy=True)
        splits = self.index["split"].to_numpy(dtype=object, copy=True)
        for row, label in self.corrections.items():
            if not 0 <= row < len(self.index):
                raise _wrong_corrections(self.root, f"there is no row {row}")
            if label and label not in self.classes:
                known = unknown("class", label, self.classes)
                raise _wrong_corrections(self.root, f"row {row}: {known}")
            if label:
                labels[row] = label
            else:
                splits[row] = LEFT_OUT
        for side in ("train", "test"):
            if not (splits == side).any():
                raise _wrong_corrections(self.root, f"they leave no {side} pairs")
        self.index = self.index.assign(label=labels, split=splits)
        self.classes = tuple(sorted(set(labels[splits != LEFT_OUT])))
        text = json.dumps([self.stored_hash, sorted(self.corrections.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def counts(self) -> dict[str, int]:
        """Number of pairs in use on each side of the split."""
        return {side: len(self.rows(side)) for side in ("train", "test")}

    def rows(self, split: Split) -> IntArray:
        """Return the positions of the pairs on one side of the split, in order: int64 ``[n]``."""
        return np.flatnonzero(self.index["split"].to_numpy() == split).astype(np.int64)

    def waveform(self, row: int) -> FloatArray:
        """Read the audio of one pair: float32 ``[T]`` in [−1, 1]."""
        start = self._audio_start[row]
        return to_waveform(self.audio[start : start + self._audio_length[row]])

    def hash_files(self) -> dict[str, str]:
        """Read all bytes, and return the sha256 of the present content of each file."""
        return content_hashes(self.images, self.audio, self.stored_index())

    def stored_index(self) -> "pd.DataFrame":
        """Read the index as it was prepared, without corrections.

        Raises:
            ValueError: ``index.parquet`` is damaged.
        """
        table = read_table(self.root / "index.parquet", INDEX, FURTHER)
        return table.reset_index(drop=True)

    def label(self, rows: IntArray) -> IntArray:
        """Return the class indices of some pairs: int64 ``[len(rows)]``."""
        position = {name: i for i, name in enumerate(self.classes)}
        return np.array([position[name] for name in self.index["label"].iloc[rows]], dtype=np.int64)


class StoredImages:
    """A selection of images, read from the store when they are indexed.

    Args:
        images: uint8 ``[N, S, S, 3]``, an array on disk or a selection of one.
        rows: int64 ``[n]``, positions of the selected images.
    """

    def __init__(self, images: Images, rows: IntArray) -> None:
        self._images = images
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: IntArray | slice) -> ImageArray:
        return np.asarray(self._images[self._rows[index]])


class DamagedError(UserError):
    """A pair store whose files are missing, cut off, or do not fit together."""


def to_waveform(stored: npt.NDArray[np.int16]) -> FloatArray:
    """Convert stored samples to float32 in [−1, 1]."""
    return stored.astype(np.float32) / np.float32(FULL_SCALE)


def _open(path: Path) -> StoredArray:
    """Open an array of the store; name its file in errors."""
    try:
        return StoredArray(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def damaged(root: Path, reason: str) -> DamagedError:
    """Return the error for a pair store whose files are not as they were written."""
    return DamagedError(f"{root}: damaged pair store ({reason}); remove it and prepare it again")


def read_corrections(root: Path) -> dict[int, str]:
    """Read the corrections of a store: row → its right label, or ``""`` to leave it out.

    Raises:
        UserError: the file is not one that `a2ibench data clean DIR --apply` writes.
    """
    import pandas as pd

    path = root / CORRECTIONS
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        rows = [int(row) for row in table["row"]]
        labels = [str(label) for label in table["label"]]
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise _wrong_corrections(root, f"damaged: {said[0]}") from error
    made = dict(zip(rows, labels, strict=True))
    if len(made) < len(rows):
        twice = next(row for row in rows if rows.count(row) > 1)
        raise _wrong_corrections(root, f"row {twice} is listed twice")
    return made


def _wrong_corrections(root: Path, reason: str) -> UserError:
    return UserError(
        f"{root / CORRECTIONS}: {reason}; `{command('data', 'clean', root, '--undo')}` removes the"
        " corrections"
    )


def content_hashes(
    images: StoredArray, audio: StoredArray, index: "pd.DataFrame"
) -> dict[str, str]:
    """Return the sha256 of the content of each file of a store, whatever library wrote it.

    The files are read at the same time.
    """
    stop = Event()
    with ThreadPoolExecutor(2) as threads:
        try:
            arrays = [threads.submit(_hash_array, array, stop) for array in (images, audio)]
            rows = hash_index(index)
            first, second = (array.result() for array in arrays)
        finally:
            stop.set()  # whoever interrupts does not wait for the rest
    return {"images.npy": first, "audio.npy": second, "index.parquet": rows}


def _hash_array(array: StoredArray, stop: Event) -> str:
    """Return the sha256 of an array on disk, or of its beginning once ``stop`` is set."""
    digest = hashlib.sha256()
    step = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        if stop.is_set():
            break
        digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()


def hash_index(index: "pd.DataFrame") -> str:
    """Return the sha256 of the rows of an index; a value that a pair lacks does not count."""
    digest = hashlib.sha256()
    for row in index.to_dict("records"):
        kept = {name: value for name, value in row.items() if not _lacks(value)}
        digest.update(json.dumps(kept, sort_keys=True).encode())
    return digest.hexdigest()


def _lacks(value: object) -> bool:
    return value is None or value != value  # NaN is not itself


def hash_content(sample_rate: int, hashes: Mapping[str, str]) -> str:
    """Return the identity of a store; the same samples at another rate are another sound."""
    text = json.dumps([FORMAT, sample_rate, *sorted(hashes.items())])
    return hashlib.sha256(text.encode()).hexdigest()
