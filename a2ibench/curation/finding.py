"""One thing that is wrong with a pair store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["damage", "leak", "warning"]


@dataclass(frozen=True)
class Finding:
    """What was found, where, and what to do about it.

    Attributes:
        kind: a word for it, the same for all of its kind: ``"picture_leak"``, ``"silent"``, …
        severity: damage and leaks make a score worthless; warnings are to be looked at.
        what: what was found, in words.
        advice: what to do.
        rows: the pairs it is about.
        sources: the clips it is about.
        pairs: rows that belong together, as (copy, original).
    """

    kind: str
    severity: Severity
    what: str
    advice: str
    rows: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()


def findings_table(findings: Sequence[Finding], index: "pd.DataFrame | None") -> "pd.DataFrame":
    """All findings in long form: a line a pair, or one for a finding about none.

    Args:
        findings: what was found.
        index: of the store; None where it could not be opened.

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
    columns = ["finding", "kind", "severity", "row", "partner", "source", "split", "label", "what",
               "advice"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns).astype(
        {"finding": "int64", "row": "Int64", "partner": "Int64"}
        | {name: "string" for name in columns if name not in ("finding", "row", "partner")}
    )
