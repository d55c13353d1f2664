"""Audio–image content (AIC): whether a generated image shows the class of its sound.

Papers decide by two different means, and so there are two metrics. Chance, also the most that a
generator that always draws one image can have, is the share of the most frequent class.
"""

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Over, Score, Variants, Which
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.nn.cosine import cosine_strips, unit_rows
from a2ibench.types import FloatArray

Array = npt.NDArray[np.float64]


class _Content(Metric):
    """An image that is as near to t classes as to its own counts 1/t.

    ``labels`` and ``over`` are those of the accuracy: whether any label of a segment is right, and
    whether segments whose class is not seen count.
    """

    labels: Which = option("own", "classes that are right: the segment's own, or any of its labels")
    over: Over = option("all", "segments that count: all, or those whose class is (un)seen")
    group = "quality"
    headline = False
    percent = True
    bounds = (0.0, 1.0)
    clips_in_class = 2

    def __post_init__(self) -> None:
        """Put the judge, and what is asked of labels, into the title: else it is another number."""
        super().__post_init__()
        self.title = f"{type(self).title} {self.judge}"
        if (self.labels, self.over) != ("own", "all"):
            self.needs = frozenset({"labels"})
            self.title += f" [{self.labels} labels, {self.over}]"

    def nearest(self, outputs: JudgeOutputs, classes: FloatArray) -> Score:
        """Return the score of generated images by their cosines with ``[classes, k]``."""
        near = [few for _, few in cosine_strips(outputs.generated["features"], classes)]
        return self.marked(np.concatenate(near), outputs)

    def marked(self, likeness: FloatArray | Array, outputs: JudgeOutputs) -> Score:
        """Return the score of images by how like each class they are, ``[n, classes]``."""
        targets, rows = outputs.targets(self.labels), outputs.rows_over(self.over)
        best = likeness == likeness.max(axis=1, keepdims=True)
        right = ((best & targets).sum(axis=1) / best.sum(axis=1))[rows]
        return Score.mean(right, rows, len(targets), float(targets[rows].mean(axis=0).max()))


class AICZeroShot(_Content):
    """AIC of SonicDiffusion: the share of images whose nearest class name is that of their sound.

    Nearest is the largest cosine of the judge's features of the image and of the text that it
    makes of the name. The paper's network is CLIP ViT-L/14.
    """

    name = "aic_zeroshot"
    judge: str = option("clip_l14", "which embeds images and class names")
    reads = ("features",)
    reads_texts = ("features",)
    title = "AIC zero-shot"
    column = 21
    variants: ClassVar[Variants] = {"aic_zeroshot_clip_l14": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is 1 where the class is right, else 0."""
        return self.nearest(outputs, outputs.texts["features"])


class AICClassifier(_Content):
    """AIC of AudioToken: the share of images that a classifier gives the class of their sound.

    By ``logits``, the judge is the classifier, and knows the dataset's own classes; by the class
    judge it is the number of ``accuracy_resnet18``. By ``means``, a class is the mean of the unit
    features of its real training images, and the nearest by cosine counts: any judge will do, also
    one that has never seen the classes.
    """

    name = "aic_classifier"
    judge: str = option("resnet18", "whose logits or features decide")
    by: Literal["logits", "means"] = option("logits", "what decides")
    title = "AIC"
    column = 22
    variants: ClassVar[Variants] = {
        "aic_classifier_resnet18": {},
        "aic_classifier_means_resnet18": {"by": "means", "column": 23},
        "aic_classifier_means_lite0": {"by": "means", "judge": "lite0", "column": 24},
    }

    def __post_init__(self) -> None:
        """Read what decides."""
        super().__post_init__()
        self.reads = ("logits",) if self.by == "logits" else ("features",)
        self.needs |= frozenset() if self.by == "logits" else frozenset({"train"})
        self.title += "" if self.by == "logits" else " means"

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is 1 where the class is right, else 0.

        Raises:
            UserError: the judge knows other classes than the dataset's.
            UndefinedScoreError: a class has no training image.
        """
        if self.by == "means":
            return self.nearest(outputs, self.class_means(outputs))
        logits = outputs.generated["logits"]
        if logits.shape[1] != len(outputs.classes):
            raise UserError(
                f"{self.name}: judge {self.judge} knows {logits.shape[1]} classes, the data have"
                f" {len(outputs.classes)}; choose a judge that is trained on them, or"
                f" aic_classifier[judge={self.judge},by=means]"
            )
        return self.marked(logits, outputs)

    def class_means(self, outputs: JudgeOutputs) -> FloatArray:
        """Return the means of the unit features of the real training images, ``[classes, k]``."""
        own = np.equal.outer(np.arange(len(outputs.classes)), outputs.train_label)
        if not (count := own.sum(axis=1)).all():
            lacking = outputs.classes[int(count.argmin())]
            raise UndefinedScoreError(f"class {lacking!r} has no training image")
        means = own @ unit_rows(outputs.train["features"]) / count[:, np.newaxis]
        return means.astype(np.float32)
