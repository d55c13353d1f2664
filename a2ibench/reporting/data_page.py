"""The page of a checked store: its findings, and pairs to look at and listen to."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench import __version__
from a2ibench.curation.check import Checked
from a2ibench.curation.finding import SEVERITIES, Finding
from a2ibench.data.store import PairStore
from a2ibench.media.data_uris import LONGEST, picture_uri, sound_uri
from a2ibench.reporting.html_page import write_html

MAX_PER_CLASS = 24
"""Pairs on the sheet of a class."""
MAX_PAIRS = 300
"""Pairs on all sheets together, at least two per class: about 15 MB with sounds of four seconds."""
MAX_LISTED = 100
"""Findings of each severity in the tables."""
MAX_SHOWN = 12
"""Findings of each kind whose pairs are shown."""
EXAMPLES = 4
"""Pairs shown per finding."""
VERDICTS = {
    "damage": "This store is damaged. Do not trust anything computed from it.",
    "leak": "This store leaks: some test pairs also occur in training, so that scores on it are"
    " too good.",
    "warning": "No damage and no leak was found. Some pairs or classes deserve a look.",
    "nothing": "Nothing was found: no damage, no leak, no warning.",
}


def verdict(checked: Checked) -> str:
    """Return the most important finding in one or two sentences."""
    worst = next((name for name in SEVERITIES if checked.of(name)), "nothing")
    return VERDICTS[worst]


def write_page(checked: Checked, path: Path) -> None:
    """Write one self-contained HTML file, atomically, without a script or a request; names and
    labels are escaped."""
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
            (title, found[:MAX_LISTED], len(found))
            for title, severity in zip(("Damage", "Leaks", "Warnings"), SEVERITIES, strict=True)
            if (found := checked.of(severity))
        ],
        evidence=[] if store is None else _evidence(store, checked.findings),
        evidence_total=sum(bool(finding.rows) for finding in checked.findings),
        sheets=[] if store is None else _sheets(store),
        longest=LONGEST,
        table=path.with_suffix(".parquet").name,
    )


def _evidence(
    store: PairStore, findings: Sequence[Finding]
) -> list[tuple[Finding, list[list[dict[str, Any]]]]]:
    """Pair findings with some of their pairs; copies lie side by side."""
    seen: Counter[str] = Counter()
    shown = []
    for finding in findings:
        seen[finding.kind] += 1
        if finding.rows and seen[finding.kind] <= MAX_SHOWN:
            spread = np.linspace(0, len(finding.rows) - 1, EXAMPLES).round().astype(int)
            groups: Sequence[tuple[int, ...]] = finding.pairs or [
                (finding.rows[i],) for i in np.unique(spread)
            ]
            cards = [[_card(store, row) for row in rows] for rows in groups[:EXAMPLES]]
            shown.append((finding, cards))
    return shown


def _sheets(store: PairStore) -> list[dict[str, Any]]:
    """Sample both sides of each class, the same pairs every time."""
    rng = np.random.default_rng(0)
    used = store.index[store.index["split"] != "none"]
    most = max(2, min(MAX_PER_CLASS, MAX_PAIRS // len(store.classes)))
    sheets = []
    for label in store.classes:
        part = used[used["label"] == label]
        chosen = np.sort(rng.choice(part.index.to_numpy(), min(most, len(part)), replace=False))
        sheets.append(
            {
                "label": label,
                "pairs": len(part),
                **{split: int((part["split"] == split).sum()) for split in ("train", "test")},
                "sources": int(part["source"].nunique()),
                "cards": [_card(store, int(row)) for row in chosen],
            }
        )
    return sheets


def _card(store: PairStore, row: int) -> dict[str, Any]:
    """Show a pair."""
    here = store.index.iloc[row]
    return {
        **{name: here[name] for name in ("label", "source", "split", "start")},
        "row": row,
        "picture": picture_uri(store.images[row]),
        "sound": sound_uri(store.waveform(row), store.sample_rate),
    }
