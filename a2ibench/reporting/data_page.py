"""The page of a checked store: what is wrong with it, and pairs to look at and listen to."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench import __version__
from a2ibench.curation.check import Checked
from a2ibench.curation.finding import Finding, Severity
from a2ibench.data.store import PairStore
from a2ibench.reporting.html import write_html
from a2ibench.reporting.media import LONGEST, picture_uri, sound_uri

PER_CLASS = 24
"""Pairs of each class on its sheet, at most."""
SHEET = 300
"""Pairs on all sheets together: about 15 MB with sounds of four seconds. At least two a class."""
LISTED = 100
"""Findings of each severity in the tables."""
SHOWN = 12
"""Findings of each kind whose pairs are shown."""
EXAMPLES = 4
"""Pairs of one finding that are shown."""
VERDICTS = {
    "damage": "This store is damaged. Nothing that was computed from it is to be trusted.",
    "leak": "This store leaks: what is tested was in part seen in training, so that scores on it"
    " are too good.",
    "warning": "No damage and no leak was found. Some pairs or classes are to be looked at.",
    "nothing": "No damage, no leak and nothing else was found.",
}


@dataclass(frozen=True)
class _Card:
    """A pair as it stands on the page."""

    row: int
    label: str
    source: str
    split: str
    start: float
    picture: str
    sound: str


def verdict(checked: Checked) -> str:
    """What a user must know first, in words."""
    severities: tuple[Severity, ...] = ("damage", "leak", "warning")
    worst = next((name for name in severities if checked.of(name)), "nothing")
    return VERDICTS[worst]


def write_page(checked: Checked, path: Path) -> None:
    """Writes one HTML file that needs nothing else, whole or not at all.

    It holds no script and asks no network for anything; names and labels are text wherever they
    stand.

    Args:
        checked: what was found.
        path: the file.
    """
    store = checked.store
    write_html(
        "data.html.j2",
        path,
        name=checked.root.resolve().name,
        dataset="" if store is None else store.name,
        content_hash="" if store is None else store.content_hash,
        version=__version__,
        verdict=verdict(checked),
        state="good" if checked.sound else "bad",
        counts=checked.counts,
        kinds=Counter((finding.severity, finding.kind) for finding in checked.findings),
        tables=[
            (title, found[:LISTED], len(found))
            for title, severity in (
                ("Damage", "damage"),
                ("Leaks", "leak"),
                ("Warnings", "warning"),
            )
            if (found := checked.of(severity))  # type: ignore[arg-type]
        ],
        evidence=[] if store is None else _evidence(store, checked.findings),
        evidence_total=sum(bool(finding.rows) for finding in checked.findings),
        sheets=[] if store is None else _sheets(store),
        longest=LONGEST,
        table=path.with_suffix(".parquet").name,
    )


def _evidence(
    store: PairStore, findings: tuple[Finding, ...]
) -> list[tuple[Finding, list[list[_Card]]]]:
    """Findings with some of their pairs: copies side by side."""
    seen: Counter[str] = Counter()
    shown = []
    for finding in findings:
        seen[finding.kind] += 1
        if finding.rows and seen[finding.kind] <= SHOWN:
            shown.append(finding)
    return [
        (
            finding,
            [
                [_card(store, row) for row in rows]
                for rows in (finding.pairs or _spread(finding.rows))[:EXAMPLES]
            ],
        )
        for finding in shown
    ]


def _spread(rows: tuple[int, ...]) -> list[tuple[int, ...]]:
    chosen = np.linspace(0, len(rows) - 1, EXAMPLES).round().astype(int)
    return [(rows[i],) for i in np.unique(chosen)]


def _sheets(store: PairStore) -> list[dict[str, Any]]:
    """Of each class a sample of both sides, the same every time."""
    rng = np.random.default_rng(0)
    used = store.index[store.index["split"] != "none"]
    most = max(2, min(PER_CLASS, SHEET // len(store.classes)))
    sheets = []
    for label in store.classes:
        part = used[used["label"] == label]
        chosen = np.sort(rng.choice(part.index.to_numpy(), min(most, len(part)), replace=False))
        sheets.append(
            {
                "label": label,
                "pairs": len(part),
                "train": int((part["split"] == "train").sum()),
                "test": int((part["split"] == "test").sum()),
                "sources": int(part["source"].nunique()),
                "cards": [_card(store, int(row)) for row in chosen],
            }
        )
    return sheets


def _card(store: PairStore, row: int) -> _Card:
    here = store.index.iloc[row]
    return _Card(
        row=row,
        label=str(here["label"]),
        source=str(here["source"]),
        split=str(here["split"]),
        start=float(here["start"]),
        picture=picture_uri(store.images[row]),
        sound=sound_uri(store.waveform(row), store.sample_rate),
    )
