"""Classification accuracy score: what a classifier learns of the classes from generated images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.nn.pairwise import strips
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]

FOLDS = 5
PENALTY = 0.01
"""λ, where the features of real images have a mean squared length of 1."""


class ClassificationScore(Metric):
    """CAS (Ravuri and Vinyals 2019) with ridge regression on frozen features.

    It learns the classes from generated images and is asked for those of real test images; the
    score is the share that it gets right. Unlike the accuracy of single images it falls when they
    lack the variety of the real ones. The real images are those of the very segments that were
    drawn from, so a picture of one moment would help with that moment: the segments are cut into 5
    folds of whole source clips, and the real images of a fold are asked of a classifier that
    learned from the generated images of the others. So the ground-truth row is the cross-validated
    accuracy on real images, the ceiling, and memory of a clip gives nothing.

    The classifier minimises (1/n) Σ ‖y − Wᵀx − b‖² + λ‖W‖² over n images, with y their classes
    one-hot, and answers with the largest output (Hastie et al. 2009, §3.4.1 and §4.2). That is
    strictly convex and solved in closed form, so that no solver, start or tolerance decides, as it
    did in version 2, a logistic regression. The features x are those of the judge, less their mean
    over the real test images and scaled so that these have a mean squared length of 1. So λ, 0.01,
    means the same for every judge and method: it halves the weight of a direction that holds 1 % of
    the variance of the images.

    A class that only one fold has is never right. The interval does not cover which images it
    learned from.
    """

    name = "cas"
    version = 3
    judge: str = option("lite0", "judge whose features the classes are learned from")
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
            UndefinedScoreError: all segments are of one block of source clips.
        """
        fold = outputs.block % FOLDS
        if len(np.unique(fold)) < 2:
            raise UndefinedScoreError("all test segments are of one source clip")
        generated, real = outputs.generated["features"], outputs.real["features"]
        inputs = Inputs.scaled_by(real)
        label, classes = outputs.label, len(outputs.classes)
        held = [np.flatnonzero(fold == one) for one in np.unique(fold)]
        products = [sums_of_products(inputs(generated, rows), label, classes) for rows in held]
        gram, cross = (np.sum(part, axis=0) for part in zip(*products, strict=True))
        right = np.zeros(len(fold))
        for rows, (own_gram, own_cross) in zip(held, products, strict=True):
            weights = fit(gram - own_gram, cross - own_cross)
            for part, x in inputs(real, rows):
                right[part] = (x @ weights).argmax(axis=1) == label[part]
        return Score.mean(right, chance=float(np.bincount(label).max() / len(right)))


@dataclass(frozen=True)
class Inputs:
    """Inputs of the classifier: features less ``mean``, ``[d]``, divided by ``length``, and a 1.

    So real images have a mean of 0 and a mean squared length of 1.
    """

    mean: Array
    length: float

    @classmethod
    def scaled_by(cls, real: FloatArray) -> "Inputs":
        """Take mean and length from the features of the real images, ``[n, d]``."""
        n, d = real.shape
        mean = real.mean(axis=0, dtype=np.float64)
        square = sum(float(np.square(real[rows] - mean).sum()) for rows in strips(n, d))
        return cls(mean, (square / n) ** 0.5 or 1.0)

    def __call__(self, features: FloatArray, rows: IntArray) -> Iterator[tuple[IntArray, Array]]:
        """Yield some of the rows at a time, and their inputs, ``[few, d + 1]``."""
        for part in strips(len(rows), features.shape[1]):
            x = (features[rows[part]] - self.mean) / self.length
            yield rows[part], np.column_stack([x, np.ones(len(x))])


def sums_of_products(
    inputs: Iterable[tuple[IntArray, Array]], label: IntArray, classes: int
) -> tuple[Array, Array]:
    """Return XᵀX, ``[d + 1, d + 1]``, and XᵀY, ``[d + 1, C]``, of inputs X and one-hot Y."""
    gram: Array = np.zeros(())
    cross: Array = np.zeros(())
    for rows, x in inputs:
        gram, cross = gram + x.T @ x, cross + x.T @ np.eye(classes)[label[rows]]
    return gram, cross


def fit(gram: Array, cross: Array) -> Array:
    """Return W and b, ``[d + 1, C]``, from the sums of products of what is learned from."""
    from scipy.linalg import solve

    penalty = np.full(len(gram), PENALTY * gram[-1, -1])  # times n, the sum of the squares of 1
    penalty[-1] = 0
    found: Array = solve(gram + np.diag(penalty), cross, assume_a="pos")
    return found
