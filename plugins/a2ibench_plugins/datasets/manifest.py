"""A table of your own: files with their segments, frames, classes, sides and licences."""

import csv
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

from a2ibench.config import join_list, split_list
from a2ibench.data.files.clip import LONGEST, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError
from a2ibench.media.cutting import INSIDE
from a2ibench.types import Split

COLUMNS = (
    *("path", "label", "start", "end", "frame", "split", "source", "picture", "track"),
    *("labels", "audible", "visible", "licence", "url"),
)
NEEDED = ("path", "label")
MAX_TRACK = 99
ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
"""Cells of ``audible`` and ``visible`` that speak of all classes of the row."""

Segment = tuple[float | None, float | None]
"""Start and frame; None for the whole file, or for the frame that the options take."""


class Manifest(ClipDataset):
    """A ``.csv`` or ``.parquet`` file with one row per clip or segment.

    Columns: ``path`` (relative to the table's folder), ``label``, and any of these; an empty cell
    says nothing:

    - ``start``, in seconds; a row without one is the whole file.
    - ``end``: of an event that begins at ``start``; segments are cut by the hop inside it.
    - ``frame``: time of the picture, in seconds. Without a ``start``, the segment is laid around it
      as ``at`` says. Rows of one ``start`` with several frames share the sound.
    - ``split``: ``train`` or ``test``; rows without one are split by source.
    - ``source``: the recording; by default the path.
    - ``picture``: of a sound file.
    - ``track``: audio track, counted from 1.
    - ``labels``: further classes, by the rules of CSV: ``dog,"cattle, bovinae cowbell"``.
    - ``audible``, ``visible``: those of the row's classes that are heard, and seen; or ``yes`` for
      all of them, ``no`` for none.
    - ``licence``, ``url``: of the file.

    Further columns are ignored.

    Raises:
        UserError: the file is not such a table.
    """

    name = "manifest"
    Config = ClipConfig
    config: ClipConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract. Rows that differ in start and frame alone are cut together."""
        found: dict[Clip, dict[float | None, list[float]]] = {}
        for number, row in self._rows():
            try:
                clip = _clip(row)
                segments = self._segments(row)
            except ValueError as error:
                self.reject(row["path"], f"row {number}: {error}")
                continue
            known = found.setdefault(clip, {})
            for start, frame in segments:
                frames = known.get(start)
                if (
                    (frames is not None and (frame is None or frame in frames or not frames))
                    or None in known
                    or (start is None and known)
                ):
                    self.reject(
                        clip.file,
                        f"row {number}: an earlier row has the same file and start",
                        start,
                    )
                else:
                    known.setdefault(start, []).extend([] if frame is None else [frame])
        self.listed = len({clip.file for clip in found})
        for clip, known in found.items():
            yield _cut_at(clip, known)

    def _segments(self, row: Mapping[str, str]) -> list[Segment]:
        """Return the segments of a row.

        Raises:
            ValueError: there is none, or the row contradicts itself.
        """
        config = self.config
        given = {name: _seconds(name, row.get(name, "")) for name in ("start", "end", "frame")}
        start, end, frame = given.values()
        for name, value in given.items():
            if value is not None and row.get("picture"):
                raise ValueError(
                    f"{'an' if name == 'end' else 'a'} {name} and a picture; a sound with a picture"
                    " is cut in its middle"
                )
        if frame is not None:
            if start is None:
                start = max(0.0, frame - INSIDE[config.at] * config.seconds)
            if not start <= frame <= start + config.seconds:
                raise ValueError(
                    f"frame {frame:g}: outside its segment, from {start:g} s to"
                    f" {start + config.seconds:g} s"
                )
        if end is None:
            return [(start, frame)]
        starts = config.starts(start or 0.0, end)
        if not starts:
            raise ValueError(
                f"its event lasts {end - (start or 0.0):g} s; expected at least one segment of"
                f" {config.seconds:g} s"
            )
        return [(start, frame)] if frame is not None else [(begin, None) for begin in starts]

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the rows with their numbers, from 2: that of the columns' names is 1."""
        names, rows = self._read()
        names = [name.strip() for name in names]
        if missing := [name for name in NEEDED if name not in names]:
            raise UserError(
                f"{self.source}: no column {' and '.join(missing)}; found"
                f" {', '.join(names) or 'none'}"
            )
        known = {name: place for place, name in enumerate(names) if name in COLUMNS}
        for name in known:
            if names.count(name) > 1:
                raise UserError(f"{self.source}: two columns are called {name}")
        for number, cells in enumerate(rows, start=2):
            if any(cells[len(names) :]):
                self.reject(
                    cells[known["path"]],
                    f"row {number}: {len(cells)} cells, and {len(names)} columns; a cell with a"
                    " comma needs quotes",
                )
                continue
            cells = [*cells, *[""] * (len(names) - len(cells))]
            yield number, {name: cells[place] for name, place in known.items()}

    def _read(self) -> tuple[list[str], Iterable[list[str]]]:
        """Read the columns' names, and the rows, whose cells have no spaces around them."""
        kind = self.source.suffix.lower()
        if self.source.is_dir() or kind not in (".csv", ".parquet"):
            raise UserError(
                f"{self.source}: expected a .csv or .parquet file with the columns"
                f" {', '.join(COLUMNS)}"
            )
        try:
            if kind == ".parquet":
                import pandas as pd

                table = pd.read_parquet(self.source)
                columns = [[_text(cell) for cell in table[name].tolist()] for name in table]
                return [str(name) for name in table], map(list, zip(*columns, strict=True))
            with self.source.open(encoding="utf-8-sig", newline="") as stream:
                lines = [row for row in csv.reader(stream, strict=True) if row]
            if not lines:
                raise ValueError("it is empty")
            names, *rows = ([_text(cell) for cell in line] for line in lines)
        except Exception as error:  # pyarrow raises anything on damage
            raise UserError(f"{self.source}: cannot be read as a table ({error})") from error
        return names, rows


