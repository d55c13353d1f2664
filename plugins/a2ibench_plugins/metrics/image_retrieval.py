"""Image retrieval: a generated image is searched with among the real test images."""

from typing import ClassVar

import numpy as np

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.nn.ranking import count_nearer


class ImageRetrieval(Metric):
    """R@k of Sound2Scene: the share of generated images whose real image is among the k nearest.

    Candidates are the real images of all n test segments, by the cosine of the judge's features;
    of segments that overlap, one takes part. Where t others are exactly as near as the own one, an
    image counts by its share of all orders of ties. Chance is k/n, and a generator that always
    draws one image has exactly that, so a published figure compares at its own n only. The paper's
    network is CLIP ViT-B/32.
    """

    k: int = option(10, "nearest images that count", minimum=1)
    judge: str = option("clip_b32", "whose features are compared")
    reads = ("features",)
    title = "image R@k"
    group = "match"
    headline = False
    column = 78
    percent = True
    bounds = (0.0, 1.0)
    fewest = 20
    refers_to_own_image = True
    variants: ClassVar[Variants] = {
        "image_r1_clip_b32": {"k": 1, "column": 76},
        "image_r5_clip_b32": {"k": 5, "column": 77},
        "image_r10_clip_b32": {},
        "image_r1_lite0": {"judge": "lite0", "k": 1, "column": 76},
        "image_r5_lite0": {"judge": "lite0", "k": 5, "column": 77},
        "image_r10_lite0": {"judge": "lite0"},
    }

    def __post_init__(self) -> None:
        """Put k and the judge into the title."""
        super().__post_init__()
        self.title = f"image R@{self.k} {self.judge}"

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the share of each image, NaN for no query."""
        rows = outputs.disjoint_rows
        nearer, ties = count_nearer(
            outputs.generated["features"][rows], outputs.real["features"][rows]
        )
        found = np.clip(self.k - nearer, 0, ties + 1)[:, 0] / (ties[:, 0] + 1)
        chance = min(1.0, self.k / len(rows))
        return Score.mean(found, rows, len(outputs.label), chance)
