"""The sheet of a check: what it proposes to correct, for a person to accept, change or refuse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a2ibench.curation.corrections import decide, spell
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
BEFORE = "corrected before"


def write_check_sheet(store: PairStore, proposals: Sequence[Proposal], path: Path) -> int:
    """Writes the sheet of a check, with the proposals as decisions; without any there is none.

    What a person has decided otherwise in the sheet that is there stands in the new one, and so do
    the corrections in force: to apply the sheet undoes nothing. A sheet that cannot be read, or is
    of other pairs, is kept as ``check.csv.old``, ``check.csv.old-2``, …

    Args:
        store: the pairs.
        proposals: about them.
        path: the file.

    Returns:
        How many pairs a decision is proposed for.
    """
    decided = _read_decided(store, path)
    by_person = set(decide(store, decided).rows)
    new = {one.row: one for one in proposals if one.row not in by_person}
    if not new and not decided:
        path.unlink(missing_ok=True)
        return 0
    index = store.stored_index()
    lines: list[dict[str, Any]] = []

    def add(covers: str, row: int, pairs: int, suggested: str, why: str, decision: str) -> None:
        here = index.iloc[row]
        lines.append(
            {
                "row": row, "covers": covers, "pairs": pairs, "suspect": int(bool(suggested)),
                "source": here["source"], "start": f"{here['start']:.3f}", "split": here["split"],
                "label": here["label"], "suggested": suggested, "why": why, "decision": decision,
            }
        )  # fmt: skip

    clips = index.groupby(["source", "label"], sort=False).indices
    for clip in clips.values():
        rows = [int(row) for row in clip]
        found = [new[row] for row in rows if row in new]
        if len(rows) == len(found) > 1 and len({one.decision for one in found}) == 1:
            whole, more = found[0], len({one.why for one in found}) - 1
            why = whole.why + (f" (and {more} more)" if more else "")
            add("clip", rows[0], len(rows), whole.decision, why, whole.decision)
        else:
            for one in found:
                add("segment", one.row, 1, one.decision, one.why, one.decision)
    for line in decided:
        pairs = len(clips[(line.source, line.label)]) if line.covers == "clip" else 1
        add(line.covers, line.row, pairs, line.suggested, "decided before", line.decision)
    for row, label in store.corrections.items():
        if row not in new and row not in by_person:
            add("segment", row, 1, spell(label), BEFORE, spell(label))
    write_sheet(path, lines, COLUMNS)
    return sum(bool(one.decision) for one in new.values())


def _read_decided(store: PairStore, path: Path) -> list[Line]:
    """The lines on which a person has decided otherwise than was proposed."""
    if not path.is_file():
        return []
    try:
        lines = read_sheet(path)
        decide(store, lines)
    except UserError:
        set_aside(path, "old")
        return []
    return [line for line in lines if line.decision.strip() not in ("", line.suggested)]
