"""Count the clips and pairs of each class on each side."""

from dataclasses import dataclass

import numpy as np

from a2ibench.data.holdout import (
    JUDGE_SEED,
    JUDGE_SHARE,
    class_of_sources,
    held_of,
    held_sources,
)
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, counted
from a2ibench.types import Split

MAX_LISTED = 5
"""Largest number of classes that a message names."""


@dataclass(frozen=True)
class Count:
    """Numbers of source clips and of pairs.

    Attributes:
        clips: clips whose most frequent class it is.
        pairs: pairs with that label.
    """

    clips: int
    pairs: int


@dataclass(frozen=True)
class ClassCounts:
    """Counts of one class of a store.

    Attributes:
        label: its name.
        models: the training side without the judges' part.
        judges: the part of the training side that trains the judges.
        test: the test side.
    """

    label: str
    models: Count
    judges: Count
    test: Count

    @property
    def train(self) -> int:
        """Number of clips on the training side."""
        return self.models.clips + self.judges.clips

    @property
    def clips(self) -> int:
        """Number of clips on both sides."""
        return self.train + self.test.clips


def count_classes(store: PairStore) -> tuple[ClassCounts, ...]:
    """Count every class of a store, in the order of its classes."""
    number = len(store.classes)
    counts: list[list[Count]] = []
    sides: tuple[Split, ...] = ("train", "test")
    for split in sides:
        rows = store.rows(split)
        label = store.label(rows)
        source = store.index["source"].to_numpy(dtype=np.str_)[rows]
        position, main = class_of_sources(label, source, number)
        held = np.zeros(len(main), dtype=np.bool_)
        if split == "train":
            held = held_sources(main, number, JUDGE_SHARE, JUDGE_SEED)
        for chosen in (~held, held)[: 2 if split == "train" else 1]:
            clips = np.bincount(main[chosen], minlength=number)
            pairs = np.bincount(label[chosen[position]], minlength=number)
            counts.append([Count(int(c), int(p)) for c, p in zip(clips, pairs, strict=True)])
    return tuple(
        ClassCounts(name, *of_parts)
        for name, of_parts in zip(store.classes, zip(*counts, strict=True), strict=True)
    )


def clips_needed(judges: int, models: int = 1) -> int:
    """Return the fewest training clips of a class that suffice for judges and models."""
    clips = judges + models
    while held_of(clips, JUDGE_SHARE) < judges or clips - held_of(clips, JUDGE_SHARE) < models:
        clips += 1
    return clips


def too_few_clips(store: PairStore, judges: int, models: int = 1) -> str | None:
    """Explain why a store has too few training clips; return None if it has enough.

    Args:
        store: the pairs.
        judges: number of clips of each class that the judges need.
        models: number of clips of each class that the models need.

    Returns:
        Each class that falls short, with its clips on each side, those that the judges take, the
        number needed, and what can be done.
    """
    needed = clips_needed(judges, models)
    short = [one for one in count_classes(store) if one.train < needed]
    if not short:
        return None
    named = [
        f"{one.label!r} has {counted(one.clips, 'clip')}, {one.train} for training and"
        f" {one.test.clips} for the test"
        for one in short[:MAX_LISTED]
    ]
    if len(short) > MAX_LISTED:
        named[-1] += f", and {len(short) - MAX_LISTED} more are as short"
    takes = sorted({held_of(one.train, JUDGE_SHARE) for one in short})
    return (
        f"too few training clips: class {'; class '.join(named)}. A third of a class's training"
        f" clips (here {' or '.join(map(str, takes))}) trains the judges, which need"
        f" {counted(judges, 'clip')}; no model sees those. So a class needs {needed} training"
        f" clips."
        f" {_remedies(store, short, needed)}"
    )


def refuse_too_few_clips(store: PairStore, judges: int, models: int = 1) -> None:
    """Refuse a store in which a class has too few training clips.

    Raises:
        UserError: with the explanation of :func:`too_few_clips`.
    """
    if (why := too_few_clips(store, judges, models)) is not None:
        raise UserError(f"{store.root}: {why}")


def _remedies(store: PairStore, short: list[ClassCounts], needed: int) -> str:
    one = len(short) == 1
    ways = [f"add clips of {'it' if one else 'them'}"]
    if (folds := _folds(store, short, needed)) is not None:
        ways.append(
            f"prepare the pairs again with `a2ibench data prepare … --set folds={folds}`, which"
            f" tests on one clip in {folds}"
        )
    ways.append(f"prepare them without {'this class' if one else 'these classes'}")
    return f"What helps: {', or '.join(ways)}."


def _folds(store: PairStore, short: list[ClassCounts], needed: int) -> int | None:
    """The fewest folds that leave enough training clips; None if no number of them does."""
    options = store.about["config"]
    folds, fold = options.get("folds"), options.get("fold")
    if not (isinstance(folds, int) and isinstance(fold, int)):
        return None  # a dataset that splits otherwise
    if any(one.test.clips != _tested(one.clips, folds, fold) for one in short):
        return None  # the sides were given, not dealt out
    most = max(one.clips for one in short)
    return next(
        (
            more
            for more in range(folds + 1, most + 1)
            if all(one.clips - _tested(one.clips, more, fold) >= needed for one in short)
        ),
        None,
    )


def _tested(clips: int, folds: int, fold: int) -> int:
    """Number of test clips of a class; a class of one clip is trained on."""
    return len(range(fold, clips, folds)) if clips > 1 else 0
