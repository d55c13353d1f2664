"""Hold out part of a split by source clip, to train judges or to choose a stopping time."""

import numpy as np
import numpy.typing as npt

from a2ibench.data.store import StoredImages
from a2ibench.errors import UserError, counted
from a2ibench.types import IntArray, Pairs

JUDGE_SHARE, JUDGE_SEED = 1 / 3, 1999


def reserve_for_judges(train: Pairs) -> tuple[Pairs, Pairs]:
    """Set a third of the training sources aside for the judges that are trained.

    No model is trained on them: a judge that had seen the models' own training images would score
    a copy of one better than a real test image.

    Returns:
        The training pairs of the models, and those of the judges.

    Raises:
        UserError: a class has fewer than two training sources.
    """
    return hold_out(train, JUDGE_SHARE, JUDGE_SEED)


def hold_out(pairs: Pairs, share: float, seed: int) -> tuple[Pairs, Pairs]:
    """Divide pairs in two so that no source is on both sides and every class is on both.

    Args:
        pairs: usually the training split.
        share: share of the sources of each class to hold out; rounded, at least one source. One
            with pairs of several classes counts for its most frequent one.
        seed: of the draw.

    Returns:
        The larger part, and the held-out one.

    Raises:
        UserError: a class has fewer than two sources.
    """
    kept, held = hold_out_rows(pairs.label, pairs.source, pairs.classes, share, seed)
    return part(pairs, kept), part(pairs, held)


def hold_out_rows(
    label: IntArray, source: npt.NDArray[np.str_], classes: tuple[str, ...], share: float, seed: int
) -> tuple[IntArray, IntArray]:
    """Return the positions of both parts of :func:`hold_out`, each in order.

    Args:
        label: int64 ``[n]``, indices into ``classes``.
        source: ``[n]``.
        classes: the class names.
        share: see :func:`hold_out`.
        seed: see :func:`hold_out`.

    Raises:
        UserError: a class has fewer than two sources.
    """
    position, main = class_of_sources(label, source, len(classes))
    for name, count in zip(classes, np.bincount(main, minlength=len(classes)), strict=True):
        if count < 2:
            raise UserError(
                f"class {name!r} has {counted(int(count), 'source')} here; at least 2 are needed,"
                " one of them to hold out: give the dataset more source clips"
            )
    in_held = held_sources(main, len(classes), share, seed)[position]
    return np.flatnonzero(~in_held), np.flatnonzero(in_held)


def class_of_sources(
    label: IntArray, source: npt.NDArray[np.str_], classes: int
) -> tuple[IntArray, IntArray]:
    """Return the class that each source counts for: its most frequent one.

    Args:
        label: int64 ``[n]``, the class of each pair.
        source: ``[n]``, its source.
        classes: number of classes.

    Returns:
        int64 ``[n]``, the position of each pair's source; and int64 ``[sources]``, their classes.
    """
    sources, position = np.unique(source, return_inverse=True)
    counts = np.zeros((len(sources), classes), dtype=np.int64)
    np.add.at(counts, (position, label), 1)
    return position.astype(np.int64), counts.argmax(axis=1).astype(np.int64)


def held_sources(main: IntArray, classes: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Draw the held-out sources, :func:`held_of` each class: bool ``[sources]``.

    Args:
        main: int64 ``[sources]``, the class that each counts for.
        classes: number of classes.
        share: of each class.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(len(main), dtype=np.bool_)
    for number in range(classes):
        own = np.flatnonzero(main == number)
        held[rng.choice(own, size=held_of(len(own), share), replace=False)] = True
    return held


def held_of(sources: int, share: float) -> int:
    """Number of sources of a class to hold out: at least one, never all, none of one."""
    return min(max(1, round(share * sources)), max(sources - 1, 0))


def part(pairs: Pairs, rows: IntArray) -> Pairs:
    """Select pairs, in the order of ``rows``, int64 ``[m]``."""
    return Pairs(
        images=StoredImages(pairs.images, rows),
        acoustic=pairs.acoustic[rows],
        label=pairs.label[rows],
        classes=pairs.classes,
        source=pairs.source[rows],
        factors={name: value[rows] for name, value in pairs.factors.items()},
        span=pairs.span[rows] if len(pairs.span) else pairs.span,
        sounds=None if pairs.sounds is None else pairs.sounds.take(rows),
        labels=None if pairs.labels is None else pairs.labels.take(rows),
        recording=pairs.recording[rows] if len(pairs.recording) else pairs.recording,
    )
