"""A pair store in the making: two arrays that grow, and a journal of the parts that are whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from a2ibench.data.npy_files import GrowingArray
from a2ibench.errors import UserError, counted
from a2ibench.storage import atomic_write

JOURNAL = "journal.jsonl"
ARRAYS = ("images.npy", "audio.npy")


class Entry(BaseModel):
    """One whole part, a line of the journal.

    Attributes:
        rows: its rows of the index.
        rejected: ``file``, ``reason`` and ``start`` of everything it leaves out.
        source: facts on the file that it was cut from; empty if there is none.
        samples: samples in ``audio.npy`` at its end.
        image_size: side of the pictures; None as long as there are none.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    rows: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    source: dict[str, Any]
    samples: int
    image_size: int | None


class PartialStore:
    """The folder of an unfinished store, resumed behind its last whole part.

    Args:
        folder: made if it is missing.
        identity: plain values that the pairs follow from.

    Raises:
        UserError: the folder holds pairs of another identity.

    Attributes:
        entries: the whole parts.
        images: uint8 ``[n, S, S, 3]``.
        audio: int16 ``[T]``.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.entries = _read_journal(folder, identity)
        paths = [folder / name for name in (*ARRAYS, JOURNAL)]
        for path in set(folder.iterdir()).difference(paths):
            path.unlink()  # left by a run that was cut off while it finished
        # Replaced whole: a second interruption must not cost what the first one left.
        with atomic_write(paths[2]) as temporary, temporary.open("wb") as journal:
            for line in (identity, *(entry.model_dump() for entry in self.entries)):
                journal.write(_line(line))
        last = self.entries[-1] if self.entries else None
        size = last.image_size if last else None
        pairs = sum(len(entry.rows) for entry in self.entries)
        self.images = GrowingArray(
            paths[0], "|u1", None if size is None else (size, size, 3), pairs
        )
        self.audio = GrowingArray(paths[1], "<i2", (), last.samples if last else 0)
        self._journal = paths[2].open("ab")

    @property
    def image_size(self) -> int | None:
        """Side of the pictures in pixels; None as long as there are none."""
        return self.images.item[0] if self.images.item else None

    def append(self, entry: Entry) -> None:
        """Record a part whose pictures and sounds have been appended to the arrays."""
        self.images.flush()
        self.audio.flush()
        self._journal.write(_line(entry.model_dump()))
        self._journal.flush()
        self.entries.append(entry)

    def close(self) -> None:
        """Close the files."""
        for file in (self.images, self.audio, self._journal):
            file.close()


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _read_journal(folder: Path, identity: Mapping[str, Any]) -> list[Entry]:
    """The whole lines of an earlier run of the same identity whose data are there.

    Raises:
        UserError: there are pairs of another identity.
    """
    try:
        first, *lines = (folder / JOURNAL).read_bytes().split(b"\n")
        image_bytes, audio_bytes = ((folder / name).stat().st_size for name in ARRAYS)
        other = json.loads(first) != identity
    except (FileNotFoundError, ValueError, RecursionError):
        return []
    entries: list[Entry] = []
    pairs = 0
    for line in lines:
        try:
            entry = Entry.model_validate(json.loads(line))
        except (ValueError, RecursionError):
            break
        pictures = (pairs + len(entry.rows)) * (entry.image_size or 0) ** 2 * 3
        if pictures > image_bytes or 2 * entry.samples > audio_bytes:
            break
        pairs += len(entry.rows)
        entries.append(entry)
    if pairs and other:
        raise UserError(
            f"{folder}: holds {counted(pairs, 'pair')} of an unfinished preparation of other"
            " files, or by other options or code: resume it with what it was begun with, or remove"
            " this folder to begin anew"
        )
    # Without a pair there is no size of the images yet, and nothing worth going on from.
    return entries if pairs else []
