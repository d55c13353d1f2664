"""The sheet of a check: proposed corrections, for a person to accept, change or refuse."""

from collections.abc import Callable, Sequence
from pathlib import Path

from a2ibench.curation.clips import Clips
from a2ibench.curation.decisions import decide, read_earlier, spell
from a2ibench.curation.proposals import Proposal
from a2ibench.curation.sheet import write_sheet
from a2ibench.data.store import PairStore

SHEET = "check.csv"
COLUMNS = (
    "row", "covers", "pairs", "suspect", "source", "start", "split", "label", "suggested", "why",
    "decision",
)  # fmt: skip


def write_check_sheet(
    store: PairStore, proposals: Sequence[Proposal], path: Path, say: Callable[[str], None]
) -> int:
    """Write the proposals to a sheet, as decisions; remove the sheet if there are none.

    Decisions of a person in an existing sheet, and the corrections in force, are carried over, so
    that applying the new sheet undoes nothing.

    Args:
        store: the pairs.
        proposals: corrections of these pairs.
        path: the file.
        say: see :func:`~a2ibench.curation.decisions.read_earlier`.

    Returns:
        Number of pairs with a proposed decision.
    """
    # A person's decision is one that differs from the proposal.
    decided = [
        line
        for line in read_earlier(store, path, say)
        if line.decision.strip() not in ("", line.suggested)
    ]
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

    def decision(one: Proposal) -> str:
        if one.decision or one.row not in store.corrections:
            return one.decision
        return spell(store.corrections[one.row])

    for clip in clips.rows_of.values():
        rows = [int(row) for row in clip]
        found = [new[row] for row in rows if row in new]
        if len(rows) == len(found) > 1 and len({*map(decision, found)}) == 1:
            whole, more = found[0], len({one.why for one in found}) - 1
            why = whole.why + (f" (and {more} more)" if more else "")
            add("clip", rows[0], whole.decision, why, decision(whole))
        else:
            for one in found:
                add("segment", one.row, one.decision, one.why, decision(one))
    for line in decided:
        add(line.covers, line.row, line.suggested, "decided before", line.decision)
    for row, label in store.corrections.items():
        if row not in new and row not in by_person:
            add("segment", row, spell(label), "corrected before", spell(label))
    write_sheet(path, lines, COLUMNS)
    return sum(bool(one.decision) for one in new.values())
