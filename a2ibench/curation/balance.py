"""Check the sizes of the classes of a store."""

from collections.abc import Iterator

from a2ibench.curation.finding import Finding
from a2ibench.data.class_counts import clips_needed, count_classes
from a2ibench.data.store import PairStore
from a2ibench.errors import counted

MIN_SOURCES = {"train": clips_needed(judges=2), "test": 2}
"""Number of sources that a class needs on each side. With fewer training sources, judges that hold
out a part cannot be trained on their share; with a single test source, one scene sets the score."""
MAX_IMBALANCE = 10.0
"""Largest ratio of training pairs between the largest and the smallest class."""


def balance(store: PairStore) -> Iterator[Finding]:
    """Warn of small, one-sided or unbalanced classes, and of sources with several labels."""
    used = store.index[store.index["split"].isin(["train", "test"])]
    for side, fewest in MIN_SOURCES.items():
        part = used[used["split"] == side]
        for one in count_classes(store):
            own = part[part["label"] == one.label]
            sources = one.train if side == "train" else one.test.clips
            if own.empty:
                yield Finding(
                    "one_side",
                    "warning",
                    f"the class {one.label} has no {side} pairs",
                    "Give it clips on both sides, or leave it out.",
                )
            elif sources < fewest:
                yield Finding(
                    "few_sources",
                    "warning",
                    f"the class {one.label} has {counted(sources, f'{side} source')};"
                    f" it needs {fewest} or more",
                    "Add clips: pairs of one clip are alike.",
                    sources=tuple(sorted(set(map(str, own["source"])))),
                )
    pairs = used[used["split"] == "train"]["label"].value_counts()
    if len(pairs) > 1 and (ratio := pairs.iloc[0] / pairs.iloc[-1]) > MAX_IMBALANCE:
        yield Finding(
            "imbalance",
            "warning",
            f"{pairs.index[0]} has {pairs.iloc[0]} training pairs and {pairs.index[-1]}"
            f" {pairs.iloc[-1]}: {ratio:.1f} times as many",
            "Add clips of the small class, or take fewer pairs of each clip of the large one.",
        )
    labels = used.groupby("source")["label"].agg(lambda found: sorted(set(found)))
    several = labels[labels.map(len) > 1]
    if len(several):
        rows = used.index[used["source"].isin(several.index)]
        yield Finding(
            "several_labels",
            "warning",
            f"{len(several)} sources have pairs of several classes, for example"
            f" {several.index[0]}: {', '.join(several.iloc[0])}",
            "Fine where the scene changes; otherwise correct the labels.",
            rows=tuple(rows.tolist()),
            sources=tuple(map(str, several.index)),
        )
