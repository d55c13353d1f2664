"""From decisions about labels to the corrections of a store, and back.

``corrections.csv`` lies beside the pairs, which stay as they were prepared; the store applies it
when it is opened. It is written from one sheet of decisions: another one replaces it, and without
it the store is the one that was prepared.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from a2ibench.curation.sheet import Line
from a2ibench.data.store import CORRECTIONS, LEFT_OUT, PairStore
from a2ibench.errors import UserError, unknown
from a2ibench.storage import whole_file

if TYPE_CHECKING:
    import pandas as pd

KEEP, DROP = "keep", "drop"
SIDES = ("train", "test")
PREFIX = "class:"
"""Before the name of a class that is itself called keep or drop."""


@dataclass(frozen=True)
class Auto:
    """Suggestions that are accepted without having been looked at.

    Attributes:
        action: leave the suspects out, or give them the label that is suggested.
        quality: those with at most this ``label_quality``.
    """

    action: Literal["drop", "relabel"]
    quality: float


@dataclass(frozen=True)
class Decisions:
    """What a sheet says.

    Attributes:
        rows: row of the store → its class, ``""`` to leave it out, None to keep it as it is.
        automatic: how many of them were accepted by :class:`Auto`.
        undecided: lines with suspects that say nothing and are covered by no other line.
    """

    rows: Mapping[int, str | None]
    automatic: int = 0
    undecided: int = 0

    @property
    def corrections(self) -> dict[int, str]:
        """Those that change something: row → label, ``""`` to leave it out."""
        return {row: to for row, to in sorted(self.rows.items()) if to is not None}


def decide(store: PairStore, lines: Sequence[Line], auto: Auto | None = None) -> Decisions:
    """What the lines of a sheet mean for the rows of a store.

    A segment's line goes before its clip's, and a decision before what is accepted automatically.

    Args:
        store: the pairs, whose labels as prepared are what the sheet is about.
        lines: of a sheet.
        auto: what to do with suspects that nothing was decided on; None to let them be.

    Raises:
        UserError: a line that names no row, another source or label than the row's, a decision that
            is neither ``keep``, ``drop`` nor a class of the store, or two decisions on one thing.
    """
    index = store.stored_index()
    classes = tuple(store.about["classes"])
    clips = index.groupby(["source", "label"]).indices
    said: dict[tuple[str, int], tuple[str, str]] = {}
    covered: list[tuple[Line, list[int], str | None]] = []
    for line in lines:
        row = _check_row(line, index)
        of_clip = [int(one) for one in clips[(index["source"][row], index["label"][row])]]
        rows = of_clip if line.covers == "clip" else [row]
        if not (decision := line.decision.strip()):
            covered.append((line, rows, None))
            continue
        key = (line.covers, rows[0])
        if said.setdefault(key, (decision, line.where))[0] != decision:
            raise UserError(
                f"{line.where}: {decision!r}, but {said[key][1]} decided {said[key][0]!r} on the"
                f" same {line.covers}"
            )
        covered.append((line, rows, _target(line, classes)))

    automatic: dict[int, str | None] = {}
    decided: dict[int, str | None] = {}
    # What is more particular comes later and overwrites.
    for line, rows, target in sorted(covered, key=lambda one: one[0].covers):
        if target is not None:
            decided |= {row: _change(target, index["label"][row]) for row in rows}
        elif auto is not None and _accepts(auto, line, classes):
            to = "" if auto.action == DROP else line.suggested
            automatic |= {row: _change(to, index["label"][row]) for row in rows}
    automatic = {row: to for row, to in automatic.items() if row not in decided}
    rows_said = {**automatic, **decided}
    undecided = [
        line for line, rows, _ in covered if line.suspect and not rows_said.keys() >= set(rows)
    ]
    return Decisions(rows_said, len(automatic), len(undecided))


def _check_row(line: Line, index: "pd.DataFrame") -> int:
    if line.row >= len(index):
        raise UserError(f"{line.where}: there is no row {line.row} (the store has {len(index)})")
    for name, given in (("source", line.source), ("label", line.label)):
        if (found := index[name][line.row]) != given:
            raise UserError(
                f"{line.where}: row {line.row} has the {name} {found!r} in the store, not"
                f" {given!r}; the sheet belongs to another store or was changed: write it again"
                " (`a2ibench data clean DIR`)"
            )
    return line.row


def _target(line: Line, classes: Sequence[str]) -> str:
    """``keep`` is the row's own label, ``drop`` none."""
    typed = line.decision.strip()
    if typed.casefold() in (KEEP, DROP):
        return line.label if typed.casefold() == KEEP else ""
    for text in (line.decision, typed):
        for name in (text, text.removeprefix(PREFIX)):
            if name in classes:
                return name
    error = unknown("decision", typed, [KEEP, DROP, *classes])
    raise UserError(f"{line.where}: {error} A new class needs a dataset of its own.")


