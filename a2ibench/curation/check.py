"""What is wrong with a pair store: damage, leaks across its split, and what makes poor pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from a2ibench.curation.balance import balance
from a2ibench.curation.duplicates import Copies, Progress
from a2ibench.curation.finding import Finding
from a2ibench.curation.picture_copies import (
    Features,
    constant,
    is_still,
    picture_copies,
    picture_features,
)
from a2ibench.curation.sound_copies import (
    CLIPPED_SHARE,
    SILENT,
    Sounds,
    sound_copies,
    sound_features,
)
from a2ibench.data.store import DamagedError, PairStore
from a2ibench.data.tables import SOURCES, read_side_table
from a2ibench.data.verification import changed_files
from a2ibench.errors import UserError
from a2ibench.types import IntArray

STILL_PAIRS = 3
"""Pairs from which a source can be still: two frames half a second apart often agree."""

Counter = Callable[[str], Progress]
"""Makes the progress of something from its name."""


@dataclass(frozen=True)
class Checked:
    """A store and what was found in it.

    Attributes:
        root: its folder.
        store: None where it cannot be opened.
        findings: damage first, then leaks, then warnings.
        counts: what was looked at, in words → how many.
    """

    root: Path
    store: PairStore | None
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]

    def of(self, severity: Literal["damage", "leak", "warning"]) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def sound(self) -> bool:
        """Whether there is neither damage nor a leak."""
        return not (self.of("damage") or self.of("leak"))


def check_store(root: Path, counter: Counter) -> Checked:
    """Looks for everything that can be wrong with a store.

    A damaged store is not looked into any further. Pairs that a correction leaves out are ignored.
    Memory stays flat in the size of the pictures and sounds; what they are compared by is
    computed once and cached.

    Args:
        root: the folder of the store.
        counter: makes a progress display.

    Raises:
        UserError: not a pair store, or one of another format.
    """
    try:
        store = PairStore(root)
        show = counter("reading all bytes")
        show(0, 1)
        damaged = changed_files(store)
        show(1, 1)
    except DamagedError as error:
        return Checked(root, None, (_unreadable(error),), {})
    if damaged:
        return Checked(root, None, tuple(map(_changed, damaged)), {"pairs": len(store)})
    used = np.concatenate([store.rows("train"), store.rows("test")])
    pictures = picture_features(store, counter("describing pictures"))
    sounds = sound_features(store, counter("describing sounds"))
    source = _numbers(store)
    findings = [
        *_split_sources(store),
        *_files(store),
        *_pictures(store, pictures, source, counter),
        *_sounds(store, sounds, source, counter),
        *_quality(store, used, pictures, sounds),
        *balance(store),
    ]
    order = {"damage": 0, "leak": 1, "warning": 2}
    return Checked(
        root,
        store,
        tuple(sorted(findings, key=lambda finding: order[finding.severity])),
        {
            "pairs": len(used),
            "training pairs": len(store.rows("train")),
            "test pairs": len(store.rows("test")),
            "sources": int(store.index["source"].iloc[used].nunique()),
            "classes": len(store.classes),
            "sounds": len(np.unique(sounds.of_row[used])),
        },
    )


def _unreadable(error: DamagedError) -> Finding:
    return Finding("unreadable", "damage", str(error), "Remove the folder and prepare it again.")


def _changed(name: str) -> Finding:
    return Finding(
        "changed_bytes",
        "damage",
        f"{name}: its content is not what was written (sha256 in store.json)",
        "Remove the folder and prepare it again; nothing else was checked.",
    )


def _numbers(store: PairStore) -> IntArray:
    import pandas as pd

    return pd.factorize(store.index["source"])[0].astype(np.int64)


def _split_sources(store: PairStore) -> Iterator[Finding]:
    used = store.index[store.index["split"].isin(["train", "test"])]
    sides = used.groupby("source")["split"].nunique()
    for name in sides.index[sides > 1]:
        yield Finding(
            "source_leak",
            "leak",
            f"the source {name} is on both sides of the split",
            "Split by source: all pairs of a clip belong on one side.",
            rows=tuple(used.index[used["source"] == name].tolist()),
            sources=(str(name),),
        )


def _files(store: PairStore) -> Iterator[Finding]:
    """The same file under two names."""
    try:
        table = read_side_table(store.root / "sources.parquet", SOURCES)
    except UserError as error:
        yield Finding(
            "unreadable", "damage", str(error), "Files under two names were not looked for."
        )
        return
    if not {"sha256", "source"} <= set(table.columns):
        return
    split = store.index.groupby("source")["split"].agg(set)
    rows = store.index.groupby("source").indices
    table = table[table["sha256"].notna() & table["source"].isin(split.index)]
    for value, group in table.groupby("sha256"):
        names = sorted(set(group["source"]))
        used = [name for name in names if split[name] & {"train", "test"}]
        if len(used) < 2:
            continue
        leak = set().union(*(split[name] for name in used)) >= {"train", "test"}
        yield Finding(
            "file_leak" if leak else "file_twice",
            "leak" if leak else "warning",
            f"one file (sha256 {str(value)[:12]}…) was cut under {len(used)} names"
            + (", on both sides of the split" if leak else ""),
            "Keep the file once, under one class and on one side.",
            rows=tuple(int(row) for name in used for row in rows[name]),
            sources=tuple(map(str, used)),
        )


def _pictures(
    store: PairStore, features: Features, source: IntArray, counter: Counter
) -> Iterator[Finding]:
    plain = constant(features)
    train, test = (rows[~plain[rows]] for rows in (store.rows("train"), store.rows("test")))
    for name, sides in _sides(train, test):
        progress = counter(f"comparing pictures, {name}")
        copies = picture_copies(store.images, features, source, sides, progress)
        yield from _copies(store, "picture", name, copies)


def _sounds(
    store: PairStore, sounds: Sounds, source: IntArray, counter: Counter
) -> Iterator[Finding]:
    train, test = (np.unique(sounds.of_row[store.rows(side)]) for side in ("train", "test"))
    for name, sides in _sides(train, test):
        progress = counter(f"comparing sounds, {name}")
        found = sound_copies(sounds, source[sounds.row], sides, progress)
        rows = Copies(sounds.row[found.a], sounds.row[found.b], found.equal)
        yield from _copies(store, "sound", name, rows)


def _sides(train: IntArray, test: IntArray) -> list[tuple[str, tuple[IntArray, IntArray]]]:
    return [
        ("test against train", (test, train)),
        ("inside train", (train, train)),
        ("inside test", (test, test)),
    ]


def _copies(store: PairStore, what: str, where: str, copies: Copies) -> Iterator[Finding]:
    """One finding for each two sources."""
    names = store.index["source"].to_numpy()
    groups: dict[tuple[str, str], list[tuple[int, int, bool]]] = defaultdict(list)
    for a, b, equal in zip(
        copies.a.tolist(), copies.b.tolist(), copies.equal.tolist(), strict=True
    ):
        groups[names[a], names[b]].append((a, b, equal))
    leak = where == "test against train"
    for (one, other), found in sorted(groups.items(), key=lambda group: -len(group[1])):
        equal = sum(is_equal for *_, is_equal in found)
        noun = what if len(found) == 1 else f"{what}s"
        yield Finding(
            f"{what}_leak" if leak else f"{what}_copies",
            "leak" if leak else "warning",
            f"{len(found)} {noun} of {one} also in {other}"
            + (" (test and train)" if leak else f" ({where})")
            + (f", {equal} to the last bit" if equal else ", nearly the same"),
            "Look at both. If it is one recording, keep one of the two"
            + (" or put both on one side of the split." if leak else "."),
            rows=tuple(row for a, b, _ in found for row in (a, b)),
            sources=(one, other),
            pairs=tuple((a, b) for a, b, _ in found),
        )


def _quality(
    store: PairStore, used: IntArray, pictures: Features, sounds: Sounds
) -> Iterator[Finding]:
    names = store.index["source"].to_numpy()

    def finding(kind: str, rows: IntArray, what: str, advice: str) -> Iterator[Finding]:
        if len(rows):
            sources = tuple(dict.fromkeys(map(str, names[rows])))
            clips = f"{len(sources)} source{'s' if len(sources) > 1 else ''}"
            where = f"{len(rows)} of {len(used)} pairs ({clips})"
            yield Finding(
                kind, "warning", f"{where}: {what}", advice, tuple(rows.tolist()), sources
            )

    sound = sounds.of_row[used]
    plain = constant(pictures)[used]
    yield from finding(
        "silent",
        used[sounds.silent[sound]],
        f"the sound is silent (RMS below {SILENT:g} dBFS)",
        "Leave them out: nothing can be drawn from silence.",
    )
    yield from finding(
        "clipped",
        used[sounds.clipped[sound] > CLIPPED_SHARE],
        f"the sound is clipped (more than {CLIPPED_SHARE:.1%} of the samples at full scale)",
        "Listen to some; a clean recording of the same is better.",
    )
    yield from finding(
        "constant",
        used[plain],
        "the picture is of one colour",
        "Leave them out: black frames and title cards teach black.",
    )
    shown = used[~plain]
    still = [
        rows
        for rows in _by_source(names, shown)
        if len(rows) >= STILL_PAIRS and is_still(store.images, pictures, rows)
    ]
    yield from finding(
        "still",
        np.concatenate(still) if still else used[:0],
        "the picture of the clip stands still",
        "Often a cover picture over music: leave out what shows nothing of the sound.",
    )


def _by_source(names: "np.typing.NDArray[np.object_]", rows: IntArray) -> list[IntArray]:
    order = rows[np.argsort(names[rows].astype(str), kind="stable")]
    return np.split(order, np.flatnonzero(names[order][1:] != names[order][:-1]) + 1)
