"""The sheet of a store: what was found, with the decisions that were taken before."""

from typing import Any

from a2ibench.curation.corrections import decide, spell
from a2ibench.curation.label_errors import Findings
from a2ibench.curation.sheet import SHEET, read_sheet, write_sheet
from a2ibench.data.store import PairStore
from a2ibench.types import IntArray

PLACES = 4
"""Decimals of what is estimated."""


def write_review(store: PairStore, rows: IntArray, findings: Findings) -> int:
    """Writes ``label_errors.csv`` into the folder of a store.

    What is filled in in the sheet that is there, and what ``corrections.csv`` holds, stands in the
    new one: nothing that was decided is lost, and applying the new sheet undoes nothing. Pairs that
    are corrected already are no suspects any more; their lines are at the end.

    Args:
        store: the pairs.
        rows: int64 ``[n]``, the rows that were checked.
        findings: about these rows.

    Returns:
        How many lines carry a decision.

    Raises:
        UserError: the sheet that is there cannot be read or does not fit the store.
    """
    path = store.root / SHEET
    old = read_sheet(path) if path.is_file() else []
    decided = decide(store, old).rows
    index = store.stored_index()
    clips = index.groupby(["source", "label"]).indices

    def key_of(covers: str, row: int) -> tuple[str, int]:
        """The first of its pairs stands for a clip."""
        clip = clips[(index["source"][row], index["label"][row])]
        return covers, int(clip[0]) if covers == "clip" else row

    given = {key_of(one.covers, one.row): one.decision for one in old if one.decision.strip()}
    for row, label in store.corrections.items():
        if row not in decided:
            given["segment", row] = spell(label)
    lines: dict[tuple[str, int], dict[str, Any]] = {}

    def add(key: tuple[str, int], **judged: Any) -> None:
        covers, row = key
        here = index.iloc[row]
        of_clip = clips[(here["source"], here["label"])]
        lines[key] = {
            "row": row, "covers": covers, "pairs": len(of_clip) if covers == "clip" else 1,
            "source": here["source"], "start": f"{here['start']:.3f}", "split": here["split"],
            "label": here["label"], "suspect": 0, "suggested": "", "label_quality": "",
            "p_label": "", "audio_says": "", "image_says": "", "decision": given.get(key, ""),
            **judged,
        }  # fmt: skip

    for found in findings.table.to_dict("records"):
        row = int(rows[found["row"]])
        if row in store.corrections:
            continue
        judged = {
            name: found[name] for name in ("suspect", "suggested", "audio_says", "image_says")
        }
        for name in ("label_quality", "p_label"):
            judged[name] = f"{found[name]:.{PLACES}f}"
        add(key_of(found["covers"], row), **judged)
    for key in given:
        if key not in lines:
            add(key)
    write_sheet(path, lines.values())
    return len(given)
