"""Files of one class that show one scene: they may be parts of one recording, which leaks."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from a2ibench.curation.picture_copies import CONSTANT, HASH_BITS, describe
from a2ibench.data.store import LEFT_OUT, PairStore

LOOKED_AT = 300
"""Sources of a class that are compared, evenly spread."""
ALIKE = 2
"""Other sources that show the same scene as one that counts."""
LEAST = 4
"""Sources of one scene that are worth a word, if they are half of the class."""


class Scene(NamedTuple):
    """A class most of whose sources look alike.

    Attributes:
        label: the class.
        alike: sources that share their scene with others.
        of: sources that were compared.
        examples: two of them that look alike.
    """

    label: str
    alike: int
    of: int
    examples: tuple[str, str]


def shared_scenes(store: PairStore) -> Iterator[Scene]:
    """Yields the classes whose sources look as if one camera had stood still.

    One picture of each source is compared, by the perceptual hash that copies are searched with:
    frames of one static scene have near hashes, whatever moves in them.
    """
    used = store.index[store.index["split"] != LEFT_OUT]
    first = used.drop_duplicates(["label", "source"])
    for label, group in first.groupby("label"):
        chosen = np.unique(np.linspace(0, len(group) - 1, LOOKED_AT).round().astype(int))
        rows = group.index.to_numpy()[chosen]
        features = describe(store.images[rows])
        shown = features["range"] >= CONSTANT
        rows, hashes = rows[shown], features["hash"][shown]
        near = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= HASH_BITS
        np.fill_diagonal(near, False)
        alike = near.sum(axis=1) >= ALIKE
        if alike.sum() >= max(LEAST, len(rows) / 2):
            one = int(np.argmax(near.sum(axis=1)))
            other = int(np.argmax(near[one]))
            names = group["source"]
            examples = str(names[rows[one]]), str(names[rows[other]])
            yield Scene(str(label), int(alike.sum()), len(rows), examples)