def _clip(row: Mapping[str, str]) -> Clip:
    """Return what a row says of its clip, besides segments.

    Raises:
        ValueError: a cell is not as expected.
    """
    path, label = row["path"], row["label"]
    if not path:
        raise ValueError("no path")
    if not label:
        raise ValueError("no label")
    path = posixpath.normpath(path)
    split = row.get("split") or None
    if split not in ("train", "test", None):
        raise ValueError(f"split {split!r}; expected train, test or nothing")
    further = {*_listed(row.get("labels", ""))} - {label}
    return Clip(
        path,
        label,
        row.get("source") or path,
        cast("Split | None", split),
        picture=row.get("picture") or None,
        track=_track(row.get("track", "")),
        labels=tuple(sorted(further)),
        audible=_sensed("audible", row, further | {label}),
        visible=_sensed("visible", row, further | {label}),
        licence=row.get("licence", ""),
        url=row.get("url", ""),
    )


def _cut_at(clip: Clip, segments: Mapping[float | None, list[float]]) -> Clip:
    """Return the clip with its segments: start → the frames that are given for it."""
    begins = sorted(
        (start, tuple(sorted(at))) for start, at in segments.items() if start is not None
    )
    if not begins:
        return clip
    starts, frames = zip(*begins, strict=True)
    return replace(clip, starts=starts, frames=frames if any(frames) else ())


def _seconds(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} {text!r}; expected a number of seconds") from None
    if not 0 <= value <= LONGEST:
        raise ValueError(f"{name} {text}; expected seconds, 0 to {LONGEST:,} (a day)")
    return value


def _track(text: str) -> int:
    if not text:
        return 0
    number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if number != int(number) or not 1 <= number <= MAX_TRACK:
        raise ValueError(f"track {text!r}; expected a number from 1 to {MAX_TRACK}")
    return int(number)


def _sensed(name: str, row: Mapping[str, str], classes: set[str]) -> tuple[str, ...] | None:
    """Return the classes that are heard or seen; None where the row does not say."""
    if not (text := row.get(name, "")):
        return None
    named = {text} if text in classes else {*_listed(text)}
    if named <= classes:
        return tuple(sorted(named))
    if (every := ANSWERS.get(text.lower())) is None:
        raise ValueError(
            f"{name} {text!r}; expected yes, no, or some of the row's classes"
            f" ({join_list(sorted(classes))})"
        )
    return tuple(sorted(classes)) if every else ()


@cache
def _listed(text: str) -> tuple[str, ...]:
    return tuple(split_list(text))


def _text(value: Any) -> str:
    """Convert a cell to text; a missing value is empty, a list is written by the rules of CSV."""
    import pandas as pd

    if isinstance(value, str):
        return value.strip()
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        value = value.tolist()
    if isinstance(value, list | tuple):
        return join_list(map(_text, value)) if value else ""
    if pd.isna(value):
        return ""
    return str(value).strip()
