"""Read the decisions on a sheet as corrections of a store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from a2ibench.curation.clips import Clips
from a2ibench.curation.sheet import Line, read_sheet
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, unknown
from a2ibench.storage import set_aside

if TYPE_CHECKING:
    import pandas as pd

KEEP, DROP = "keep", "drop"
PREFIX = "class:"
"""Prefix for the name of a class that is itself called keep or drop."""


@dataclass(frozen=True)
class Auto:
    """A rule for suspects without a decision.

    Attributes:
        action: leave the suspects out, or give them the suggested label.
        quality: largest ``label_quality`` of those that the rule covers.
    """

    action: Literal["drop", "relabel"]
    quality: float


@dataclass(frozen=True)
class Decisions:
    """The decisions of a sheet.

    Attributes:
        rows: row of the store → its class, ``""`` to leave it out, None to keep it as it is.
        automatic: number of rows that were decided by :class:`Auto`.
        undecided: number of lines with suspects on which nothing was decided.
    """

    rows: Mapping[int, str | None]
    automatic: int = 0
    undecided: int = 0

    @property
    def corrections(self) -> dict[int, str]:
        """Decisions that change something: row → label, ``""`` to leave it out."""
        return {row: to for row, to in sorted(self.rows.items()) if to is not None}


def decide(store: PairStore, lines: Sequence[Line], auto: Auto | None = None) -> Decisions:
    """Apply the lines of a sheet to the rows of a store.

    A segment's line takes precedence over its clip's, and a decision over the automatic rule.

    Args:
        store: the pairs; the sheet is about their labels as prepared.
        lines: the lines of a sheet.
        auto: rule for suspects without a decision; None keeps them.

    Raises:
        UserError: a line names a row that does not exist or has another source or label, decides
            neither ``keep``, ``drop`` nor a class of the store, or contradicts another line.
    """
    clips, classes = Clips(store), tuple(store.about["classes"])
    label = clips.index["label"]
    said: dict[tuple[str, int], tuple[str, str]] = {}
    covered: list[tuple[Line, list[int], str | None]] = []
    for line in lines:
        _check_row(line, clips.index)
        rows = clips.rows(line.covers, line.row)
        if not (decision := line.decision.strip()):
            covered.append((line, rows, None))
            continue
        before, where = said.setdefault((line.covers, rows[0]), (decision, line.where))
        if before != decision:
            raise UserError(
                f"{line.where}: {decision!r}, but {where} decided {before!r} on the same"
                f" {line.covers}"
            )
        covered.append((line, rows, _target(line, classes)))
    automatic: dict[int, str | None] = {}
    decided: dict[int, str | None] = {}
    # "clip" sorts before "segment": the more specific decision overwrites.
    for line, rows, target in sorted(covered, key=lambda one: one[0].covers):
        into = decided
        if target is None:
            if auto is None or not _accepts(auto, line, classes):
                continue
            into, target = automatic, "" if auto.action == DROP else line.suggested
        into |= {row: None if target == label[row] else target for row in rows}
    automatic = {row: to for row, to in automatic.items() if row not in decided}
    known = {**automatic, **decided}
    undecided = sum(line.suspect and not known.keys() >= set(rows) for line, rows, _ in covered)
    return Decisions(known, len(automatic), undecided)


def read_earlier(store: PairStore, path: Path, say: Callable[[str], None]) -> list[Line]:
    """Read the sheet that a new one is about to replace; there need not be one.

    A sheet that cannot be read, or is about other pairs, is kept as ``NAME.old``, ``NAME.old-2``, …

    Args:
        store: the pairs.
        path: the sheet.
        say: told where the sheet is kept, and why.

    Raises:
        UserError: a decision is none, or contradicts another one: it is to be mended, not lost.
    """
    if not path.is_file():
        return []
    try:
        lines = read_sheet(path)
        index = Clips(store).index  # the labels as prepared
        for line in lines:
            _check_row(line, index)
    except UserError as error:
        say(f"{error}; nothing is carried over from this sheet: it is now {set_aside(path, 'old')}")
        return []
    decide(store, lines)
    return lines


def _check_row(line: Line, index: "pd.DataFrame") -> None:
    if line.row >= len(index):
        raise UserError(f"{line.where}: there is no row {line.row} (the store has {len(index)})")
    for name, given in (("source", line.source), ("label", line.label)):
        if (found := index[name][line.row]) != given:
            raise UserError(
                f"{line.where}: row {line.row} has the {name} {found!r} in the store, not"
                f" {given!r}; the sheet belongs to another store or was changed: write it again"
                " (`a2ibench data clean DIR`, or `data check DIR` for that of a check)"
            )


def _target(line: Line, classes: Sequence[str]) -> str:
    """Return the label that a line decides on; ``keep`` is the row's own, ``drop`` is ``""``."""
    typed = line.decision.strip()
    if typed.casefold() in (KEEP, DROP):
        return line.label if typed.casefold() == KEEP else ""
    for text in (line.decision, typed):
        for name in (text.removeprefix(PREFIX), text):
            if name in classes:
                return name
    error = unknown("decision", typed, [KEEP, DROP, *classes])
    raise UserError(f"{line.where}: {error} A new class needs a dataset of its own.")


def _accepts(auto: Auto, line: Line, classes: Sequence[str]) -> bool:
    if not line.suspect or line.label_quality is None or line.label_quality > auto.quality:
        return False
    if line.suggested not in classes:
        raise UserError(f"{line.where}: suggested: {unknown('class', line.suggested, classes)}")
    return True


def spell(label: str) -> str:
    """Return the decision that gives a pair this label; the label ``""`` leaves it out."""
    if not label:
        return DROP
    marked = label.startswith(PREFIX) or label.strip().casefold() in (KEEP, DROP, "")
    return f"{PREFIX}{label}" if marked else label
