"""A held-out part of a split, by source clip: what chooses a stopping time or a penalty."""

import numpy as np

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
    sources, position = np.unique(pairs.source, return_inverse=True)
    counts = np.zeros((len(sources), len(pairs.classes)), dtype=np.int64)
    np.add.at(counts, (position, pairs.label), 1)
    rng = np.random.default_rng(seed)
    held = np.zeros(len(sources), dtype=np.bool_)
    for label, name in enumerate(pairs.classes):
        own = np.flatnonzero(counts.argmax(axis=1) == label)
        if len(own) < 2:
            raise UserError(
                f"class {name!r} has {len(own)} training sources; at least 2 are needed, one of"
                " them to hold out: give the dataset more source clips"
            )
        number = min(max(1, round(share * len(own))), len(own) - 1)
        held[rng.choice(own, size=number, replace=False)] = True
    in_held = held[position]
    return _part(pairs, np.flatnonzero(~in_held)), _part(pairs, np.flatnonzero(in_held))


def _part(pairs: Pairs, rows: IntArray) -> Pairs:
    return Pairs(
        images=StoredImages(pairs.images, rows),
        acoustic=pairs.acoustic[rows],
        label=pairs.label[rows],
        classes=pairs.classes,
        source=pairs.source[rows],
    )
