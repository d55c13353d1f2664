"""Whether the classes of a store can be told apart by more than their size."""

from collections.abc import Iterator

from a2ibench.data.curation.finding import Finding
from a2ibench.data.store import PairStore

FEWEST = {"train": 5, "test": 2}
"""Sources a class needs on each side: with fewer a class is a clip or two that are remembered, and
its score is that of one scene."""
IMBALANCE = 10.0
"""How many times as many training pairs the largest class may have as the smallest."""


def balance(store: PairStore) -> Iterator[Finding]:
    """Warnings about classes: too few sources, one side only, one far larger than another; and
    about sources with several labels."""
    used = store.index[store.index["split"].isin(["train", "test"])]
    for side, fewest in FEWEST.items():
        part = used[used["split"] == side]
        sources = part.groupby("label")["source"].nunique()
        missing = sorted(set(used["label"]) - set(sources.index))
        for label in missing:
            yield Finding(
                "one_side",
                "warning",
                f"the class {label} has no {side} pairs",
                "Give it clips on both sides, or leave it out.",
            )
        for label, count in sources[sources < fewest].items():
            few = part[part["label"] == label]
            yield Finding(
                "few_sources",
                "warning",
                f"the class {label} has {count} {side} source{'s' if count > 1 else ''};"
                f" {fewest} or more make a class",
                "Add clips: pairs of one clip are alike.",
                sources=tuple(sorted(set(map(str, few["source"])))),
            )
    pairs = used[used["split"] == "train"]["label"].value_counts()
    if len(pairs) > 1 and (ratio := pairs.iloc[0] / pairs.iloc[-1]) > IMBALANCE:
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
