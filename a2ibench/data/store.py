"""The pair store: one dataset on disk, read through memory maps.

::

    store.json      format, dataset, configuration, sizes, classes, counts, content hash
    images.npy      uint8 [n, S, S, 3]
    audio.npy       float32 [samples of all pairs, end to end]
    index.parquet   one row a pair: label, split, source, start, audio_start, audio_length,
                    factor:<name> for each known factor
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.types import FloatArray, ImageArray, Images, IntArray, Pair, Split
from a2ibench.errors import UserError
from a2ibench.storage import write_json

FORMAT = 1
"""Version of the layout on disk."""


class PairStore:
    """A prepared dataset.

    Args:
        root: its folder.

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
                " `a2ibench data prepare NAME --out DIR` makes one"
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
            self._audio: FloatArray = np.load(root / "audio.npy", mmap_mode="r")
            self.index = pd.read_parquet(root / "index.parquet")
            self._audio_start: IntArray = self.index["audio_start"].to_numpy(dtype=np.int64)
            self._audio_length: IntArray = self.index["audio_length"].to_numpy(dtype=np.int64)
            self.name: str = self.about["dataset"]
            self.classes: tuple[str, ...] = tuple(self.about["classes"])
            self.image_size: int = self.about["image_size"]
            self.sample_rate: int = self.about["sample_rate"]
            self.content_hash: str = self.about["content_hash"]
            self._check()
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
        if self._audio.dtype != np.float32 or self._audio.ndim != 1:
            raise ValueError(f"audio: expected float32 [T], got {self._audio.dtype}")
        ends = np.cumsum(self._audio_length)
        if len(self.index) != len(self.images) or len(self._audio) != self._audio_length.sum():
            raise ValueError("its files hold different numbers of pairs or samples")
        if (self._audio_length < 1).any() or (self._audio_start != ends - self._audio_length).any():
            raise ValueError("the index does not fit the audio")
        if set(self.index["label"]) != set(self.classes):
            raise ValueError("classes and labels differ")
        sides = self.index["split"].value_counts().to_dict()
        if sides != self.about["counts"] or not {"source", "start"} <= set(self.index.columns):
            raise ValueError("the index does not fit store.json")
        if not (isinstance(self.sample_rate, int) and isinstance(self.about["config"], dict)):
            raise ValueError("store.json: sample_rate or config")

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, split: Split) -> IntArray:
        """Positions of the pairs of one side of the split, in order: int64 ``[n]``."""
        return np.flatnonzero(self.index["split"].to_numpy() == split).astype(np.int64)

    def waveform(self, row: int) -> FloatArray:
        """The audio of one pair: float32 ``[T]`` in [−1, 1]."""
        start = self._audio_start[row]
        return self._audio[start : start + self._audio_length[row]]

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


