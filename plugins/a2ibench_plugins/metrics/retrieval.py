"""Retrieval in acoustic space: sounds find their images, and images their sounds, among all."""

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import Looks, Metric, Score
from a2ibench.nn.cosine import cosines, unit_rows
from a2ibench.types import IntArray

FEWEST = 20

Array = npt.NDArray[np.float64]


def sound_to_image(looks: Looks) -> Array:
    """Cosines ``[m, m]`` of sound i and generated image j, of the segments that are apart."""
    rows = looks.apart_rows
    return cosines(looks.acoustic[rows], looks.generated["acoustic"][rows])


def image_to_sound(looks: Looks) -> Array:
    """Cosines ``[m, m]`` of generated image i and sound j, of the segments that are apart."""
    rows = looks.apart_rows
    return cosines(looks.generated["acoustic"][rows], looks.acoustic[rows])


def places(cosine: Array) -> tuple[IntArray, IntArray]:
    """How many others come before the own one.

    Args:
        cosine: ``[n, n]``, of query i and candidate j; the own candidates are on the diagonal.

    Returns:
        int64 ``[n]`` each: candidates that are nearer than the own one, and others as near.
    """
    own = np.diagonal(cosine)[:, np.newaxis]
    return (cosine > own).sum(axis=1), (cosine == own).sum(axis=1) - 1


class Retrieval(Metric):
    """What the rankings have in common: all n test segments are the candidates, by cosine.

    Of segments that overlap, one takes part, as in R-precision (version 2; where none overlap, it
    is version 1). R-precision asks the same of pools of 100, so that test sets of any size compare;
    here chance depends on n.
    """

    version = 2
    judge = "i2a_lite0"
    group = "match"
    headline = False
    fewest = FEWEST
    query: ClassVar[Literal["sound", "image"]]

    def cosine(self, looks: Looks) -> Array:
        """Of query i and candidate j, ``[m, m]``."""
        return looks.once(sound_to_image if self.query == "sound" else image_to_sound)


class Recall(Retrieval):
    """Recall@k: the share of queries whose own candidate is among the k nearest; chance is k/n.

    Where t others are exactly as near as the own one, a query counts by its share of all orders of
    ties: with g nearer ones clip(k − g, 0, t + 1) / (t + 1).
    """

    percent = True
    bounds = (0.0, 1.0)
    k: ClassVar[int]

    def compute(self, looks: Looks) -> Score:
        """See the class; ``per_segment`` is the share of each query, NaN for no query."""
        nearer, ties = places(self.cosine(looks))
        found = np.clip(self.k - nearer, 0, ties + 1) / (ties + 1)
        per_segment = np.full(len(looks.label), np.nan, dtype=np.float32)
        per_segment[looks.apart_rows] = found
        chance = min(1.0, self.k / len(found))
        return Score(float(found.mean()), len(found), per_segment=per_segment, chance=chance)


class MedianRank(Retrieval):
    """The median over queries of the own candidate's rank, 1..n; (n + 1)/2 is chance.

    A query's rank is the mean over all orders of ties, 1 + g + t/2 with g nearer and t as near.
    """

    higher_is_better = False
    bounds = (1.0, float("inf"))

    def compute(self, looks: Looks) -> Score:
        """See the class."""
        nearer, ties = places(self.cosine(looks))
        middle = float(np.median(1 + nearer + ties / 2))
        return Score(middle, len(nearer), chance=(len(nearer) + 1) / 2)

    def without_blocks(self, looks: Looks, block: IntArray) -> Array:
        """From the cosines: neither the block's queries nor its candidates are there."""
        cosine = self.cosine(looks)
        own = block[looks.apart_rows]
        values = []
        for b in range(block.max() + 1):
            rows = np.flatnonzero(own != b)
            nearer, ties = places(cosine[np.ix_(rows, rows)])
            values.append(np.median(1 + nearer + ties / 2))
        return np.array(values)


class SoundToImage1(Recall):
    """A sound finds its image, k = 1."""

    name = "a2i_r1_i2a_lite0"
    title = "sound → image R@1"
    column = 34
    query = "sound"
    k = 1


class SoundToImage5(Recall):
    """A sound finds its image, k = 5."""

    name = "a2i_r5_i2a_lite0"
    title = "sound → image R@5"
    column = 35
    query = "sound"
    k = 5


class SoundToImage10(Recall):
    """A sound finds its image, k = 10."""

    name = "a2i_r10_i2a_lite0"
    title = "sound → image R@10"
    column = 36
    query = "sound"
    k = 10


class SoundToImageMedianRank(MedianRank):
    """A sound finds its image."""

    name = "a2i_medr_i2a_lite0"
    title = "sound → image median rank"
    column = 37
    query = "sound"


class ImageToSound1(Recall):
    """An image finds its sound, k = 1."""

    name = "i2a_r1_i2a_lite0"
    title = "image → sound R@1"
    column = 40
    query = "image"
    k = 1


class ImageToSound5(Recall):
    """An image finds its sound, k = 5."""

    name = "i2a_r5_i2a_lite0"
    title = "image → sound R@5"
    column = 41
    query = "image"
    k = 5


class ImageToSound10(Recall):
    """An image finds its sound, k = 10."""

    name = "i2a_r10_i2a_lite0"
    title = "image → sound R@10"
    column = 42
    query = "image"
    k = 10


class ImageToSoundMedianRank(MedianRank):
    """An image finds its sound."""

    name = "i2a_medr_i2a_lite0"
    title = "image → sound median rank"
    column = 43
    query = "image"


class Similarity(Metric):
    """The mean cosine of a sound and its own generated image; 1 is the highest.

    It asks for no ranking, so it does not depend on n; but what all sounds share raises it.
    """

    name = "similarity_i2a_lite0"
    judge = "i2a_lite0"
    group = "match"
    title = "similarity"
    column = 33
    bounds = (-1.0, 1.0)

    def compute(self, looks: Looks) -> Score:
        """See the class; ``per_segment`` is each cosine."""
        own = (unit_rows(looks.acoustic) * unit_rows(looks.generated["acoustic"])).sum(axis=1)
        return Score(float(own.mean()), len(own), per_segment=own.astype(np.float32))
