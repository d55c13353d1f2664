"""Find classes whose files show one scene: parts of one recording would leak."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from a2ibench.curation.near_hashes import HASH_BITS
from a2ibench.curation.picture_features import CONSTANT, describe
from a2ibench.data.store import LEFT_OUT, PairStore

MAX_COMPARED = 300
"""Number of sources per class that are compared, evenly spread."""
MIN_NEAR = 2
"""Number of other sources with the same scene at which a source counts as alike."""
MIN_ALIKE = 4
"""Smallest number of sources of one scene that is reported, if they are half of the class."""


class Scene(NamedTuple):
    """A class most of whose sources look alike.

    Attributes:
        label: the class.
        alike: number of sources that share their scene with others.
        of: number of sources compared.
        examples: two sources that look alike.
    """

    label: str
    alike: int
    of: int
    examples: tuple[str, str]


def shared_scenes(store: PairStore) -> Iterator[Scene]:
    """Yield the classes whose sources look as if filmed by one fixed camera.

    One picture per source is compared, by its perceptual hash: frames of one static scene have near
    hashes, whatever moves in them.
    """
    used = store.index[store.index["split"] != LEFT_OUT]
    first = used.drop_duplicates(["label", "source"])
    for label, group in first.groupby("label"):
        chosen = np.unique(np.linspace(0, len(group) - 1, MAX_COMPARED).round().astype(int))
        rows = group.index.to_numpy()[chosen]
        features = describe(store.images[rows])
        shown = features["range"] >= CONSTANT
        rows, hashes = rows[shown], features["hash"][shown]
        near = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= HASH_BITS
        np.fill_diagonal(near, False)
        alike = near.sum(axis=1) >= MIN_NEAR
        if alike.sum() >= max(MIN_ALIKE, len(rows) / 2):
            one = int(np.argmax(near.sum(axis=1)))
            other = int(np.argmax(near[one]))
            names = group["source"]
            examples = str(names[rows[one]]), str(names[rows[other]])
            yield Scene(str(label), int(alike.sum()), len(rows), examples)
