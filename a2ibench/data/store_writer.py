"""Write a pair store part by part, so that an interrupted preparation can be resumed."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench.data.data_card import card
from a2ibench.data.pair_labels import columns_of
from a2ibench.data.store import FORMAT, FULL_SCALE, PairStore, hash_content, hash_index
from a2ibench.data.unfinished_store import JOURNAL, Entry, PartialStore
from a2ibench.errors import UserError
from a2ibench.spreadsheet import guard
from a2ibench.storage import HeldError, lock, write_json
from a2ibench.types import FloatArray, Missing, Pair, Part, Rejected, RejectedError, Split

if TYPE_CHECKING:
    import pandas as pd

Sides = Callable[[Sequence[tuple[str, str]]], Mapping[str, Split]]
"""Source and label of every pair → the side of each source."""


class UnusableError(UserError):
    """The parts that were written can never become a store."""


class StoreWriter:
    """A writer of pairs to a new store; memory stays flat in their number.

    Everything goes to ``.NAME.partial`` beside the folder and takes its name at the end. A writer
    with the same identity resumes behind the last whole part. Used as a context::

        with StoreWriter(root, identity) as writer:
            for part in dataset.parts(writer.parts):
                writer.add(part)
            store = writer.finish(licence="CC BY 4.0")

    Args:
        root: the folder to make.
        identity: ``dataset``, ``version``, ``config``, ``sample_rate`` and whatever else the
            pairs follow from; plain values.

    Raises:
        UserError: ``root`` already holds something else, or another process writes it.
    """

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        self.root = root
        self._check_free()
        self._identity = json.loads(json.dumps(dict(identity)))
        self._last_audio: tuple[FloatArray, int] | None = None

    @property
    def parts(self) -> int:
        """Number of whole parts written, those of an earlier run included."""
        return len(self._partial.entries)

    @property
    def pairs(self) -> int:
        """Number of pairs written, those of an earlier run included."""
        return self._partial.images.rows

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """``file``, ``reason`` and ``start`` of everything left out so far."""
        return list(chain.from_iterable(entry.rejected for entry in self._partial.entries))

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The facts on each file cut so far, and the number of its pairs, where all pairs are of
        files."""
        entries = self._partial.entries
        known = all(one.source for one in entries if one.rows)
        return [
            {**one.source, **({"pairs": len(one.rows)} if known else {})}
            for one in entries
            if one.source
        ]

    def __enter__(self) -> "StoreWriter":
        partial = self.root.with_name(f"{self.root.name}.partial")
        with ExitStack() as held:
            try:
                held.enter_context(lock(partial, wait=False))
            except HeldError:
                raise UserError(f"{self.root}: another process is preparing it already") from None
            self._check_free()  # another process may have made it meanwhile
            self._partial = PartialStore(partial.with_name(f".{partial.name}"), self._identity)
            self._held = held.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._held:
            self._partial.close()
            # Whole parts are kept for the next run, unless it cannot go on from them.
            if self.parts == 0 or isinstance(error, (TypeError, UnusableError)):
                shutil.rmtree(self._partial.folder, ignore_errors=True)

    def _check_free(self) -> None:
        root = self.root
        if root.exists() and not (root.is_dir() and not any(root.iterdir())):
            is_store = (root / "store.json").is_file()
            what = "a pair store already" if is_store else "not an empty folder"
            raise UserError(f"{root}: {what}; choose another folder, or remove it")

    def add(self, part: Part, progress: Callable[[int], None] = lambda done: None) -> None:
        """Write one part.

        Args:
            part: the part.
            progress: called after each pair with the number of pairs written so far.

        Raises:
            TypeError: a pair is not what :class:`~a2ibench.types.Pair` promises.
        """
        partial = self._partial
        rows: list[dict[str, Any]] = []
        rejected = part.rejected
        take_back = partial.images.mark(), partial.audio.mark()
        try:
            for pair in part.pairs:
                rows.append(self._write(pair))
                progress(self.pairs)
        except RejectedError as error:
            for undo in take_back:
                undo()
            rows.clear()
            rejected = (*rejected, Rejected(part.name, str(error)))
        partial.append(
            Entry(
                rows=rows,
                rejected=[asdict(one) for one in rejected],
                source=dict(part.source),
                samples=partial.audio.rows,
                image_size=partial.image_size,
            )
        )
        self._last_audio = None

    def _write(self, pair: Pair) -> dict[str, Any]:
        """Append the picture and the sound of a pair; return its row of the index."""
        _check_pair(pair, self._partial.image_size or len(pair.image))
        self._partial.images.append(pair.image[np.newaxis])
        if self._last_audio is None or self._last_audio[0] is not pair.audio:
            self._last_audio = (pair.audio, self._partial.audio.rows)
            self._partial.audio.append(np.rint(pair.audio * FULL_SCALE).astype("<i2"))
        return {
            "label": pair.label,
            "split": pair.split,
            "source": pair.source,
            "start": float(pair.start),
            "audio_start": self._last_audio[1],
            "audio_length": len(pair.audio),
            **({} if pair.frame is None else {"frame": float(pair.frame)}),
            **columns_of(pair),
            **{f"factor:{name}": float(value) for name, value in pair.factors.items()},
        }

    def finish(
        self,
        licence: str = "",
        sides: Sides = lambda clips: {},
        missing: Sequence[Missing] = (),
        notes: Sequence[str] = (),
    ) -> PairStore:
        """Write the tables and the card, and give the folder its name.

        Args:
            licence: of the pairs.
            sides: settles the split, now that all pairs are known; a source that it does not name
                stays where its pairs say.
            missing: clips that a list names and that are not there.
            notes: sentences for the card.

        Raises:
            UserError: there are no pairs, a split is empty, or a source is on both sides of it.
        """
        import pandas as pd

        partial, folder = self._partial, self._partial.folder
        index = pd.DataFrame(list(chain.from_iterable(entry.rows for entry in partial.entries)))
        sources = pd.DataFrame(self.sources)
        if len(index):
            side = sides(list(zip(index["source"], index["label"], strict=True)))
            index["split"] = [
                side.get(*kept) for kept in zip(index["source"], index["split"], strict=True)
            ]
            if "split" in sources:  # a file without a pair is on neither
                sides_of = dict(zip(index["source"], index["split"], strict=True))
                sources["split"] = [sides_of.get(source) for source in sources["source"]]
        _check_split(index, self.root, self.rejected, notes)
        partial.close()
        index.to_parquet(folder / "index.parquet")
        columns = ["file", "reason", "start"]
        rejected = pd.DataFrame(self.rejected, columns=columns).astype({"start": float})
        if len(sources) or len(rejected):
            rejected.to_parquet(folder / "rejected.parquet")
            sources.to_parquet(folder / "sources.parquet")
        if missing:
            _write_missing(folder / "missing.csv", missing)
        hashes = {
            "images.npy": partial.images.sha256,
            "audio.npy": partial.audio.sha256,
            "index.parquet": hash_index(index),
        }
        about = {
            "format": FORMAT,
            **self._identity,
            "n": len(index),
            "counts": {split: int((index["split"] == split).sum()) for split in ("train", "test")},
            "classes": sorted(index["label"].unique().tolist()),
            "image_size": partial.image_size,
            "licence": licence,
            **({"notes": list(notes)} if notes else {}),
            "sha256": hashes,
            "content_hash": hash_content(self._identity["sample_rate"], hashes),
        }
        write_json(folder / "store.json", about)
        (folder / "card.md").write_text(card(about, index, sources, rejected), encoding="utf-8")
        for path in folder.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        self._check_free()
        if self.root.exists():
            self.root.rmdir()
        folder.replace(self.root)
        # Not before: until the store has its name, an interrupted run resumes from the journal.
        (self.root / JOURNAL).unlink()
        return PairStore(self.root)


def _write_missing(path: Path, missing: Sequence[Missing]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["clip", "label", "split", "starts", "expected"])
        for one in missing:
            starts = " ".join(f"{start:g}" for start in one.starts)
            expected = guard(" | ".join(one.expected))
            writer.writerow([guard(one.clip), guard(one.label), one.split or "", starts, expected])


def _check_pair(pair: Pair, size: int) -> None:
    """Refuse what a dataset plug-in must not yield."""
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
    index: "pd.DataFrame", root: Path, rejected: Sequence[Mapping[str, Any]], notes: Sequence[str]
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
