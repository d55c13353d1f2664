"""A finding about a pair store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["damage", "leak", "warning"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Severities, the worst first."""


@dataclass(frozen=True)
class Finding:
    """A finding: its kind, its place, and advice.

    Attributes:
        kind: such as ``"picture_leak"`` or ``"silent"``.
        severity: damage and leaks make scores worthless; warnings deserve a look.
        what: the finding in words.
        advice: what to do about it.
        rows: the pairs concerned.
        sources: the clips concerned.
        pairs: rows that belong together, as (copy, original).
    """

    kind: str
    severity: Severity
    what: str
    advice: str
    rows: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()


COLUMNS = [
    "finding", "kind", "severity", "row", "partner", "source", "split", "label", "what", "advice"
]  # fmt: skip
"""Columns of the table of findings."""
OF_A_STORE = ("index", "rejected", "sources")
"""Names of tables of a store: one that is not there must not be written either."""


def may_hold_findings(path: Path) -> bool:
    """Return whether a table of findings may be written there: nothing else is, or belongs."""
    import pyarrow.parquet

    if path.stem in OF_A_STORE and (path.parent / "store.json").exists():
        return False
    if not path.exists():
        return True
    try:
        return bool(pyarrow.parquet.read_schema(path).names == COLUMNS)
    except (OSError, pyarrow.ArrowException):
        return False


def findings_table(findings: Sequence[Finding], index: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return all findings in long form: one line per pair, or one for a finding without pairs.

    Args:
        findings: the findings.
        index: index of the store; None if the store could not be opened.

    Returns:
        ``finding`` (its number), ``kind``, ``severity``, ``row``, ``partner`` (the row it is a copy
        of), ``source``, ``split``, ``label``, ``what``, ``advice``.
    """
    import pandas as pd

    lines = []
    for number, finding in enumerate(findings):
        about = (number, finding.kind, finding.severity)
        rows: list[tuple[int | None, int | None]] = list(finding.pairs)
        rows = rows or [(row, None) for row in finding.rows] or [(None, None)]
        for row, partner in rows:
            place: list[str | None] = [None, None, None]
            if index is not None and row is not None:
                place = index[["source", "split", "label"]].iloc[row].tolist()
            lines.append([*about, row, partner, *place, finding.what, finding.advice])
    return pd.DataFrame(lines, columns=COLUMNS).astype(
        {"finding": "int64", "row": "Int64", "partner": "Int64"}
        | {name: "string" for name in COLUMNS if name not in ("finding", "row", "partner")}
    )
