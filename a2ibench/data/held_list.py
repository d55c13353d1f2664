"""The test segments that somebody holds, by clip and time: what two holders have in common."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from a2ibench.data.file_times import recordings
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, counted
from a2ibench.spreadsheet import unguard
from a2ibench.types import IntArray

LIST = ("source", "start", "label")
"""Columns of a list; of others, only the number of a row is read."""
LATEST = 1e9
"""Seconds from the beginning of a clip that no segment reaches."""

Place = tuple[str, int, int]
"""A clip, milliseconds from where it begins, and which picture of that moment's sound it is."""


@dataclass(frozen=True)
class HeldList:
    """Test segments in the order of their pairs.

    Attributes:
        source: their clips.
        start: where each begins in its clip, in milliseconds.
        label: their classes.
    """

    source: tuple[str, ...]
    start: tuple[int, ...]
    label: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def places(self) -> Mapping[Place, int]:
        """The position of each segment by its clip and time."""
        seen: Counter[tuple[str, int]] = Counter()
        found = {}
        for position, moment in enumerate(zip(self.source, self.start, strict=True)):
            found[*moment, seen[moment]] = position
            seen[moment] += 1
        return found

    @property
    def hash(self) -> str:
        """The sha256 of which segments of which clips these are, in any order.

        A segment is the sha256 of its clip's name, its start and its label; these are sorted and
        written as canonical JSON. Two stores that hold the same list have the same hash, whatever
        decoder made their pixels.
        """
        segments = sorted(
            [hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest(), start, label]
            for source, start, label in zip(self.source, self.start, self.label, strict=True)
        )
        text = json.dumps(segments, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def take(self, rows: IntArray) -> "HeldList":
        """Select segments, in the order of ``rows``, int64 ``[m]``."""
        chosen = rows.tolist()
        source, start, label = (
            tuple(column[row] for row in chosen) for column in (self.source, self.start, self.label)
        )
        return HeldList(source, start, label)


@dataclass(frozen=True)
class Common:
    """The intersection of two lists.

    Attributes:
        first: int64 ``[n]``, positions of the segments on the first list, ascending.
        second: int64 ``[n]``, positions of the same segments on the second one.
        relabelled: number of segments that both hold, each under another class.
    """

    first: IntArray
    second: IntArray
    relabelled: int


def held_by(store: PairStore) -> HeldList:
    """Return the list of a store's test segments, as it is used now.

    Where a layout knows at which time of its clip a file begins, times count from the clip's own
    beginning. Where it does not, and files are not named after their clips, a file is a clip.
    """
    rows = store.rows("test")
    index = store.index.iloc[rows]
    clips, begins = recordings(store)
    start = index["start"].to_numpy(dtype=np.float64) + begins[rows]
    return HeldList(
        tuple(clips[rows].tolist()), tuple(np.rint(1000 * start).astype(int).tolist()),
        tuple(index["label"]),
    )  # fmt: skip


def read_list(path: Path) -> HeldList:
    """Read a list that ``a2ibench evaluate --export-list`` wrote.

    Its lines may have been sorted since: segments are in the order of the column ``row``, if there
    is one.

    Raises:
        UserError: it cannot be read, lacks a column, has a start that is no time, or the number of
            a row twice.
    """
    segments: list[tuple[str, int, str]] = []
    rows: list[int] = []
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream, strict=True)
            if lacking := [name for name in LIST if name not in (lines.fieldnames or ())]:
                raise ValueError(f"no column {' and '.join(lacking)}")
            for line in lines:
                number = lines.line_num
                clip, start, name = (unguard(line[column] or "") for column in LIST)
                seconds = float(start)
                if not (clip and name and 0 <= seconds < LATEST):
                    raise ValueError(f"got {clip!a}, {start!a}, {name!a}")
                segments.append((clip, round(1000 * seconds), name))
                rows.append(int(line["row"] or "") if "row" in line else len(rows))
    except (OSError, ValueError, csv.Error) as error:
        where = "" if isinstance(error, OSError) else f"line {number}: "
        raise UserError(
            f"{path}: no list of test segments ({where}{error}); `a2ibench evaluate --dataset DIR"
            " --export-list FILE.csv` writes one"
        ) from error
    if len(set(rows)) < len(rows):
        raise UserError(f"{path}: no list of test segments: its column row has a number twice")
    segments = [segments[i] for i in np.argsort(rows)]
    clips, starts, labels = zip(*segments, strict=True) if segments else ((), (), ())
    return HeldList(clips, starts, labels)


def in_common(first: HeldList, second: HeldList) -> Common:
    """Find the segments that two lists share: those of one clip, time and class.

    Where the lists have different numbers of segments for one moment of a clip, it cannot be told
    which are the same, and none of them is taken.
    """
    moments = [Counter(zip(one.source, one.start, strict=True)) for one in (first, second)]
    both = [
        (position, second.places[place])
        for place, position in first.places.items()
        if place in second.places and moments[0][place[:2]] == moments[1][place[:2]]
    ]
    same = [(a, b) for a, b in both if first.label[a] == second.label[b]]
    rows = np.array(same, dtype=np.int64).reshape(-1, 2)
    return Common(rows[:, 0], rows[:, 1], len(both) - len(same))


def common_to_all(own: HeldList, others: Sequence[tuple[str, HeldList]]) -> IntArray:
    """Return the positions of one's own segments that all others hold too: int64 ``[n]``.

    Raises:
        UserError: there are none; ``others`` go by their names.
    """
    rows = np.arange(len(own))
    for name, other in others:
        rows = np.intersect1d(rows, in_common(own, other).first)
        if not len(rows):
            raise nothing_in_common(own, other, name)
    return rows


def nothing_in_common(own: HeldList, other: HeldList, name: str) -> UserError:
    """Return the error for two lists without a common segment, with an example of each."""
    one, two = (
        f"{held.source[0]} at {held.start[0] / 1000:g} s ({held.label[0]})" if len(held) else "none"
        for held in (own, other)
    )
    return UserError(
        f"{name}: of {counted(len(other), 'test segment')} there, none is among the"
        f" {len(own):,} here: segments are the same by clip, start and class, such as {one} here"
        f" and {two} there"
    )
