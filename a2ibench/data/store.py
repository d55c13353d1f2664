"""The pair store: one dataset on disk, read through memory maps.

::

    store.json        format, dataset, configuration, sizes, classes, counts, licence, hashes
    images.npy        uint8 [n, S, S, 3]
    audio.npy         int16 [samples of all pairs]; pairs of one sound share it
    index.parquet     one row a pair: label, split, source, start, audio_start, audio_length,
                      factor:<name> for each known factor
    card.md           the data card: the same for people
    sources.parquet   one row a file that was cut: its hash, length, sizes, rates, codecs
    rejected.parquet  what was left out, with the reason
    missing.csv       clips that a list names and that are not there
    corrections.csv   decisions on labels taken since (``row, label``; no label: left out)
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.data.types import FloatArray, ImageArray, Images, IntArray, Split
from a2ibench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
"""Version of the layout on disk."""
FULL_SCALE = 32_767
"""The int16 of a sample of 1."""
LEFT_OUT = "none"
"""The split of a pair that a correction takes out."""
CORRECTIONS = "corrections.csv"


class PairStore:
    """A prepared dataset.

    Args:
        root: its folder.

    Attributes:
        index: one row a pair, with its corrected label; a pair that was left out has the split
            ``"none"``.
        stored_hash: of the pairs as they lie on disk.
        content_hash: of the pairs as they are used, corrections included.

    Raises:
        UserError: not a pair store, one of another format, or one with missing files.
    """

    def __init__(self, root: Path) -> None:
        import pandas as pd

        self.root = root
        about = root / "store.json"
        if not about.is_file():
            raise UserError(
                f"{root}: not a pair store (it has no store.json);"
                " `a2ibench data prepare VIDEOS --out DIR` makes one of a folder of films"
            )
        try:
            self.about: Mapping[str, Any] = json.loads(about.read_text(encoding="utf-8"))
            stored = self.about["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(root, f"store.json: {error}") from error
        if stored != FORMAT:
            raise UserError(
                f"{root}: a pair store of format {stored}; this a2ibench reads format {FORMAT}:"
                " prepare the dataset again"
            )
        try:
            self.images: ImageArray = np.load(root / "images.npy", mmap_mode="r")
            self._audio: npt.NDArray[np.int16] = np.load(root / "audio.npy", mmap_mode="r")
            self.index = pd.read_parquet(root / "index.parquet")
            self._audio_start: IntArray = self.index["audio_start"].to_numpy(dtype=np.int64)
            self._audio_length: IntArray = self.index["audio_length"].to_numpy(dtype=np.int64)
            self.name: str = self.about["dataset"]
            self.classes: tuple[str, ...] = tuple(self.about["classes"])
            self.image_size: int = self.about["image_size"]
            self.sample_rate: int = self.about["sample_rate"]
            self.stored_hash: str = self.about["content_hash"]
            self._check()
            self.content_hash = self._correct()
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise _damaged(root, str(error)) from error

    def _check(self) -> None:
        """Whether the files fit together; the bytes of images and sounds are not read.

        Raises:
            ValueError, KeyError, TypeError: they do not.
        """
        shape = (self.about["n"], self.image_size, self.image_size, 3)
        if self.images.dtype != np.uint8 or self.images.shape != shape:
            raise ValueError(
                f"images: expected uint8 {shape}, got {self.images.dtype} {self.images.shape}"
            )
        if self._audio.dtype != np.int16 or self._audio.ndim != 1:
            raise ValueError(f"audio: expected int16 [T], got {self._audio.dtype}")
        ends = self._audio_start + self._audio_length
        if len(self.index) != len(self.images) or len(self._audio) != ends.max(initial=0):
            raise ValueError("its files hold different numbers of pairs or samples")
        if (self._audio_length < 1).any() or (self._audio_start < 0).any():
            raise ValueError("the index does not fit the audio")
        if set(self.index["label"]) != set(self.classes):
            raise ValueError("classes and labels differ")
        sides = self.index["split"].value_counts().to_dict()
        if sides != self.about["counts"] or not {"source", "start"} <= set(self.index.columns):
            raise ValueError("the index does not fit store.json")
        if not (isinstance(self.sample_rate, int) and isinstance(self.about["config"], dict)):
            raise ValueError("store.json: sample_rate or config")

    def _correct(self) -> str:
        """Applies the corrections to the index and returns the hash of what is used then.

        Raises:
            UserError: they cannot be read or do not fit the index.
        """
        self.corrections = read_corrections(self.root)
        if not self.corrections:
            return self.stored_hash
        labels = self.index["label"].to_numpy(dtype=object)
        splits = self.index["split"].to_numpy(dtype=object)
        for row, label in self.corrections.items():
            if not 0 <= row < len(self.index):
                raise UserError(
                    f"{self.root / CORRECTIONS}: there is no row {row};"
                    f" `a2ibench data clean {self.root} --undo` removes the corrections"
                )
            if label:
                labels[row] = label
            else:
                splits[row] = LEFT_OUT
        self.index = self.index.assign(label=labels, split=splits)
        self.classes = tuple(sorted(set(labels[splits != LEFT_OUT])))
        text = json.dumps([self.stored_hash, sorted(self.corrections.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def counts(self) -> dict[str, int]:
        """Pairs in use on each side of the split."""
        return {side: len(self.rows(side)) for side in ("train", "test")}

    def rows(self, split: Split) -> IntArray:
        """Positions of the pairs of one side of the split, in order: int64 ``[n]``."""
        return np.flatnonzero(self.index["split"].to_numpy() == split).astype(np.int64)

    def waveform(self, row: int) -> FloatArray:
        """The audio of one pair: float32 ``[T]`` in [−1, 1]."""
        start = self._audio_start[row]
        stored = self._audio[start : start + self._audio_length[row]]
        return stored.astype(np.float32) / np.float32(FULL_SCALE)

    def damaged(self) -> list[str]:
        """The files whose content is not what was written: all bytes are read again."""
        found = content_hashes(self.images, self._audio, self.stored_index())
        return [name for name, value in found.items() if value != self.about["sha256"][name]]

    def stored_index(self) -> "pd.DataFrame":
        """The index as it was prepared: no correction is applied."""
        import pandas as pd

        return pd.read_parquet(self.root / "index.parquet")

    def label(self, rows: IntArray) -> IntArray:
        """Class indices of some pairs: int64 ``[len(rows)]``."""
        position = {name: i for i, name in enumerate(self.classes)}
        return np.array([position[name] for name in self.index["label"].iloc[rows]], dtype=np.int64)


class StoredImages:
    """Rows of a store's images, or of such rows again, read where they are asked for.

    Args:
        images: uint8 ``[N, S, S, 3]``, a memory map or rows of one.
        rows: int64 ``[n]``, which of them.
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


