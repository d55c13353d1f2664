"""Writing a pair store: part by part, so that what was cut off goes on."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from a2ibench.curation.sheet import guard
from a2ibench.data.card import card
from a2ibench.data.store import FORMAT, FULL_SCALE, PairStore, hash_content, hash_index
from a2ibench.errors import UserError
from a2ibench.storage import HeldError, lock, write_json
from a2ibench.types import FloatArray, Missing, Pair, Part, Rejected, RejectedError, Split

JOURNAL = "journal.jsonl"
MISSING = "missing.csv"
ARRAYS = ("images.npy", "audio.npy")

Sides = Callable[[Sequence[tuple[str, str]]], Mapping[str, Split]]
"""Source and label of every pair → the side of each source."""


def _as_written(clips: Sequence[tuple[str, str]]) -> Mapping[str, Split]:
    """Leaves each source on the side that its pairs say."""
    return {}


class StoreWriter:
    """Writes pairs to a new store: memory stays flat in their number.

    Everything goes to ``.NAME.partial`` beside the folder, which takes its name at the end. Each
    part ends with a line in a journal; a writer with the same identity goes on behind the last
    whole line, and another identity starts anew. Used as a context::

        with StoreWriter(root, identity) as writer:
            for part in dataset.parts(writer.parts):
                writer.add(part)
            store = writer.finish(licence="CC BY 4.0")

    Args:
        root: the folder to make.
        identity: ``dataset``, ``version``, ``config``, ``sample_rate`` and whatever else the
            pairs follow from; plain values.

    Attributes:
        parts: whole parts that are written, those of an earlier run included.
        pairs: the same for pairs.

    Raises:
        UserError: ``root`` holds something else already, or another process writes it.
    """

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        self.root = root
        self._check_free()
        self.parts = 0
        self._identity = json.loads(json.dumps(dict(identity)))
        self._partial = root.with_name(f".{root.name}.partial")
        self._rows: list[dict[str, Any]] = []
        self._rejected: list[dict[str, Any]] = []
        self._sources: list[dict[str, Any]] = []
        self._size: int | None = None
        self._samples = 0
        self._last_audio: tuple[FloatArray, int] | None = None
        self._images_hash, self._audio_hash = hashlib.sha256(), hashlib.sha256()

    @property
    def pairs(self) -> int:
        """See the class."""
        return len(self._rows)

    @property
    def rejected(self) -> Sequence[Mapping[str, Any]]:
        """``file``, ``reason`` and ``start`` of all that was left out so far."""
        return self._rejected

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """The facts on each file that was cut so far."""
        return self._sources

    def __enter__(self) -> "StoreWriter":
        with ExitStack() as held:
            try:
                held.enter_context(
                    lock(self.root.with_name(f"{self.root.name}.partial"), wait=False)
                )
            except HeldError:
                raise UserError(f"{self.root}: another process is preparing it already") from None
            self._check_free()  # another process may have made it meanwhile
            self._partial.mkdir(exist_ok=True)
            self._images, self._audio, self._journal = self._open()
            self._held = held.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._held:
            self._close()
            # Whole parts are kept for the next run, unless it cannot go on from them.
            if self.parts == 0 or isinstance(error, (TypeError, UnusableError)):
                shutil.rmtree(self._partial, ignore_errors=True)

    def _check_free(self) -> None:
        root = self.root
        if root.exists() and not (root.is_dir() and not any(root.iterdir())):
            what = (
                "a pair store already" if (root / "store.json").is_file() else "not an empty folder"
            )
            raise UserError(f"{root}: {what}; choose another folder, or remove it")

    def _close(self) -> None:
        for file in (self._images, self._audio, self._journal):
            file.close()

    def _open(self) -> tuple[BinaryIO, BinaryIO, BinaryIO]:
        lines = self._read_journal()
        paths = [self._partial / name for name in (*ARRAYS, JOURNAL)]
        for path in set(self._partial.iterdir()).difference(paths):
            path.unlink()  # of a run that was cut off while it finished
        if not lines:
            images, audio, journal = (path.open("wb+") for path in paths)
            _write_header(audio, (0,), "<i2")
            _append(journal, self._identity)
            return images, audio, journal
        images, audio, journal = (path.open("rb+") for path in paths)
        for line in lines:
            self._take(line)
        assert self._size is not None
        images_at, audio_at = (
            _write_header(images, (0, self._size, self._size, 3), "|u1"),
            _write_header(audio, (0,), "<i2"),
        )
        _resume(images, images_at, self.pairs * self._size**2 * 3, self._images_hash)
        _resume(audio, audio_at, self._samples * 2, self._audio_hash)
        journal.truncate(0)
        for entry in (self._identity, *lines):
            _append(journal, entry)
        return images, audio, journal

    def _read_journal(self) -> list[dict[str, Any]]:
        """The whole lines of an earlier run of the same identity whose data are there."""
        try:
            text = (self._partial / JOURNAL).read_text(encoding="utf-8")
            sizes = [(self._partial / name).stat().st_size for name in ARRAYS]
        except (OSError, ValueError):
            return []
        entries: list[Any] = []
        for line in text.splitlines():
            try:
                entries.append(json.loads(line))
            except (ValueError, RecursionError):
                break
        if not entries or entries[0] != self._identity:
            return []
        lines: list[dict[str, Any]] = []
        pairs = 0
        for entry in entries[1:]:
            if not _is_line(entry):
                break
            pairs += len(entry["rows"])
            image_bytes = pairs * (entry["image_size"] or 0) ** 2 * 3
            if image_bytes > sizes[0] or 2 * entry["samples"] > sizes[1]:
                break
            lines.append(entry)
        # Without a pair there is no size of the images yet, and nothing worth going on from.
        return lines if pairs else []

    def _take(self, line: Mapping[str, Any]) -> None:
        self._rows += line["rows"]
        self._rejected += line["rejected"]
        self._sources += [line["source"]] if line["source"] else []
        self._samples = line["samples"]
        self._size = line["image_size"]
        self.parts += 1

    def add(self, part: Part, progress: Callable[[int], None] = lambda done: None) -> None:
        """Writes one part.

        Args:
            part: what to write.
            progress: called after each pair with the number of pairs written so far.

        Raises:
            TypeError: a pair is not what :class:`~a2ibench.types.Pair` promises.
        """
        rows: list[dict[str, Any]] = []
        rejected = part.rejected
        take_back = self._mark()
        try:
            for pair in part.pairs:
                rows.append(self._write(pair))
                progress(self.pairs + len(rows))
        except RejectedError as error:
            take_back()
            rows.clear()
            rejected = (*rejected, Rejected(part.name, str(error)))
        line = {
            "rows": rows,
            "rejected": [asdict(one) for one in rejected],
            "source": dict(part.source),
            "samples": self._samples,
            "image_size": self._size,
        }
        self._images.flush()
        self._audio.flush()
        _append(self._journal, line)
        self._take(line)
        self._last_audio = None

    def _mark(self) -> Callable[[], None]:
        """Returns a function that takes back what was written since."""
        ends = [(file, file.tell()) for file in (self._images, self._audio)]
        hashes = self._images_hash.copy(), self._audio_hash.copy()
        size, samples = self._size, self._samples

        def take_back() -> None:
            for file, end in ends:
                file.seek(end)
                file.truncate()
            self._images_hash, self._audio_hash = hashes
            self._size, self._samples = size, samples

        return take_back

    def _write(self, pair: Pair) -> dict[str, Any]:
        if self._size is None:
            self._size = len(pair.image)
            _write_header(self._images, (0, self._size, self._size, 3), "|u1")
        _check_pair(pair, self._size)
        picture = np.ascontiguousarray(pair.image).data
        self._images.write(picture)
        self._images_hash.update(picture)
        if self._last_audio is None or self._last_audio[0] is not pair.audio:
            self._last_audio = (pair.audio, self._samples)
            sound = np.rint(pair.audio * FULL_SCALE).astype("<i2").data
            self._audio.write(sound)
            self._audio_hash.update(sound)
            self._samples += len(pair.audio)
        return {
            "label": pair.label,
            "split": pair.split,
            "source": pair.source,
            "start": float(pair.start),
            "audio_start": self._last_audio[1],
            "audio_length": len(pair.audio),
            **{f"factor:{name}": float(value) for name, value in pair.factors.items()},
        }

    def finish(
        self,
        licence: str = "",
        sides: Sides = _as_written,
        missing: Sequence[Missing] = (),
        notes: Sequence[str] = (),
    ) -> PairStore:
        """Writes the index and the card, and gives the folder its name.

        Args:
            licence: of the pairs.
            sides: settles the split, now that all pairs are known.
            missing: clips that a list names and that are not there.
            notes: for the card, a sentence each.

        Raises:
            UserError: there are no pairs, a split is empty, or a source is on both sides of it.
        """
        import pandas as pd

        index = pd.DataFrame(self._rows)
        sources = pd.DataFrame(self._sources)
        if len(index):
            side = sides(list(zip(index["source"], index["label"], strict=True)))
            index["split"] = [
                side.get(*kept) for kept in zip(index["source"], index["split"], strict=True)
            ]
            if "split" in sources:  # a file without a pair is on neither
                sides_of = dict(zip(index["source"], index["split"], strict=True))
                sources["split"] = [sides_of.get(source) for source in sources["source"]]
        _check_split(index, self.root, self._rejected, notes)
        assert self._size is not None
        _write_header(self._images, (self.pairs, self._size, self._size, 3), "|u1")
        _write_header(self._audio, (self._samples,), "<i2")
        self._close()
        partial = self._partial
        index.to_parquet(partial / "index.parquet")
        columns = ["file", "reason", "start"]
        rejected = pd.DataFrame(self._rejected, columns=columns).astype({"start": float})
        if self._sources or self._rejected:
            rejected.to_parquet(partial / "rejected.parquet")
            sources.to_parquet(partial / "sources.parquet")
        if missing:
            _write_missing(partial / MISSING, missing)
        hashes = {
            "images.npy": self._images_hash.hexdigest(),
            "audio.npy": self._audio_hash.hexdigest(),
            "index.parquet": hash_index(index),
        }
        about = {
            "format": FORMAT,
            **self._identity,
            "n": len(index),
            "counts": {split: int((index["split"] == split).sum()) for split in ("train", "test")},
            "classes": sorted(index["label"].unique().tolist()),
            "image_size": self._size,
            "licence": licence,
            **({"notes": list(notes)} if notes else {}),
            "sha256": hashes,
            "content_hash": hash_content(self._identity["sample_rate"], hashes),
        }
        write_json(partial / "store.json", about)
        text = card(about, index, sources, rejected)
        (partial / "card.md").write_text(text, encoding="utf-8")
        for path in partial.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        self._check_free()
        if self.root.exists():
            self.root.rmdir()
        partial.replace(self.root)
        # Not before: until the store has its name, a run that is cut off goes on from the journal.
        (self.root / JOURNAL).unlink()
        return PairStore(self.root)


def _is_line(entry: Any) -> bool:
    """Whether an entry of a journal is what :meth:`StoreWriter.add` writes."""
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), list) for name in ("rows", "rejected"))
        and all(isinstance(one, dict) for one in (*entry["rows"], *entry["rejected"]))
        and isinstance(entry.get("source"), dict)
        and isinstance(entry.get("samples"), int)
        and isinstance(entry.get("image_size"), int | None)
    )


class UnusableError(UserError):
    """The parts that were written can never become a store."""


def _write_missing(path: Path, missing: Sequence[Missing]) -> None:
    """A row per clip; a cell that a spreadsheet would run is guarded by an apostrophe."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["clip", "label", "split", "starts", "expected"])
        for one in missing:
            starts = " ".join(f"{start:g}" for start in one.starts)
            expected = " | ".join(one.expected)
            writer.writerow(
                [guard(one.clip), guard(one.label), one.split or "", starts, guard(expected)]
            )


