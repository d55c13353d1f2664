"""Check a pair store for damage, leaks across its split, and poor pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.curation.balance import balance
from a2ibench.curation.blocks import Progress
from a2ibench.curation.duplicates import Copies
from a2ibench.curation.finding import SEVERITIES, Finding, Severity
from a2ibench.curation.picture_copies import picture_copies
from a2ibench.curation.picture_features import Features, constant, picture_features
from a2ibench.curation.same_picture import is_still
from a2ibench.curation.sound_copies import sound_copies
from a2ibench.curation.sound_features import CLIPPED_SHARE, SILENT, Sounds, sound_features
from a2ibench.data.file_times import files_of_pairs
from a2ibench.data.store import LEFT_OUT, DamagedError, PairStore
from a2ibench.data.verification import changed_files
from a2ibench.errors import UserError, counted
from a2ibench.one_thread import one_thread
from a2ibench.types import IntArray

if TYPE_CHECKING:
    import pandas as pd

MIN_STILL = 3
"""Smallest number of pairs for a still source: two frames half a second apart often agree."""

Counter = Callable[[str], Progress]
"""A function that makes the progress display of a step from its name."""


@dataclass(frozen=True)
class Checked:
    """A store and the findings about it.

    Attributes:
        root: its folder.
        store: None if it cannot be opened.
        findings: damage first, then leaks, then warnings.
        counts: number of pairs, sources, … that were checked, by name.
    """

    root: Path
    store: PairStore | None
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def sound(self) -> bool:
        """Whether there is neither damage nor a leak."""
        return not (self.of("damage") or self.of("leak"))


@one_thread()
def check_store(root: Path, counter: Counter) -> Checked:
    """Look for everything that can be wrong with a store.

    A damaged store is not examined any further. Pairs that a correction leaves out are ignored.
    Memory does not grow with the number of pictures and sounds; their features are computed once,
    by the current workers (:mod:`a2ibench.parallel`), and cached. The findings do not depend on
    the number of workers.

    Args:
        root: the folder of the store.
        counter: makes a progress display.

    Raises:
        UserError: the folder is not a pair store, or has another format; or a worker died, or does
            not see the store or the cache.
    """
    try:
        store = PairStore(root.resolve())  # workers have other working folders
        show = counter("reading all bytes")
        show(0, 1)
        damaged = changed_files(store)
        show(1, 1)
    except DamagedError as error:
        advice = "Remove the folder and prepare it again."
        return Checked(root, None, (Finding("unreadable", "damage", str(error), advice),), {})
    if damaged:
        changed = tuple(
            Finding(
                "changed_bytes",
                "damage",
                f"{name}: its content has changed (its sha256 is not that in store.json)",
                "Remove the folder and prepare it again; nothing else was checked.",
            )
            for name in damaged
        )
        return Checked(root, None, changed, {"pairs": len(store)})
    used = np.concatenate([store.rows("train"), store.rows("test")])
    pictures = picture_features(store, counter("describing pictures"))
    sounds = sound_features(store, counter("describing sounds"))
    findings = [
        *_split_sources(store),
        *_files(store),
        *_copies(store, pictures, sounds, counter),
        *_quality(store, used, pictures, sounds),
        *balance(store),
    ]
    counts = {
        "pairs": len(used),
        "training pairs": len(store.rows("train")),
        "test pairs": len(store.rows("test")),
        "sources": int(store.index["source"].iloc[used].nunique()),
        "classes": len(store.classes),
        "sounds": len(np.unique(sounds.of_row[used])),
    }
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Checked(root, store, tuple(findings), counts)


def _split_sources(store: PairStore) -> Iterator[Finding]:
    """Find sources on both sides of the split."""
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
    """Find files that occur under several names."""
    try:
        files = files_of_pairs(store)
    except UserError as error:
        advice = "Files under two names could not be searched for."
        yield Finding("unreadable", "damage", str(error), advice)
        return
    if "sha256" not in files:
        return
    pairs = store.index[["source", "split"]].reset_index(drop=True)
    pairs = pairs[pairs["split"] != LEFT_OUT]
    for value, group in pairs.groupby(files["sha256"]):
        used = sorted(set(group["source"]))
        if len(used) < 2:
            continue
        leak = set(group["split"]) == {"train", "test"}
        yield Finding(
            "file_leak" if leak else "file_twice",
            "leak" if leak else "warning",
            f"one file (sha256 {str(value)[:12]}…) was cut under {len(used)} names"
            + (", on both sides of the split" if leak else ""),
            "Keep the file once, under one class and on one side.",
            rows=tuple(int(row) for name in used for row in group.index[group["source"] == name]),
            sources=tuple(map(str, used)),
        )


def _copies(
    store: PairStore, pictures: Features, sounds: Sounds, counter: Counter
) -> Iterator[Finding]:
    """Find copies of pictures, then of sounds, between the sides of the split and inside each."""
    import pandas as pd

    source = pd.factorize(store.index["source"])[0].astype(np.int64)
    sides = store.rows("train"), store.rows("test")
    plain = constant(pictures)

    def compare_pictures(one: IntArray, other: IntArray, where: str) -> Copies:
        progress = counter(f"comparing pictures, {where}")
        return picture_copies(store.images, pictures, source, (one, other), progress)

    def compare_sounds(one: IntArray, other: IntArray, where: str) -> Copies:
        progress = counter(f"comparing sounds, {where}")
        return sound_copies(sounds, source[sounds.row], (one, other), progress)

    for what, compare, item, (train, test) in (
        ("picture", compare_pictures, np.arange(len(store)), [row[~plain[row]] for row in sides]),
        ("sound", compare_sounds, sounds.of_row, sides),
    ):
        trained, tested = np.unique(item[train]), np.unique(item[test])
        leaks = compare(tested, trained, "test against train")
        found = _of_rows(leaks, item, test, train)
        if len(leaks):
            # One item of the test may have many copies in the training pairs: each is to be found.
            copied = np.unique(leaks.a)
            more = _of_rows(compare(trained, copied, "train against test"), item, train, test)
            found = pd.concat([found, more.rename(columns={"a": "b", "b": "a"})])
        yield from _by_sources(
            store, what, "test and train", item, found.drop_duplicates(["a", "b"])
        )
        for rows, items, where in ((train, trained, "inside train"), (test, tested, "inside test")):
            found = _of_rows(compare(items, items, where), item, rows, rows)
            yield from _by_sources(store, what, where, item, found)


def _of_rows(copies: Copies, item: IntArray, one: IntArray, other: IntArray) -> "pd.DataFrame":
    """Link each pair with a copied picture or sound to the first pair that has the copy.

    Args:
        copies: items of one side with their copies on the other.
        item: int64 ``[len(store)]``, the item of each pair; several may share a sound.
        one: rows of the one side.
        other: rows of the other.

    Returns:
        ``a``, ``b``, rows of the two sides, and ``equal``.
    """
    import pandas as pd

    found = pd.DataFrame({"item": copies.a, "copy": copies.b, "equal": copies.equal})
    rows = pd.DataFrame({"item": item[one], "a": one})
    first = pd.DataFrame({"copy": item[other], "b": other}).drop_duplicates("copy")
    return found.merge(rows, on="item").merge(first, on="copy")[["a", "b", "equal"]]


def _by_sources(
    store: PairStore, what: str, where: str, item: IntArray, copies: "pd.DataFrame"
) -> Iterator[Finding]:
    """Yield one finding per pair of sources."""
    names = store.index["source"].to_numpy()
    groups: dict[tuple[str, str], list[tuple[int, int, bool]]] = defaultdict(list)
    for a, b, equal in zip(*(copies[name].tolist() for name in ("a", "b", "equal")), strict=True):
        groups[names[a], names[b]].append((a, b, equal))
    leak = where == "test and train"
    for (one, other), found in sorted(groups.items(), key=lambda group: -len(group[1])):
        equal = len({item[a] for a, _, is_equal in found if is_equal})
        yield Finding(
            f"{what}_leak" if leak else f"{what}_copies",
            "leak" if leak else "warning",
            f"{counted(len({item[a] for a, *_ in found}), what)} of {one} also in {other} ({where})"
            + (f", {equal} to the last bit" if equal else ", nearly the same"),
            "Look at both. If they are one recording, keep one of the two"
            + (" or put both on one side of the split." if leak else "."),
            rows=tuple(row for a, b, _ in found for row in (a, b)),
            sources=(one, other),
            pairs=tuple((a, b) for a, b, _ in found),
        )


def _quality(
    store: PairStore, used: IntArray, pictures: Features, sounds: Sounds
) -> Iterator[Finding]:
    """Find pairs whose sound or picture is of little use."""
    names = store.index["source"].to_numpy(dtype=np.str_)
    sound = sounds.of_row[used]
    plain = constant(pictures)[used]
    shown = used[~plain]
    order = shown[np.argsort(names[shown], kind="stable")]
    still = [
        rows
        for rows in np.split(order, np.flatnonzero(names[order][1:] != names[order][:-1]) + 1)
        if len(rows) >= MIN_STILL and is_still(store.images, pictures, rows)
    ]
    for kind, rows, what, advice in (
        (
            "silent",
            used[sounds.silent[sound]],
            f"the sound is silent (RMS below {SILENT:g} dBFS)",
            "Leave them out: nothing can be drawn from silence.",
        ),
        (
            "clipped",
            used[sounds.clipped[sound]],
            f"the sound is clipped (more than {CLIPPED_SHARE:.1%} of the samples at full scale)",
            "Listen to some; a clean recording of the same sound is better.",
        ),
        (
            "constant",
            used[plain],
            "the picture is of one colour",
            "Leave them out: black frames and title cards teach black.",
        ),
        (
            "still",
            np.concatenate([used[:0], *still]),
            "the picture of the clip stands still",
            "Often a cover picture over music: leave out clips that do not show what sounds.",
        ),
    ):
        if len(rows):
            sources = tuple(dict.fromkeys(map(str, names[rows])))
            where = f"{len(rows)} of {len(used)} pairs ({counted(len(sources), 'source')})"
            yield Finding(
                kind, "warning", f"{where}: {what}", advice, tuple(rows.tolist()), sources
            )
