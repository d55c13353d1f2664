"""Retrieval in acoustic space: sounds find their images, and images their sounds, among all."""

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.nn.cosine import unit_rows
from a2ibench.nn.ranking import count_nearer
from a2ibench.types import FloatArray, IntArray

IMAGE = {"query": "image"}

Array = npt.NDArray[np.float64]
Query = Literal["sound", "image"]


def sound_to_image(outputs: JudgeOutputs) -> tuple[IntArray, IntArray]:
    """Count the nearer images of each sound, and those as near as its own, ``[m]`` each."""
    return _places(outputs, "sound")


def image_to_sound(outputs: JudgeOutputs) -> tuple[IntArray, IntArray]:
    """Count the nearer sounds of each image, and those as near as its own, ``[m]`` each."""
    return _places(outputs, "image")


def _places(outputs: JudgeOutputs, query: Query) -> tuple[IntArray, IntArray]:
    nearer, ties = count_nearer(*_sides(outputs, query))
    return nearer[:, 0], ties[:, 0]


def _sides(outputs: JudgeOutputs, query: Query) -> tuple[FloatArray, FloatArray]:
    """Return queries and candidates, of disjoint segments."""
    rows = outputs.disjoint_rows
    sound, image = outputs.acoustic[rows], outputs.generated["acoustic"][rows]
    return (sound, image) if query == "sound" else (image, sound)


class _Ranked(Metric):
    """All n test segments are the candidates, by cosine.

    Of segments that overlap, one takes part, as in R-precision (version 2; where none overlap, it
    is version 1). R-precision asks the same of pools of 100, so that test sets of any size compare;
    here chance depends on n.
    """

    version = 2
    judge: str = option("i2a_lite0", "judge that maps images to acoustic space")
    query: Query = option(
        "sound", "side that is searched with: sounds find images, or images find sounds"
    )
    reads = ("acoustic",)
    group = "match"
    headline = False
    fewest = 20

    def places(self, outputs: JudgeOutputs) -> tuple[IntArray, IntArray]:
        """Return how many other candidates are nearer than the own one, and as near, ``[m]``."""
        return outputs.once(sound_to_image if self.query == "sound" else image_to_sound)


class Retrieval(_Ranked):
    """Recall@k: the share of queries whose own candidate is among the k nearest; chance is k/n.

    Where t others are exactly as near as the own one, a query counts by its share of all orders of
    ties: with g nearer ones clip(k − g, 0, t + 1) / (t + 1).
    """

    k: int = option(10, "number of nearest candidates that the own one must be among", minimum=1)
    title = "R@k"
    column = 44
    percent = True
    bounds = (0.0, 1.0)
    variants: ClassVar[Variants] = {
        "a2i_r1_i2a_lite0": {"k": 1, "column": 34},
        "a2i_r5_i2a_lite0": {"k": 5, "column": 35},
        "a2i_r10_i2a_lite0": {"column": 36},
        "i2a_r1_i2a_lite0": {**IMAGE, "k": 1, "column": 40},
        "i2a_r5_i2a_lite0": {**IMAGE, "k": 5, "column": 41},
        "i2a_r10_i2a_lite0": {**IMAGE, "column": 42},
    }

    def __post_init__(self) -> None:
        """Put k and the direction into the title."""
        self.title = _title(self.query, f"R@{self.k}")
        super().__post_init__()

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the share of each query, NaN for no query."""
        nearer, ties = self.places(outputs)
        found = np.clip(self.k - nearer, 0, ties + 1) / (ties + 1)
        chance = min(1.0, self.k / len(found))
        return Score.mean(found, outputs.disjoint_rows, len(outputs.label), chance)


class MedianRank(_Ranked):
    """The median over queries of the own candidate's rank, 1..n; (n + 1)/2 is chance.

    A query's rank is the mean over all orders of ties, 1 + g + t/2 with g nearer and t as near.
    """

    title = "median rank"
    column = 44
    higher_is_better = False
    bounds = (1.0, float("inf"))
    variants: ClassVar[Variants] = {
        "a2i_medr_i2a_lite0": {"column": 37},
        "i2a_medr_i2a_lite0": {**IMAGE, "column": 43},
    }

    def __post_init__(self) -> None:
        """Put the direction into the title."""
        self.title = _title(self.query, "median rank")
        super().__post_init__()

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        nearer, ties = self.places(outputs)
        middle = float(np.median(1 + nearer + ties / 2))
        return Score(middle, len(nearer), chance=(len(nearer) + 1) / 2)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Count by blocks of candidates: neither a block's queries nor its candidates are there."""
        own, number = block[outputs.disjoint_rows], int(block.max()) + 1
        nearer, ties = count_nearer(*_sides(outputs, self.query), own, number)
        ahead = nearer + ties / 2
        rank = 1 + ahead.sum(axis=1, keepdims=True) - ahead
        return np.array([np.median(rank[own != b, b]) for b in range(number)])


def _title(query: Query, measure: str) -> str:
    return f"{'sound → image' if query == 'sound' else 'image → sound'} {measure}"


class Similarity(Metric):
    """The mean cosine of a sound and its own generated image; 1 is the highest.

    It asks for no ranking, so it does not depend on n; but what all sounds share raises it.
    """

    judge: str = option("i2a_lite0", "judge that maps images to acoustic space")
    reads = ("acoustic",)
    group = "match"
    title = "similarity"
    column = 33
    bounds = (-1.0, 1.0)
    variants: ClassVar[Variants] = {"similarity_i2a_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is each cosine."""
        own = unit_rows(outputs.acoustic) * unit_rows(outputs.generated["acoustic"])
        return Score.mean(own.sum(axis=1))