def _append(journal: BinaryIO, entry: Mapping[str, Any]) -> None:
    journal.seek(0, os.SEEK_END)
    journal.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    journal.flush()


def _write_header(file: BinaryIO, shape: tuple[int, ...], dtype: str) -> int:
    """Writes the header of a .npy file at its start and returns where the numbers begin.

    NumPy leaves room in it for the first number of the shape to grow, so that it can be written
    again when the count is known.
    """
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.tell()


def _resume(file: BinaryIO, start: int, size: int, digest: "hashlib._Hash") -> None:
    """Hashes what is there and cuts off what is too much."""
    file.seek(start)
    left = size
    while left:
        block = file.read(min(left, 1 << 22))
        if not block:
            raise OSError(f"{file.name}: shorter than its journal says")
        digest.update(block)
        left -= len(block)
    file.truncate(start + size)
    file.seek(start + size)


def _check_pair(pair: Pair, size: int) -> None:
    """Wiring errors of a dataset plug-in."""
    if pair.image.dtype != np.uint8 or pair.image.shape != (size, size, 3):
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


def _check_split(
    index: Any, root: Path, rejected: list[dict[str, Any]], notes: Sequence[str]
) -> None:
    why = ""
    if rejected:
        first = rejected[0]
        why = f"; {len(rejected)} rejected, the first: {first['file']}: {first['reason']}"
    why += "".join(f"; {note}" for note in notes)
    if index.empty:
        raise UnusableError(f"{root}: the dataset yields no pairs{why}")
    for split in ("train", "test"):
        if not (index["split"] == split).any():
            raise UnusableError(f"{root}: no {split} pairs; give the dataset more sources{why}")
    sides = index.groupby("source")["split"].nunique()
    if (leaks := sides[sides > 1]).size:
        raise UnusableError(
            f"{root}: {leaks.size} sources are on both sides of the split, for example"
            f" {leaks.index[0]!r}: that leaks frames of one clip; split by source"
        )
