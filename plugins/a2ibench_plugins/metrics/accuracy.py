"""Classification accuracy: the share of images that show the class of their sound."""

from typing import ClassVar

import numpy as np

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UserError


class Accuracy(Metric):
    """The share of generated images that the judge gives the class of their segment.

    Its accuracy on the real test images, the ceiling, is the ground-truth row's score.
    """

    judge: str = option("resnet18", "classifier of the dataset's own classes")
    reads = ("logits",)
    title = "accuracy"
    column = 20
    percent = True
    bounds = (0.0, 1.0)
    clips_in_class = 2
    variants: ClassVar[Variants] = {"accuracy_resnet18": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is 1 where the class is right, else 0.

        Raises:
            UserError: the judge knows other classes than the dataset's.
        """
        logits = outputs.generated["logits"]
        if logits.shape[1] != len(outputs.classes):
            raise UserError(
                f"{self.name}: judge {self.judge} knows {logits.shape[1]} classes, the data have"
                f" {len(outputs.classes)}; choose a judge that is trained on them"
            )
        right = logits.argmax(axis=1) == outputs.label
        return Score.mean(right, chance=float(np.bincount(outputs.label).max() / len(right)))