def _damaged(root: Path, reason: str) -> DamagedError:
    return DamagedError(f"{root}: damaged pair store ({reason}); remove it and prepare it again")


def read_corrections(root: Path) -> dict[int, str]:
    """The decisions on labels of a store: row → its right label, or ``""`` to leave it out.

    Raises:
        UserError: the file is not what `a2ibench data clean DIR --apply` writes.
    """
    import pandas as pd

    path = root / CORRECTIONS
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        return {int(row): label for row, label in zip(table["row"], table["label"], strict=True)}
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path}: damaged ({error}); `a2ibench data clean {root} --undo` removes it"
        ) from error


def content_hashes(
    images: ImageArray, audio: npt.NDArray[np.int16], index: "pd.DataFrame"
) -> dict[str, str]:
    """sha256 of the content of each file of a store, whatever library wrote it."""
    return {
        "images.npy": _hash_array(images),
        "audio.npy": _hash_array(audio),
        "index.parquet": hash_index(index),
    }


def _hash_array(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    step = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()


def hash_index(index: "pd.DataFrame") -> str:
    """sha256 of the rows of an index; a factor that a pair lacks does not count."""
    digest = hashlib.sha256()
    for row in index.to_dict("records"):
        kept = {name: value for name, value in row.items() if value == value}  # NaN is not itself
        digest.update(json.dumps(kept, sort_keys=True).encode())
    return digest.hexdigest()


def hash_content(sample_rate: int, hashes: Mapping[str, str]) -> str:
    """The identity of a store: the same samples at another rate are another sound."""
    text = json.dumps([FORMAT, sample_rate, *sorted(hashes.items())])
    return hashlib.sha256(text.encode()).hexdigest()
