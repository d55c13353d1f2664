"""Metric: judge features of generated and of real images → a score."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from a2ibench.data.types import FloatArray, IntArray


@dataclass(frozen=True)
class Looks:
    """What a metric sees: one generated and one real image a test segment, through its judge.

    Attributes:
        generated: the judge's outputs for the generated images, each ``[n, k]``.
        real: the same for the real test images.
        acoustic: float32 ``[n, d]``, the standardised features of the test segments.
        label: int64 ``[n]``, their classes.
        classes: the class names.
    """

    generated: Mapping[str, FloatArray]
    real: Mapping[str, FloatArray]
    acoustic: FloatArray
    label: IntArray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """A metric's result.

    Attributes:
        value: the score in total.
        n: how many images it rests on.
        spread: what the protocol prints behind ± (the standard deviation over splits of the
            inception score); None where it has none. It is no confidence interval.
        per_segment: float32 ``[n]``, one score a test segment, where the metric has one; ``value``
            is then their mean.
    """

    value: float
    n: int
    spread: float | None = None
    per_segment: FloatArray | None = None


class Metric(ABC):
    """What a metric plug-in offers. Its name states its protocol and judge."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the definition changes; scores of different versions are not compared."""
    judge: ClassVar[str]
    """The judge whose outputs it needs."""
    title: ClassVar[str]
    """The column's heading (``"R-prec@1"``)."""
    group: ClassVar[Literal["quality", "match", "match_in_class"]]
    """Which table it stands in: the images' quality, their match with the sound, or that match
    inside the class."""
    column: ClassVar[int] = 100
    """Columns stand in ascending order of it, then of the name."""
    percent: ClassVar[bool] = False
    """Whether tables print the value × 100."""
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]]
    """Lowest and highest possible value."""

    def check(self, label: IntArray, classes: tuple[str, ...]) -> None:
        """Refuses a test split that the protocol cannot be computed on.

        Args:
            label: int64 ``[n]``, classes of the test segments.
            classes: the class names.

        Raises:
            UserError: too few segments; the message says how many are needed.
        """

    @abstractmethod
    def compute(self, looks: Looks) -> Score:
        """The score; deterministic, and independent of the order of the segments' batches."""
