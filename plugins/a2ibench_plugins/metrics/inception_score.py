"""Inception score: single images that are recognisable, and all of them varied."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.types import IntArray

SEED = 2020
"""Seed of the shuffle before the splits; torch-fidelity's default."""
INCEPTION = {"judge": "inceptionv3", "bounds": (1.0, 1008.0)}
LITE0 = {"bounds": (1.0, 1000.0)}
ONE = {"splits": 1, "headline": False}


class InceptionScore(Metric):
    """IS = exp E_x KL(p(y|x) ‖ p(y)) (Salimans et al. 2016), by torch-fidelity.

    The images are shuffled by a fixed seed and cut into ``splits`` parts; the value is the mean of
    the parts' scores and ``spread`` their standard deviation. A part of m images has a score of at
    most m and is biased low for small m: compare only at the same n and splits, with the
    ground-truth row beside it. Each part needs two images. The published protocol is 10 splits on
    Inception v3 (2015-12-05); by another judge it is not comparable with published scores.
    """

    name = "is"
    splits: int = option(10, "parts that the images are cut into", minimum=1, maximum=1000)
    judge: str = option("lite0", "a classifier")
    reads = ("logits",)
    title = "IS"
    column = 12
    bounds = (1.0, float("inf"))
    variants: ClassVar[Variants] = {
        "is10_inceptionv3": {**INCEPTION, "title": "IS (10 splits)", "column": 10},
        "is1_inceptionv3": {**INCEPTION, **ONE, "title": "IS (1 split)", "column": 11},
        "is10_lite0": {**LITE0, "title": "IS lite0 (10 splits)"},
        "is1_lite0": {**LITE0, **ONE, "title": "IS lite0 (1 split)", "column": 13},
    }

    def __post_init__(self) -> None:
        """Ask for two images per split; one split has no order."""
        super().__post_init__()
        self.fewest, self.orderless = 2 * self.splits, self.splits == 1

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        import torch
        from torch_fidelity.metric_isc import (
            KEY_METRIC_ISC_MEAN,
            KEY_METRIC_ISC_STD,
            isc_features_to_metric,
        )

        logits = torch.from_numpy(outputs.generated["logits"])
        score = isc_features_to_metric(logits, splits=self.splits, shuffle=True, rng_seed=SEED)
        spread = score[KEY_METRIC_ISC_STD] if self.splits > 1 else None
        return Score(score[KEY_METRIC_ISC_MEAN], len(logits), spread=spread)

    def without_blocks(
        self, outputs: JudgeOutputs, block: IntArray
    ) -> npt.NDArray[np.float64] | None:
        """Leave the other images in the parts that they are in: to shuffle them anew would move the
        score more than the images that are missing do. Where a part would be empty, none."""
        from scipy.special import log_softmax, softmax

        logits = outputs.generated["logits"].astype(np.float64)
        order = np.random.RandomState(SEED).permutation(len(logits))
        p = softmax(logits, axis=1)
        negentropy = (p * log_softmax(logits, axis=1)).sum(axis=1)
        number = int(block.max()) + 1
        scores = np.empty((self.splits, number))
        for i in range(self.splits):
            n = len(order)
            part = order[i * n // self.splits : (i + 1) * n // self.splits]
            gone = np.equal.outer(np.arange(number), block[part]).astype(np.float64)
            count = len(part) - gone.sum(axis=1)
            if not count.all():
                return np.full(number, np.nan)
            mean = (p[part].sum(axis=0) - gone @ p[part]) / count[:, np.newaxis]
            within = (negentropy[part].sum() - gone @ negentropy[part]) / count
            logs = np.log(mean, out=np.zeros_like(mean), where=mean > 0)
            scores[i] = np.exp(within - (mean * logs).sum(axis=1))
        without: npt.NDArray[np.float64] = scores.mean(axis=0)
        return without
