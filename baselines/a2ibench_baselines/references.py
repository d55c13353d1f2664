"""The reference rows, which every number is compared with."""

import numpy as np

from a2ibench.contracts.reference import Reference
from a2ibench.types import FloatArray, ImageArray, IntArray, Pairs


class GroundTruth(Reference):
    """The real image of the segment: the ceiling."""

    name = "ground_truth"
    row = 0

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Return the test images themselves."""
        return test.images[:]


class NearestTraining(Reference):
    """The training image whose sound is nearest, by the cosine of the standardised features.

    A method that memorises and looks up would reach the same.
    """

    name = "nearest_train"
    row = 1

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Return one training image per segment; the first of equally near ones."""
        return train.images[(_unit(test.acoustic) @ _unit(train.acoustic).T).argmax(axis=1)]


class ClassMean(Reference):
    """The mean training image of the segment's *true* class: right about the class, and blurred.

    It is told the class, which no method is.
    """

    name = "class_mean"
    row = 2

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Return the mean image of each segment's class; raise a ValueError for an unseen class."""
        means = {label: _mean_image(train, label) for label in np.unique(test.label)}
        return np.stack([means[label] for label in test.label])


class ShuffledAudio(Reference):
    """The real image of another segment: perfect pictures that ignore the sound, so chance."""

    name = "shuffled_audio"
    row = 4
    random = True

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Return each of two or more test images once, none at its own segment."""
        return test.images[derangement(len(test), rng)]


class ShuffledInClass(Reference):
    """The real test image of another, random segment of the same class.

    Right about the class and random inside it, as a perfect class-conditional generator would be
    that ignores everything else. What only tells the class is no match with the sound, so this is
    the floor of all scores of match, overall and inside the class.
    """

    name = "shuffled_in_class"
    row = 3
    random = True
    floor_of = frozenset({"match", "match_in_class"})

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Return each test image once, at another segment of its class, if there is another."""
        order = np.arange(len(test))
        for label in np.unique(test.label):
            rows = np.flatnonzero(test.label == label)
            if len(rows) > 1:
                order[rows] = rows[derangement(len(rows), rng)]
        return test.images[order]


def derangement(n: int, rng: np.random.Generator) -> IntArray:
    """Draw a permutation without fixed points, uniform among them: int64 ``[n]``, n ≥ 2.

    Permutations are drawn until one has none: e ≈ 2.7 draws on average.
    """
    if n < 2:
        raise ValueError(f"no derangement of {n} elements; at least two are needed")
    while True:
        order: IntArray = rng.permutation(n).astype(np.int64)
        if not (order == np.arange(n)).any():
            return order


def _unit(feature: FloatArray) -> FloatArray:
    length = np.linalg.norm(feature, axis=1, keepdims=True)
    return feature / np.maximum(length, np.finfo(np.float32).tiny)


def _mean_image(train: Pairs, label: int) -> ImageArray:
    """Average in blocks: the training images need not fit into memory."""
    rows = np.flatnonzero(train.label == label).astype(np.int64)
    if len(rows) == 0:
        raise ValueError(f"class {train.classes[label]!r} has no training images")
    blocks = [rows[i : i + 1024] for i in range(0, len(rows), 1024)]
    total = sum(train.images[block].sum(axis=0, dtype=np.int64) for block in blocks)
    return np.rint(total / len(rows)).astype(np.uint8)
