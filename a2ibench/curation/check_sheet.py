"""The sheet of a check: proposed corrections, for a person to accept, change or refuse."""

from collections.abc import Sequence
from pathlib import Path

from a2ibench.curation.clips import Clips
from a2ibench.curation.decisions import decide, spell
from a2ibench.curation.proposals import Proposal
from a2ibench.curation.sheet import Line, read_sheet, write_sheet
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.storage import set_aside

SHEET = "check.csv"
COLUMNS = (
    "row", "covers", "pairs", "suspect", "source", "start", "split", "label", "suggested", "why",
    "decision",
)  # fmt: skip


def write_check_sheet(store: PairStore, proposals: Sequence[Proposal], path: Path) -> int:
    """Write the proposals to a sheet, as decisions; remove the sheet if there are none.

    Decisions of a person in an existing sheet, and the corrections in force, are carried over, so
    that applying the new sheet undoes nothing. A sheet that cannot be read, or is about other
    pairs, is kept as ``check.csv.old``, ``check.csv.old-2``, …

    Args:
        store: the pairs.
        proposals: corrections of these pairs.
        path: the file.

    Returns:
        Number of pairs with a proposed decision.
    """
    decided = _read_decided(store, path)
    by_person = set(decide(store, decided).rows)
    new = {one.row: one for one in proposals if one.row not in by_person}
    if not new and not decided:
        path.unlink(missing_ok=True)
        return 0
    clips = Clips(store)
    lines = []

    def add(covers: str, row: int, suggested: str, why: str, decision: str) -> None:
        about = {"suspect": int(bool(suggested)), "suggested": suggested, "why": why}
        lines.append(clips.line(covers, row, **about, decision=decision))

    for clip in clips.rows_of.values():
        rows = [int(row) for row in clip]
        found = [new[row] for row in rows if row in new]
        if len(rows) == len(found) > 1 and len({one.decision for one in found}) == 1:
            whole, more = found[0], len({one.why for one in found}) - 1
            why = whole.why + (f" (and {more} more)" if more else "")
            add("clip", rows[0], whole.decision, why, whole.decision)
        else:
            for one in found:
                add("segment", one.row, one.decision, one.why, one.decision)
    for line in decided:
        add(line.covers, line.row, line.suggested, "decided before", line.decision)
    for row, label in store.corrections.items():
        if row not in new and row not in by_person:
            add("segment", row, spell(label), "corrected before", spell(label))
    write_sheet(path, lines, COLUMNS)
    return sum(bool(one.decision) for one in new.values())


def _read_decided(store: PairStore, path: Path) -> list[Line]:
    """Return the lines on which a person's decision differs from the proposal."""
    if not path.is_file():
        return []
    try:
        lines = read_sheet(path)
        decide(store, lines)
    except UserError:
        set_aside(path, "old")
        return []
    return [line for line in lines if line.decision.strip() not in ("", line.suggested)]
