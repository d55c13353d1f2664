"""Classification accuracy score: what a classifier learns of the classes from generated images."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UserError
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]

FOLDS = 5
ITERATIONS = 200
"""Maximum of Newton's method; labels at random take about 10."""


class ClassificationScore(Metric):
    """CAS (Ravuri and Vinyals 2019) with logistic regression on frozen features.

    It learns the classes from generated images and is asked for those of real test images; the
    score is the share that it gets right. Unlike the accuracy of single images it falls when they
    lack the variety of the real ones. The real images are those of the very segments that were
    drawn from, so a picture of one moment would help with that moment: the segments are cut into 5
    folds of whole source clips, and the real images of a fold are asked of a classifier that
    learned from the generated images of the others. So the ground-truth row is the cross-validated
    accuracy on real images, the ceiling, and memory of a clip gives nothing.

    Minimises C Σ cross-entropy + ‖W‖²/2, C = 1, to convergence from 0, without chance. A class that
    only one fold has is never right. The interval does not cover which images it learned from.
    """

    name = "cas"
    version = 2
    judge: str = option("lite0", "whose features are learned from")
    reads = ("features",)
    title = "CAS"
    column = 21
    percent = True
    bounds = (0.0, 1.0)
    clips_in_class = 2
    variants: ClassVar[Variants] = {"cas_lite0": {"title": "CAS lite0"}}

    def check(self, label: IntArray, classes: tuple[str, ...]) -> None:
        """Refuse segments of a single class with a UserError."""
        if len(np.unique(label)) < 2:
            raise UserError(f"{self.name}: needs test segments of at least two classes")

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is 1 where the real image's class is right, else 0.

        Raises:
            UserError: all segments are of one block of source clips.
        """
        fold = outputs.block % FOLDS
        if len(np.unique(fold)) < 2:
            raise UserError(f"{self.name}: needs test segments of at least two source clips")
        generated, real = _in_their_span(outputs.generated["features"], outputs.real["features"])
        right = np.zeros(len(outputs.label), dtype=np.float32)
        for held in np.unique(fold):
            asked = fold == held
            found = _learn(generated[~asked], outputs.label[~asked], real[asked])
            right[asked] = found == outputs.label[asked]
        return Score.mean(right, chance=float(np.bincount(outputs.label).max() / len(right)))


def _in_their_span(learned: FloatArray, asked: FloatArray) -> tuple[Array, Array]:
    """Return coordinates in the span of the images that are learned from: the best W lies in it
    (representer theorem), and a shift of all features changes nothing but the bias."""
    wide = learned.astype(np.float64)
    mean = wide.mean(axis=0)
    span, _ = np.linalg.qr((wide - mean).T)
    return (wide - mean) @ span, (asked.astype(np.float64) - mean) @ span


def _learn(features: Array, label: IntArray, asked: Array) -> IntArray:
    """Return the classes ``[m]`` of ``asked`` ``[m, d]``, learned from ``features`` ``[n, d]``."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(label)) == 1:
        return np.full(len(asked), label[0])
    learner = LogisticRegression(solver="newton-cg", max_iter=ITERATIONS)
    found: IntArray = learner.fit(features, label).predict(asked)
    return found
