"""Classification accuracy: does the image show the class of its sound?"""

import numpy as np

from a2ibench.contracts.metric import Looks, Metric, Score


class AccuracyResNet18(Metric):
    """The share of generated images that the ResNet-18 judge gives the class of their segment.

    Its accuracy on the real test images, the ceiling, is the ground-truth row's score.
    """

    name = "accuracy_resnet18"
    judge = "resnet18"
    title = "accuracy"
    group = "quality"
    column = 20
    percent = True
    bounds = (0.0, 1.0)
    clips_in_class = 2

    def compute(self, looks: Looks) -> Score:
        """See the class; ``per_segment`` is 1 where the class is right, else 0."""
        right = looks.generated["logits"].argmax(axis=1) == looks.label
        most = float(np.bincount(looks.label).max() / len(right))
        return Score(
            float(right.mean()), len(right), per_segment=right.astype(np.float32), chance=most
        )
