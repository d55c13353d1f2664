"""R-precision: whether the image of a sound is found among the images of other sounds."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import OWN, Group, JudgeOutputs, Metric, Score, Variants
from a2ibench.nn.ranking import count_nearer
from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]

POOL = 100
"""Images in a pool: the segment's own and 99 others."""
IN_CLASS = {"pool": "class", "column": 40}
AISFX = {"judge": "i2a_aisfx", "column": 29, "headline": False}
CNN = {"judge": "i2a_cnn", "column": 39, "headline": False}
CNN_IN_CLASS = {**CNN, "pool": "class", "column": 45}


def hits(nearer: IntArray, ties: IntArray, others: int, k: int, pool: int = POOL) -> Array:
    """Return the probability that a sound's own image is among the k nearest of a random pool.

    It is the exact expectation over all pools and all orders of ties, so nothing is drawn. Let M
    other images be there, g of them nearer than the own one and t as near. A pool holds
    ``pool`` − 1 of the M; how many of them come before the own image is hypergeometric, with u ties
    before it, u uniform on 0..t:  P = 1/(t+1) Σ_u P[Hypergeometric(M, g + u, pool − 1) < k].

    ``nearer`` and ``ties`` are g and t of each sound, int64 ``[n]``; M, ``others``, is at least
    ``pool`` − 1. The result is float64 ``[n]`` in [0, 1].
    """
    from scipy.stats import hypergeom

    first_k = hypergeom.cdf(k - 1, others, np.arange(others + 1), pool - 1)
    summed = np.concatenate([[0.0], np.cumsum(first_k)])
    return np.clip((summed[nearer + ties + 1] - summed[nearer]) / (ties + 1), 0.0, 1.0)


Pools = Sequence[tuple[IntArray, IntArray, IntArray]]
"""Test segments whose images meet in pools, ``[m]`` rows; nearer images of each, and ties."""


def pools_of_all(outputs: JudgeOutputs) -> Pools:
    """Count among all disjoint segments."""
    return _count(outputs, np.zeros(len(outputs.label), dtype=np.int64))


def pools_in_class(outputs: JudgeOutputs) -> Pools:
    """Count among the disjoint segments of each class."""
    return _count(outputs, outputs.label)


def _count(outputs: JudgeOutputs, pool: IntArray) -> Pools:
    rows = outputs.disjoint_rows
    parts = [rows[pool[rows] == one] for one in np.unique(pool[rows])]
    sound, image = outputs.acoustic, outputs.generated["acoustic"]
    counts = (count_nearer(sound[part], image[part]) for part in parts)
    return [(part, *(c[:, 0] for c in count)) for part, count in zip(parts, counts, strict=True)]


class RPrecision(Metric):
    """R-precision@k in pools of 100 (Xu et al. 2018, AttnGAN), in acoustic space.

    A segment counts by the probability that, in a pool of its own generated image and 99 images
    generated for other segments, its own is among the k whose feature has the largest cosine with
    the segment's acoustic feature. The probability is exact, over all pools (:func:`hits`); the
    published protocol draws one pool for each segment and has the same expectation. Chance is
    k/100.

    In class, the 99 others are of the segment's own class, so what the class alone gives is gone: a
    generator that is right about the class and random inside it scores chance.

    No two images of a pool are of segments that overlap, since nothing could tell those apart: of
    the segments of each clip the largest number takes part of which no two share any sound, as
    sounds and as candidates (version 2; where no segments overlap, it is version 1). Others have no
    score. Segments of one clip that do not overlap may be in one pool.

    By the network that a method trains against (``own``), it is what the method was trained to
    please, and no measurement.
    """

    name = "rprec"
    version = 2
    k: int = option(
        10, "number of nearest images that the own one must be among", minimum=1, maximum=POOL
    )
    judge: str = option("i2a_lite0", "judge that maps images to acoustic space")
    pool: Literal["all", "class"] = option(
        "all", "classes that the other 99 images are of: all, or the segment's own"
    )
    reads = ("acoustic",)
    title = "R-prec"
    group: Group = "match"
    column = 39
    percent = True
    bounds = (0.0, 1.0)
    fewest = POOL
    variants: ClassVar[Variants] = {
        "rprec1_i2a_lite0": {"k": 1, "column": 30},
        "rprec5_i2a_lite0": {"k": 5, "column": 31},
        "rprec10_i2a_lite0": {"column": 32, "primary": True},
        "rprec10_i2a_aisfx": AISFX,
        "rprec1_i2a_cnn": {**CNN, "k": 1},
        "rprec5_i2a_cnn": {**CNN, "k": 5},
        "rprec10_i2a_cnn": CNN,
        "rprec1_inclass_i2a_lite0": {**IN_CLASS, "k": 1},
        "rprec5_inclass_i2a_lite0": {**IN_CLASS, "k": 5, "column": 41},
        "rprec10_inclass_i2a_lite0": {**IN_CLASS, "column": 42, "primary": True},
        "rprec10_inclass_i2a_aisfx": {**AISFX, "pool": "class"},
        "rprec1_inclass_i2a_cnn": {**CNN_IN_CLASS, "k": 1},
        "rprec5_inclass_i2a_cnn": {**CNN_IN_CLASS, "k": 5},
        "rprec10_inclass_i2a_cnn": CNN_IN_CLASS,
        "rprec1_own": {"judge": OWN, "k": 1, "column": 50},
        "rprec10_own": {"judge": OWN, "column": 52},
    }

    def __post_init__(self) -> None:
        """Set what pools of a class need, and the title."""
        if self.pool == "class":
            self.group, self.fewest_in_class, self.clips_in_class = "match_in_class", POOL, 2
        super().__post_init__()
        judge = "" if self.judge == "i2a_lite0" else f" {self.judge.removeprefix('i2a_')}"
        self.title = f"R-prec@{self.k}{' in class' if self.pool == 'class' else ''}{judge}"

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is NaN for segments that take no part."""
        found = outputs.once(pools_in_class if self.pool == "class" else pools_of_all)
        hit = np.full(len(outputs.label), np.nan)
        for rows, nearer, ties in found:
            hit[rows] = hits(nearer, ties, len(rows) - 1, self.k)
        rows = outputs.disjoint_rows
        return Score.mean(hit[rows], rows, len(hit), chance=self.k / POOL)
