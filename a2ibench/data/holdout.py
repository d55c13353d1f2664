"""A held-out part of a split, by source clip: what chooses a stopping time or a penalty."""

import numpy as np
import numpy.typing as npt

from a2ibench.data.store import StoredImages
from a2ibench.data.types import IntArray, Pairs
from a2ibench.errors import UserError

JUDGE_SHARE, JUDGE_SEED = 1 / 3, 1999


def reserve_for_judges(train: Pairs) -> tuple[Pairs, Pairs]:
    """Sets a third of the training sources aside for the judges that are trained.

    No model is trained on them. A judge that had seen the models' own training images would score
    a copy of one better than a real test image.

    Returns:
        What models are trained on, and what judges are trained on.

    Raises:
        UserError: a class has fewer than two training sources.
    """
    return hold_out(train, JUDGE_SHARE, JUDGE_SEED)


def hold_out(pairs: Pairs, share: float, seed: int) -> tuple[Pairs, Pairs]:
    """Parts pairs in two so that no source is on both sides and every class is on both.

    Args:
        pairs: usually the training split.
        share: of the sources of each class that is held out; rounded, at least one. A source with
            pairs of several classes counts for its most frequent one.
        seed: fixes which.

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
    """The positions of both parts of :func:`hold_out`, for who has no features yet.

    Args:
        label: int64 ``[n]``.
        source: ``[n]``.
        classes: what ``label`` indexes.
        share: as there.
        seed: as there.

    Returns:
        The positions of the larger part and of the held-out one, in order.

    Raises:
        UserError: a class has fewer than two sources.
    """
    sources, position = np.unique(source, return_inverse=True)
    counts = np.zeros((len(sources), len(classes)), dtype=np.int64)
    np.add.at(counts, (position, label), 1)
    rng = np.random.default_rng(seed)
    held = np.zeros(len(sources), dtype=np.bool_)
    for number, name in enumerate(classes):
        own = np.flatnonzero(counts.argmax(axis=1) == number)
        if len(own) < 2:
            raise UserError(
                f"class {name!r} has {len(own)} training sources; at least 2 are needed, one of"
                " them to hold out: give the dataset more source clips"
            )
        size = min(max(1, round(share * len(own))), len(own) - 1)
        held[rng.choice(own, size=size, replace=False)] = True
    in_held = held[position]
    return np.flatnonzero(~in_held), np.flatnonzero(in_held)


def part(pairs: Pairs, rows: IntArray) -> Pairs:
    """Some of the pairs, in the order of ``rows``, int64 ``[m]``."""
    return Pairs(
        images=StoredImages(pairs.images, rows),
        acoustic=pairs.acoustic[rows],
        label=pairs.label[rows],
        classes=pairs.classes,
        source=pairs.source[rows],
        factors={name: value[rows] for name, value in pairs.factors.items()},
        span=pairs.span[rows] if len(pairs.span) else pairs.span,
    )