def write_store(
    pairs: Iterable[Pair],
    root: Path,
    *,
    dataset: str,
    version: int,
    config: Mapping[str, Any],
    sample_rate: int,
    progress: Callable[[int], None] = lambda done: None,
) -> PairStore:
    """Writes pairs to a new store, one at a time: memory stays flat in their number.

    The folder appears whole, at the end, or not at all.

    Args:
        pairs: all of one image size.
        root: the folder to make.
        dataset: the dataset's name.
        version: the dataset's version.
        config: the dataset's configuration, plain values.
        sample_rate: of the audio, in hertz.
        progress: called with the number of pairs written so far.

    Raises:
        UserError: ``root`` holds something else already, there are no pairs, a split is empty, or
            a source is on both sides of the split.
        TypeError: a pair is not what :class:`~a2ibench.data.types.Pair` promises.
    """
    import pandas as pd

    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise UserError(f"{root}: not an empty folder; choose another one or remove it")
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    # The same samples at another rate are another sound.
    digest = hashlib.sha256(f"format {FORMAT}, {sample_rate} Hz".encode())
    rows: list[dict[str, Any]] = []
    shape: tuple[int, ...] | None = None
    samples = 0
    try:
        with (
            (partial / "images.raw").open("wb") as images,
            (partial / "audio.raw").open("wb") as audio,
        ):
            for pair in pairs:
                if shape is None:
                    shape = pair.image.shape
                _check_pair(pair, shape)
                picture = np.ascontiguousarray(pair.image).data
                sound = np.ascontiguousarray(pair.audio, dtype="<f4").data
                images.write(picture)
                audio.write(sound)
                row = {
                    "label": pair.label,
                    "split": pair.split,
                    "source": pair.source,
                    "start": float(pair.start),
                    "audio_start": samples,
                    "audio_length": len(pair.audio),
                    **{f"factor:{name}": float(value) for name, value in pair.factors.items()},
                }
                digest.update(json.dumps(row, sort_keys=True).encode())
                digest.update(picture)
                digest.update(sound)
                rows.append(row)
                samples += len(pair.audio)
                progress(len(rows))
        index = pd.DataFrame(rows)
        _check_split(index, root)
        assert shape is not None
        _raw_to_npy(partial, "images", (len(rows), *shape), "|u1")
        _raw_to_npy(partial, "audio", (samples,), "<f4")
        index.to_parquet(partial / "index.parquet")
        write_json(
            partial / "store.json",
            {
                "format": FORMAT,
                "dataset": dataset,
                "version": version,
                "config": dict(config),
                "n": len(rows),
                "counts": {
                    split: int((index["split"] == split).sum()) for split in ("train", "test")
                },
                "classes": sorted(index["label"].unique().tolist()),
                "image_size": shape[0],
                "sample_rate": sample_rate,
                "content_hash": digest.hexdigest(),
            },
        )
        for file in partial.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        if root.exists():
            root.rmdir()
        partial.replace(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return PairStore(root)


def _damaged(root: Path, reason: str) -> UserError:
    return UserError(f"{root}: damaged pair store ({reason}); remove it and prepare it again")


def _check_pair(pair: Pair, shape: tuple[int, ...]) -> None:
    """Wiring errors of a dataset plug-in."""
    if (
        pair.image.dtype != np.uint8
        or pair.image.shape != shape
        or shape != (shape[0], shape[0], 3)
    ):
        raise TypeError(
            f"image of {pair.source}: expected uint8 [S, S, 3] of one S,"
            f" got {pair.image.dtype} {pair.image.shape}"
        )
    # Written so that NaN fails as well.
    if pair.audio.ndim != 1 or len(pair.audio) == 0 or not np.abs(pair.audio).max() <= 1:
        raise TypeError(
            f"audio of {pair.source}: expected float32 [T] in [−1, 1],"
            f" got {pair.audio.dtype} {pair.audio.shape}"
        )
    if pair.split not in ("train", "test"):
        raise TypeError(f"split of {pair.source}: expected train or test, got {pair.split!r}")


def _check_split(index: "Any", root: Path) -> None:
    if index.empty:
        raise UserError(f"{root}: the dataset yields no pairs")
    for split in ("train", "test"):
        if not (index["split"] == split).any():
            raise UserError(f"{root}: no {split} pairs; give the dataset more sources")
    sides = index.groupby("source")["split"].nunique()
    if (leaks := sides[sides > 1]).size:
        raise UserError(
            f"{root}: {leaks.size} sources are on both sides of the split, for example"
            f" {leaks.index[0]!r}: that leaks frames of one clip; split by source"
        )


def _raw_to_npy(folder: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """Gives a file of raw numbers, whose count was not known before, the header of a .npy file.

    The header is written to a new file and the numbers are moved behind it in large blocks.
    """
    with (
        (folder / f"{name}.npy").open("wb") as target,
        (folder / f"{name}.raw").open("rb") as source,
    ):
        np.lib.format.write_array_header_1_0(
            target, {"descr": dtype, "fortran_order": False, "shape": shape}
        )
        shutil.copyfileobj(source, target, 1 << 22)
    (folder / f"{name}.raw").unlink()
