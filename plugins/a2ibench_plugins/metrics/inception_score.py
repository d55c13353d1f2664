"""Inception score: are single images recognisable and all of them varied?"""

from typing import ClassVar

import torch

from a2ibench.contracts.metric import Looks, Metric, Score

SEED = 2020
"""Of the shuffle before the splits; torch-fidelity's default."""


class InceptionScore(Metric):
    """IS = exp E_x KL(p(y|x) ‖ p(y)) (Salimans et al. 2016), by torch-fidelity.

    The images are shuffled by a fixed seed and cut into ``splits`` parts; the value is the mean of
    the parts' scores and ``spread`` their standard deviation. A part of m images has a score of at
    most m and is biased low for small m: compare only at the same n and splits, with the
    ground-truth row beside it. Each part needs two images.
    """

    group = "quality"
    splits: ClassVar[int]

    def compute(self, looks: Looks) -> Score:
        """See the class."""
        from torch_fidelity.metric_isc import (
            KEY_METRIC_ISC_MEAN,
            KEY_METRIC_ISC_STD,
            isc_features_to_metric,
        )

        logits = torch.from_numpy(looks.generated["logits"])
        score = isc_features_to_metric(logits, splits=self.splits, shuffle=True, rng_seed=SEED)
        spread = score[KEY_METRIC_ISC_STD] if self.splits > 1 else None
        return Score(score[KEY_METRIC_ISC_MEAN], len(logits), spread=spread)


class InceptionScore10Lite0(InceptionScore):
    """10 splits, on EfficientNet-lite0: not comparable with published scores."""

    name = "is10_lite0"
    judge = "lite0"
    title = "IS lite0 (10 splits)"
    column = 12
    splits = 10
    orderless = False
    fewest = 20
    bounds = (1.0, 1000.0)


class InceptionScore1Lite0(InceptionScore):
    """1 split, on EfficientNet-lite0: not comparable with published scores."""

    name = "is1_lite0"
    judge = "lite0"
    title = "IS lite0 (1 split)"
    column = 13
    splits = 1
    fewest = 2
    headline = False
    bounds = (1.0, 1000.0)


class InceptionScore10InceptionV3(InceptionScore):
    """10 splits, on Inception v3 (2015-12-05): the published protocol."""

    name = "is10_inceptionv3"
    judge = "inceptionv3"
    title = "IS (10 splits)"
    column = 10
    splits = 10
    orderless = False
    fewest = 20
    bounds = (1.0, 1008.0)


class InceptionScore1InceptionV3(InceptionScore):
    """1 split, on Inception v3 (2015-12-05)."""

    name = "is1_inceptionv3"
    judge = "inceptionv3"
    title = "IS (1 split)"
    column = 11
    splits = 1
    fewest = 2
    headline = False
    bounds = (1.0, 1008.0)
