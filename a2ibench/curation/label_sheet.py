"""Write the sheet of doubtful labels, with earlier decisions."""

from collections.abc import Callable
from typing import Any

from a2ibench.curation.clips import Clips
from a2ibench.curation.decisions import decide, read_earlier, spell
from a2ibench.curation.label_errors import Findings
from a2ibench.curation.sheet import SHEET, write_sheet
from a2ibench.data.store import PairStore
from a2ibench.types import IntArray


def write_label_sheet(
    store: PairStore, rows: IntArray, findings: Findings, say: Callable[[str], None]
) -> int:
    """Write ``label_errors.csv`` into the folder of a store.

    Decisions in an existing sheet, and the corrections in force, are carried over, so that nothing
    is lost and applying the new sheet undoes nothing. Corrected pairs are no longer suspects; their
    lines are at the end.

    Args:
        store: the pairs.
        rows: int64 ``[n]``, the rows that were checked.
        findings: the findings about these rows.
        say: see :func:`~a2ibench.curation.decisions.read_earlier`.

    Returns:
        Number of lines with a decision.
    """
    path = store.root / SHEET
    # Only now: decisions may have been entered during the search.
    old = read_earlier(store, path, say)
    decided = decide(store, old).rows
    clips = Clips(store)
    given = {
        (line.covers, clips.rows(line.covers, line.row)[0]): line.decision
        for line in old
        if line.decision.strip()
    }
    for row, label in store.corrections.items():
        if row not in decided:
            given["segment", row] = spell(label)
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for found in findings.table.to_dict("records"):
        row, covers = int(rows[found["row"]]), str(found["covers"])
        if row in store.corrections:
            continue
        row = clips.rows(covers, row)[0]
        judged = {
            name: found[name] for name in ("suspect", "suggested", "audio_says", "image_says")
        }
        judged |= {name: f"{found[name]:.4f}" for name in ("label_quality", "p_label")}
        decision = given.get((covers, row), "")
        lines[covers, row] = clips.line(covers, row, **judged, decision=decision)
    for (covers, row), decision in given.items():
        if (covers, row) not in lines:
            lines[covers, row] = clips.line(covers, row, suspect=0, decision=decision)
    write_sheet(path, lines.values())
    return len(given)
