"""Propose corrections from the findings of a check.

One of several copies stays: a test pair if there is one, so that the test side does not change, and
otherwise the first. If a leak covers half of a training clip or more, the whole clip goes, since
the rest of the recording would leak as well. A class never loses a side.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from a2ibench.curation.decisions import DROP, spell
from a2ibench.curation.finding import Finding
from a2ibench.data.store import PairStore

Names = npt.NDArray[np.object_]
WHOLE = 0.5
"""Share of a training clip's pairs at which a leak counts for the whole clip."""
WORTHLESS = ("silent", "constant")
"""Kinds of findings about pairs from which nothing can be learnt."""


@dataclass(frozen=True)
class Proposal:
    """A correction of one pair.

    Attributes:
        row: row of the store.
        why: the finding, for the person who decides.
        decision: the proposal as spelled on a sheet; empty if only a person can decide, or if the
            class would lose a side of the split.
    """

    row: int
    why: str
    decision: str


def propose(store: PairStore, findings: Sequence[Finding]) -> list[Proposal]:
    """Propose a correction for each pair that should not stay, in the order of the rows."""
    why: dict[int, tuple[str, str]] = {}
    for finding in findings:
        if finding.kind in WORTHLESS:
            for row in finding.rows:
                why.setdefault(row, (finding.kind, DROP))
    split = store.index["split"].to_numpy()
    for finding in findings:
        if finding.kind == "source_leak":
            for row in finding.rows:
                if split[row] == "train":
                    why.setdefault(row, ("leak: its clip is also tested on", DROP))
    why |= {row: said for row, said in _copies(store, findings).items() if row not in why}
    return _withdraw(store, why)


def _copies(store: PairStore, findings: Sequence[Finding]) -> dict[int, tuple[str, str]]:
    """Propose to drop all but one of each group of copies, and to relabel the one that stays if its
    copies are of another class."""
    index = store.index
    split, source, label = (index[name].to_numpy() for name in ("split", "source", "label"))
    links = [
        pair
        for finding in findings
        for pair in (finding.pairs if finding.pairs else _file_links(store, finding))
    ]
    if not links:
        return {}
    a, b = np.array(links, dtype=np.int64).T
    _, group = connected_components(
        coo_array((np.ones(len(a)), (a, b)), shape=(len(index), len(index))), directed=False
    )
    members: dict[int, list[int]] = defaultdict(list)
    for row in np.unique(np.concatenate([a, b])).tolist():
        members[int(group[row])].append(row)
    gone: dict[int, tuple[str, str]] = {}
    leaking: Counter[tuple[str, str]] = Counter()
    kept_of: dict[tuple[str, str], int] = {}
    for rows in members.values():
        kept = min(rows, key=lambda row: (split[row] != "test", row))
        others = [row for row in rows if source[row] != source[kept]]
        # A clip has one vote, however many of its pairs show the copy.
        votes = {(source[row], str(label[row])) for row in (kept, *others)}
        labels = Counter(name for _, name in votes)
        if len(labels) > 1:
            (likeliest, most), *_ = labels.most_common()
            sure = likeliest != label[kept] and 2 * most > labels.total()
            gone[kept] = (
                f"one recording under the classes {', '.join(sorted(labels))}: which is right?",
                spell(likeliest) if sure else "",
            )
        for row in others:
            gone[row] = (_explain(source, label, split, row, kept), DROP)
            if split[row] == "train" and split[kept] == "test":
                leaking[source[row], label[row]] += 1
                kept_of[source[row], label[row]] = kept
    clips = index.groupby(["source", "label"]).indices
    for clip, count in leaking.items():
        rows = [int(row) for row in clips[clip] if split[row] == "train"]
        if count >= WHOLE * len(rows):
            for row in rows:
                gone.setdefault(row, (_explain(source, label, split, row, kept_of[clip]), DROP))
    return gone


def _file_links(store: PairStore, finding: Finding) -> Iterable[tuple[int, int]]:
    """Pair the rows that show one moment of a file that was cut under several names."""
    if finding.kind not in ("file_leak", "file_twice"):
        return
    first: dict[tuple[float, int], int] = {}
    seen: Counter[tuple[str, float]] = Counter()
    for row in finding.rows:
        here = store.index.iloc[row]
        if here["split"] not in ("train", "test"):
            continue
        moment = (str(here["source"]), float(here["start"]))
        key = (float(here["start"]), seen[moment])
        seen[moment] += 1
        if (other := first.setdefault(key, row)) != row:
            yield other, row


def _explain(source: Names, label: Names, split: Names, row: int, kept: int) -> str:
    leak = split[row] != split[kept]
    other = f" under the class {label[kept]}" if label[row] != label[kept] else ""
    return f"{'leak' if leak else 'copy'}: also in {source[kept]} ({split[kept]}){other}"


def _withdraw(store: PairStore, why: dict[int, tuple[str, str]]) -> list[Proposal]:
    """Leave the decision to a person where a class would lose a side of the split."""
    label, split = (store.index[name].to_numpy() for name in ("label", "split"))
    there = Counter(zip(label.tolist(), split.tolist(), strict=True))
    gone = Counter((label[row], split[row]) for row, (_, decision) in why.items() if decision)
    proposals = []
    for row, (said, decision) in sorted(why.items()):
        side = label[row], split[row]
        lost = bool(decision) and gone[side] >= there[side]
        note = f"; all of these together, {side[0]} would lose its {side[1]} pairs" if lost else ""
        proposals.append(Proposal(row, said + note, "" if lost else decision))
    return proposals
