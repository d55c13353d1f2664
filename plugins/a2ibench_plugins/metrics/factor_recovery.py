"""Factor recovery: what made a scene, read off its picture."""

import functools
import hashlib
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.types import FloatArray, IntArray

Array = npt.NDArray[np.float64]

FOLDS = 5
PENALTIES: Array = np.logspace(-4, 4, 9)
"""Penalties, per image, of ridge regression on centred features with a mean square of 1."""
MIN_CORRELATION = 0.5
"""A factor counts where its correlation on held-out sources is at least so large."""


class FactorRecovery(Metric):
    """Mean correlation of the true factors with those that are read off the generated images.

    For each class, ridge regression from the judge's features to each factor is fitted to real
    training images, with the penalty of the least error on held-out sources, and applied to the
    generated images of the class. The score of a factor is the correlation of what is read and what
    is true, both less their mean in the class: 1 is perfect, 0 is what the class alone gives;
    scaling or shifting all answers changes nothing. It is 0 where all answers of each class are the
    same.

    A factor counts if, on held-out *training* sources, a correlation of at least 0.5 is reached
    from the images (the judge sees it) and from the acoustic features (the sound tells it). Which
    do is in the score's ``parts``, with the score of each. The ground-truth row is the ceiling.
    """

    name = "factors"
    version = 2
    judge: str = option("lite0", "judge from whose features the factors are read")
    reads = ("features",)
    needs = frozenset({"factors"})
    title = "factor recovery"
    group = "match_in_class"
    column = 48
    bounds = (-1.0, 1.0)
    variants: ClassVar[Variants] = {"factors_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``parts`` is factor → correlation.

        Raises:
            UndefinedScoreError: a class has training images of fewer than two sources, or no factor
                counts.
        """
        names, answer, true = outputs.once(read_factors)
        found = correlation(answer, true, outputs.label)
        parts = dict(zip(names, found.tolist(), strict=True))
        return Score(float(found.mean()), len(outputs.label), parts=parts)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Leave out what was read: it does not depend on the other test segments."""
        _, answer, true = outputs.once(read_factors)
        kept = (block != b for b in range(int(block.max()) + 1))
        return np.array(
            [correlation(answer[rows], true[rows], outputs.label[rows]).mean() for rows in kept]
        )


def read_factors(outputs: JudgeOutputs) -> tuple[tuple[str, ...], Array, Array]:
    """Return the factors that count, what is read off the generated images, what is true."""
    readers = fit_readers(Known.of(outputs))
    answer = readers(outputs.generated["features"], outputs.label)
    true = np.stack([outputs.factors[name] for name in readers.names], axis=1)
    return readers.names, answer, true.astype(np.float64)


@dataclass(frozen=True)
class Readers:
    """The regressions that read the factors that count.

    Attributes:
        names: names of the factors.
        penalty: float64 ``[F]``, of each.
        by_class: class → the regression.
    """

    names: tuple[str, ...]
    penalty: Array
    by_class: dict[int, "RidgeLine"]

    def __call__(self, features: FloatArray, label: IntArray) -> Array:
        """Read factors ``[n, len(names)]`` from features ``[n, k]`` of images of known classes."""
        answer = np.empty((len(label), len(self.names)))
        for one in np.unique(label):
            answer[label == one] = self.by_class[one](features[label == one], self.penalty)
        return answer


@dataclass(frozen=True)
class Known:
    """The training images and their factors, the same for every image set of a study.

    Attributes:
        key: a hash of the rest, by which two are compared.
        images: float32 ``[m, k]``, their features.
        acoustic: float32 ``[m, d]``.
        names: names of the factors.
        true: float64 ``[m, F]``.
        label: int64 ``[m]``.
        source: ``[m]``.
    """

    key: str
    images: FloatArray = field(compare=False)
    acoustic: FloatArray = field(compare=False)
    names: tuple[str, ...] = field(compare=False)
    true: Array = field(compare=False)
    label: IntArray = field(compare=False)
    source: npt.NDArray[np.str_] = field(compare=False)

    @staticmethod
    def of(outputs: JudgeOutputs) -> "Known":
        """Take them from a judge's outputs; each class needs two training sources."""
        label, source = outputs.train_label, outputs.train_source
        for one in np.unique(outputs.label):
            if len(np.unique(source[label == one])) < 2:
                raise UndefinedScoreError(
                    f"class {outputs.classes[one]!r} has no training images of two source clips"
                )
        names = tuple(outputs.train_factors)
        true = np.stack([outputs.train_factors[name] for name in names], axis=1).astype(np.float64)
        images, acoustic = outputs.train["features"], outputs.train_acoustic
        digest = hashlib.sha256(repr((names, images.shape, acoustic.shape)).encode())
        for array in (images, acoustic, true, label, source.astype(str)):
            digest.update(array.tobytes())
        return Known(digest.hexdigest(), images, acoustic, names, true, label, source)


@functools.lru_cache(maxsize=1)
def fit_readers(known: Known) -> Readers:
    """Choose the factors that count and fit one regression per class; once for many image sets.

    Raises:
        UndefinedScoreError: no factor counts.
    """
    images, true, label, source = known.images, known.true, known.label, known.source
    penalty, seen = held_out(images, true, label, source)
    _, told = held_out(known.acoustic, true, label, source)
    count = np.flatnonzero((seen >= MIN_CORRELATION) & (told >= MIN_CORRELATION))
    if not len(count):
        raise UndefinedScoreError(f"none of {', '.join(known.names)} can be seen and heard")
    by_class = {
        int(one): RidgeLine(images[label == one], true[label == one][:, count])
        for one in np.unique(label)
    }
    return Readers(tuple(known.names[i] for i in count), penalty[count], by_class)


def held_out(
    x: FloatArray, true: Array, label: IntArray, source: npt.NDArray[np.str_]
) -> tuple[Array, Array]:
    """Measure how well factors follow from features of sources that were not fitted to.

    Args:
        x: ``[m, k]``; each class has a regression of its own.
        true: ``[m, F]``.
        label: int64 ``[m]``.
        source: ``[m]``; those of a class are parted in up to five folds.

    Returns:
        For each factor, the penalty with the least squared error, and the correlation with it.
    """
    from sklearn.model_selection import GroupKFold

    answer = np.zeros((len(PENALTIES), *true.shape))
    there = np.zeros(len(label), dtype=np.bool_)
    for one in np.unique(label):
        rows = np.flatnonzero(label == one)
        folds = min(FOLDS, len(np.unique(source[rows])))
        if folds < 2:
            continue  # of a class without test segments
        there[rows] = True
        line = RidgeLine(x[rows], true[rows])
        for _, held in GroupKFold(folds).split(rows, groups=source[rows]):
            answer[:, rows[held]] = line.without(held, PENALTIES)
    best = np.square(answer - true)[:, there].sum(axis=1).argmin(axis=0)
    chosen = answer[best, :, np.arange(true.shape[1])].T
    return PENALTIES[best], correlation(chosen[there], true[there], label[there])


class RidgeLine:
    """Ridge regression with one decomposition for all penalties (Hastie et al. 2009, eq. 3.47).

    With centred features X of n images and centred answers Y, the weights at the penalty λ are
    Xᵀ(XXᵀ + nλ)⁻¹Y = (XᵀX + nλ)⁻¹XᵀY. The eigenvectors of the smaller of the two products serve
    every λ. X is scaled to a mean squared length of 1. Constant where there is nothing to fit to.

    Shapes: x ``[n, k]``, y ``[n, F]``.
    """

    def __init__(self, x: FloatArray, y: Array) -> None:
        from scipy.linalg import eigh

        self.x, self.n, self.level = x, len(x), y.mean(axis=0)
        self.mean, self.scale, self.centred = x.mean(axis=0, dtype=np.float64), 1.0, y - self.level
        unit = self._unit(x)
        self.scale = np.sqrt(np.vdot(unit, unit) / self.n) or 1.0
        unit /= self.scale
        self.vectors: Array | None = None
        if self.n <= x.shape[1]:
            self.values, self.vectors = eigh(unit @ unit.T, check_finite=False)
            self.basis, self.gain = unit.T @ self.vectors, np.maximum(self.values, 0)
            self.answers = self.vectors.T @ self.centred
        else:
            self.values, self.basis = eigh(unit.T @ unit, check_finite=False)
            self.gain = np.ones(x.shape[1])
            self.answers = self.basis.T @ (unit.T @ self.centred)

    def __call__(self, x: FloatArray, penalty: Array) -> Array:
        """Answer ``[…, m, F]`` to ``[m, k]``, at penalties ``[…, F]`` or ``[…, 1]`` above 0."""
        shrunk = self.answers / (self.values[:, np.newaxis] + self.n * penalty[..., np.newaxis, :])
        answer: Array = (self._unit(x) @ self.basis) @ shrunk + self.level
        return answer

    def without(self, rows: IntArray, penalties: Array) -> Array:
        """Answer ``[P, len(rows), F]`` for rows of the fit, as if it had been to the others.

        With the hat matrix H(λ) of all n rows, which gives the bias too, the error at the rows R is
        (I − H_RR)⁻¹ times their residual (Cook and Weisberg 1982, §3.3 for groups); nλ stays.
        """
        known = self.vectors
        left = self._unit(self.x[rows]) @ self.basis if known is None else known[rows]
        true = self.centred[rows]
        answer = np.empty((len(penalties), *true.shape))
        for i, penalty in enumerate(penalties):
            inverse = 1 / (self.values + self.n * penalty)
            hat = 1 / self.n + (left * (self.gain * inverse)) @ left.T
            fitted = left @ ((self.gain * inverse)[:, np.newaxis] * self.answers)
            answer[i] = true - np.linalg.solve(np.eye(len(rows)) - hat, true - fitted)
        return answer + self.level

    def _unit(self, x: FloatArray) -> Array:
        return (x.astype(np.float64) - self.mean) / self.scale


def correlation(x: Array, y: Array, label: IntArray) -> Array:
    """Return Pearson's r of each column, both less their mean in the class; 0 of a constant one.

    Shapes: x and y ``[n, F]``, label int64 ``[n]`` → ``[F]``.
    """
    # Of any unit: what rounding leaves is judged by the size of the values.
    a, b = (
        values / np.maximum(np.abs(values).max(axis=0, initial=0), np.finfo(float).tiny)
        for values in (x, y)
    )
    for one in np.unique(label):
        for values in (a, b):
            values[label == one] -= values[label == one].mean(axis=0)
    length = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    # Equal answers differ from their mean by rounding alone.
    varied = (np.ptp(x, axis=0) > 0) & (length > 1e-9)
    return np.divide((a * b).sum(axis=0), length, out=np.zeros(x.shape[1]), where=varied)
