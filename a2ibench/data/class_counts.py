"""Clips and pairs of each class on each side, counted once for everybody who speaks of them."""

from collections.abc import Iterator
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
from a2ibench.errors import UserError
from a2ibench.types import IntArray, Split

LISTED = 5
"""Classes that a message names, at most."""


@dataclass(frozen=True)
class Count:
    """Source clips, and pairs.

    Attributes:
        clips: those whose most frequent class it is.
        pairs: with that label.
    """

    clips: int
    pairs: int


@dataclass(frozen=True)
class ClassCounts:
    """One class of a store.

    Attributes:
        label: its name.
        models: what models are trained on: the training side without the judges' part.
        judges: what judges are trained on.
        test: what everything is tested on.
    """

    label: str
    models: Count
    judges: Count
    test: Count

    @property
    def train(self) -> int:
        """Clips of the training side."""
        return self.models.clips + self.judges.clips

    @property
    def clips(self) -> int:
        """Clips in all."""
        return self.train + self.test.clips


def count_classes(store: PairStore) -> tuple[ClassCounts, ...]:
    """Every class of a store, in the order of its classes, after the judges' part is set aside.

    Nothing is raised for a class that is too small: :func:`too_few_clips` says so.
    """
    number = len(store.classes)
    counts: list[list[Count]] = []
    for label, main in (*_training(store), _test(store)):
        clips = np.bincount(main, minlength=number)
        pairs = np.bincount(label, minlength=number)
        counts.append([Count(int(c), int(p)) for c, p in zip(clips, pairs, strict=True)])
    return tuple(
        ClassCounts(name, *of_parts)
        for name, of_parts in zip(store.classes, zip(*counts, strict=True), strict=True)
    )


def _training(store: PairStore) -> Iterator[tuple[IntArray, IntArray]]:
    """Labels of the pairs and classes of the clips: of the models' part, and of the judges'."""
    label, position, main = _read(store, "train")
    held = held_sources(main, len(store.classes), JUDGE_SHARE, JUDGE_SEED)
    for chosen in (~held, held):
        yield label[chosen[position]], main[chosen]


def _test(store: PairStore) -> tuple[IntArray, IntArray]:
    label, _, main = _read(store, "test")
    return label, main


def _read(store: PairStore, split: Split) -> tuple[IntArray, IntArray, IntArray]:
    rows = store.rows(split)
    label = store.label(rows)
    source = store.index["source"].to_numpy(dtype=np.str_)[rows]
    return label, *class_of_sources(label, source, len(store.classes))


def clips_needed(judges: int, models: int = 1) -> int:
    """The fewest training clips of a class that leave so many to the judges and to the models."""
    clips = judges + models
    while held_of(clips, JUDGE_SHARE) < judges or clips - held_of(clips, JUDGE_SHARE) < models:
        clips += 1
    return clips


def too_few_clips(store: PairStore, judges: int, models: int = 1) -> str | None:
    """Why the training clips of a store do not do; None where they do.

    Args:
        store: the pairs.
        judges: clips of each class that the judges need.
        models: the same of the models.

    Returns:
        Each class that falls short: how many clips it has on each side, how many of them the
        judges take, how many are needed, and what can be done.
    """
    needed = clips_needed(judges, models)
    short = [one for one in count_classes(store) if one.train < needed]
    if not short:
        return None
    named = [
        f"{one.label!r} has {_number(one.clips)}, {one.train} for training and"
        f" {one.test.clips} for the test"
        for one in short[:LISTED]
    ]
    if len(short) > LISTED:
        named[-1] += f", and {len(short) - LISTED} more are as short"
    takes = sorted({held_of(one.train, JUDGE_SHARE) for one in short})
    return (
        f"too few training clips: class {'; class '.join(named)}. A third of a class's training"
        f" clips (here {' or '.join(map(str, takes))}) trains the judges, which need"
        f" {_number(judges)}; no model sees those. So a class needs {needed} training clips."
        f" {_remedies(store, short, needed)}"
    )


def refuse_too_few_clips(store: PairStore, judges: int, models: int = 1) -> None:
    """Refuses a store in which a class has too few training clips; see :func:`too_few_clips`.

    Raises:
        UserError: with what can be done.
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
    """The fewest folds that leave enough training clips; None where no number of them does."""
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
    """How many of the clips of a class are test clips; a class of one clip is trained on."""
    return len(range(fold, clips, folds)) if clips > 1 else 0


def _number(clips: int) -> str:
    return f"{clips} clip{'' if clips == 1 else 's'}"
