"""Inception score: single images that are recognisable, and all of them varied."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.hash_order import order_of_content
from a2ibench.nn.pairwise import strips
from a2ibench.types import IntArray

SEED = 2020
"""Seed of the shuffles; torch-fidelity's default."""
SHUFFLES = 20
PARTS = (1, 2, 3, 4)
"""Numbers of parts that the images are cut into for the extrapolation."""
MIN_PART = 100
INCEPTION = {"judge": "inceptionv3", "bounds": (1.0, 1008.0)}
LITE0 = {"bounds": (1.0, 1000.0)}
ONE = {"splits": 1, "headline": False}
PUBLISHED = {"shuffles": 0, "headline": False}

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PartScores:
    """Scores exp E_x KL(p(y|x) ‖ p(y)) of the parts that the images are cut into at random.

    Attributes:
        splits: number of parts.
        shuffles: number of cuts; 0 for that of torch-fidelity.
    """

    splits: int
    shuffles: int = SHUFFLES

    def __call__(self, outputs: JudgeOutputs) -> Array:
        """Return float64 ``[cuts, splits, 1 + B]``: with all images, and without each block.

        The others stay in the parts that they are in: to shuffle them anew would move the score
        more than the images that are missing do. NaN for a part of which nothing is left.
        """
        from scipy.sparse import csr_array
        from scipy.special import log_softmax

        logits = outputs.generated["logits"]
        n, classes = logits.shape
        block = outputs.block if len(outputs.block) else np.zeros(n, dtype=np.int64)
        cuts = np.stack(list(self.cuts(outputs)))
        shape = (self.splits, int(block.max()) + 1)
        cells = int(np.prod(shape))
        cell = cuts * shape[1] + block
        scores = []
        for some in strips(len(cuts), cells * classes):
            here = cell[some] + cells * np.arange(some.stop - some.start)[:, np.newaxis]
            p = np.zeros((cells * len(here), classes))
            negentropy = np.zeros(len(p))
            for rows in strips(n, classes):
                log_p = log_softmax(logits[rows].astype(np.float64), axis=1)
                row, column = here[:, rows], np.tile(np.arange(len(log_p)), (len(here), 1))
                ones = (np.ones(row.size), (row.ravel(), column.ravel()))
                sums = csr_array(ones, shape=(len(p), len(log_p)))
                p_of_rows = np.exp(log_p)
                p += sums @ p_of_rows
                negentropy += sums @ np.einsum("nk,nk->n", p_of_rows, log_p)
            count = np.bincount(here.ravel(), minlength=len(p)).astype(np.float64)
            totals = (total.reshape(len(here), *shape, -1) for total in (p, negentropy, count))
            scores += [_score(*map(_left, cut)) for cut in zip(*totals, strict=True)]
        return np.stack(scores)

    def cuts(self, outputs: JudgeOutputs) -> Iterator[IntArray]:
        """Yield the part of each image, int64 ``[n]``, of each cut.

        They follow the sounds, and of one sound the images, not the order of the segments: so all
        methods are cut alike.
        """
        n = len(outputs.label)
        of_place = np.repeat(
            np.arange(self.splits), np.diff(np.arange(self.splits + 1) * n // self.splits)
        )
        if self.shuffles == 0:
            orders = iter([np.random.RandomState(SEED).permutation(n)])
        else:
            rng = np.random.default_rng(SEED)
            order = order_of_content(outputs.acoustic, outputs.generated["logits"])
            number = self.shuffles if self.splits > 1 else 1
            orders = (order[rng.permutation(n)] for _ in range(number))
        for order in orders:
            part = np.empty(n, dtype=np.int64)
            part[order] = of_place
            yield part


def _left(sums: Array) -> Array:
    """Turn sums of blocks ``[P, B, k]`` into those of all and of all others, ``[P, 1 + B, k]``."""
    total = sums.sum(axis=1, keepdims=True)
    return np.concatenate([total, total - sums], axis=1)


def _score(p: Array, negentropy: Array, count: Array) -> Array:
    """Return exp [E_x Σ p(y|x) log p(y|x) − Σ p(y) log p(y)] from sums ``[P, 1 + B, k]``."""
    count = np.where(count > 0, count, np.nan)
    mean = p / count
    logs = np.log(mean, out=np.zeros_like(mean), where=mean > 0)
    score: Array = np.exp((negentropy / count)[..., 0] - (mean * logs).sum(axis=-1))
    return score


class InceptionScore(Metric):
    """IS = exp E_x KL(p(y|x) ‖ p(y)) (Salimans et al. 2016).

    The images are shuffled and cut into ``splits`` parts, 20 times over; the value is the mean of
    the parts' scores, and ``spread`` their standard deviation in one cut. The published protocol,
    torch-fidelity's, has a single cut, by a fixed seed and so by the order of the images: another
    order has another score. It is available as ``is10_published_…`` (``shuffles=0``). Averaging
    leaves the expectation as it is and takes that chance off (version 2); how the images are cut
    follows from the sounds, so that it is the same for all methods and in any order.

    A part of m images has a score of at most m and is biased low for small m: compare only at the
    same n and splits, with the ground-truth row beside it, or use ``is_inf``. Each part needs two
    images. The published protocol is 10 splits on Inception v3 (2015-12-05); by another judge it is
    not comparable with published scores.
    """

    name = "is"
    version = 2
    splits: int = option(10, "parts that the images are cut into", minimum=1, maximum=1000)
    shuffles: int = option(
        SHUFFLES,
        "cuts that are averaged; 0 for the published one, which depends on the images' order",
        minimum=0,
        maximum=1000,
    )
    judge: str = option("lite0", "a classifier")
    reads = ("logits",)
    title = "IS"
    column = 12
    bounds = (1.0, float("inf"))
    variants: ClassVar[Variants] = {
        "is10_inceptionv3": {**INCEPTION, "title": "IS (10 splits)", "column": 10},
        "is1_inceptionv3": {**INCEPTION, **ONE, "title": "IS (1 split)", "column": 11},
        "is10_published_inceptionv3": {
            **INCEPTION,
            **PUBLISHED,
            "title": "IS (10 splits, published)",
        },
        "is10_lite0": {**LITE0, "title": "IS lite0 (10 splits)"},
        "is1_lite0": {**LITE0, **ONE, "title": "IS lite0 (1 split)", "column": 13},
        "is10_published_lite0": {**LITE0, **PUBLISHED, "title": "IS lite0 (10 splits, published)"},
    }

    def __post_init__(self) -> None:
        """Ask for two images per split; one split has no order."""
        super().__post_init__()
        self.fewest = 2 * self.splits
        self.orderless = self.splits == 1 or self.shuffles > 0
        self.keeps_parts = self.splits > 1

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        scores = outputs.once(PartScores(self.splits, self.shuffles))[..., 0]
        spread = float(scores.std(axis=1).mean()) if self.splits > 1 else None
        return Score(float(scores.mean()), len(outputs.label), spread=spread)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Leave the block out of the parts; NaN where a part would be empty."""
        scores = outputs.with_blocks(block).once(PartScores(self.splits, self.shuffles))
        return scores[..., 1:].mean(axis=(0, 1))


class InceptionScoreInfinite(Metric):
    """IS∞ (Chong and Forsyth 2020): what the inception score tends to with more and more images.

    IS_N ≈ IS∞ + c/N, and c depends on the generator, so that at one N two of them differ by their
    biases, too. A line in 1/N is fitted by least squares to the mean scores of the parts when the
    images are cut at random, 20 times, into 1, 2, 3 and 4 of them, and read at 0. With fewer images
    than classes the line is no more than a first approximation.
    """

    name = "is_inf"
    judge: str = option("lite0", "a classifier")
    reads = ("logits",)
    title = "IS∞"
    column = 13
    headline = False
    bounds = (float("-inf"), float("inf"))
    fewest = MIN_PART * max(PARTS)
    keeps_parts = True
    variants: ClassVar[Variants] = {
        "is_inf_inceptionv3": {"judge": "inceptionv3"},
        "is_inf_lite0": {"title": "IS∞ lite0"},
    }

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        return Score(float(self._at_infinity(outputs)[0]), len(outputs.label))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Leave the block out of the parts."""
        return self._at_infinity(outputs.with_blocks(block))[1:]

    def _at_infinity(self, outputs: JudgeOutputs) -> Array:
        """Return the line's value at 0, with all images and without each block, ``[1 + B]``."""
        score = [outputs.once(PartScores(number)).mean(axis=(0, 1)) for number in PARTS]
        _, at_infinity = np.polyfit(PARTS, np.stack(score), 1)  # 1/N up to a factor
        return np.asarray(at_infinity)