def _change(target: str, label: str) -> str | None:
    return None if target == label else target


def _accepts(auto: Auto, line: Line, classes: Sequence[str]) -> bool:
    if not line.suspect or line.label_quality is None or line.label_quality > auto.quality:
        return False
    if line.suggested not in classes:
        raise UserError(f"{line.where}: suggested: {unknown('class', line.suggested, classes)}")
    return True


def spell(label: str) -> str:
    """The decision that gives a pair this label; ``""`` is to leave it out."""
    if not label:
        return DROP
    return f"{PREFIX}{label}" if label.strip().casefold() in (KEEP, DROP, "") else label


@dataclass(frozen=True)
class Effect:
    """What corrections do.

    Attributes:
        classes: name → pairs ``(train before, train after, test before, test after)``, where
            before is as prepared.
        test_pairs: pairs of the test split that are relabelled or left out: they are what every
            method is judged on.
    """

    classes: Mapping[str, tuple[int, int, int, int]]
    test_pairs: int


def effect(store: PairStore, corrections: Mapping[int, str]) -> Effect:
    """What would be left of each class on each side of the split.

    Raises:
        UserError: a class would lose all its training pairs or all its test pairs.
    """
    index = store.stored_index()
    label, split = (index[name].to_numpy(dtype=object, copy=True) for name in ("label", "split"))
    changed = np.array(sorted(corrections), dtype=np.int64)
    test_pairs = int(np.count_nonzero(split[changed] == "test"))
    for row, to in corrections.items():
        label[row], split[row] = (to, split[row]) if to else (label[row], LEFT_OUT)
    after = index.assign(label=label, split=split)
    classes = {}
    for name in store.about["classes"]:
        counts: list[int] = []
        for side in SIDES:
            then, now = (
                part[(part["label"] == name) & (part["split"] == side)] for part in (index, after)
            )
            if len(then) and not len(now):
                raise UserError(
                    f"class {name!r} would lose all its {len(then)} {side} pairs; keep some of"
                    " them, or prepare the dataset without that class"
                )
            counts += [len(then), len(now)]
        classes[name] = (counts[0], counts[1], counts[2], counts[3])
    return Effect(classes, test_pairs)


def write_corrections(root: Path, corrections: Mapping[int, str]) -> None:
    """Replaces the corrections of a store, whole or not at all; none removes the file."""
    if not corrections:
        undo(root)
        return
    with (
        whole_file(root / CORRECTIONS) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(("row", "label"))
        writer.writerows(sorted(corrections.items()))


def undo(root: Path) -> bool:
    """Removes the corrections of a store, whatever is in them; False where there are none.

    Raises:
        UserError: not a pair store.
    """
    if not (root / "store.json").is_file():
        raise UserError(f"{root}: not a pair store (it has no store.json)")
    there = (root / CORRECTIONS).is_file()
    (root / CORRECTIONS).unlink(missing_ok=True)
    return there
