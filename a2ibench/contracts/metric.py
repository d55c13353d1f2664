"""Metric: judge features of generated and of real images → a score."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.types import FloatArray, IntArray

OWN = "own"
"""In the place of a judge: the image-to-audio network that a method trains against."""

GRID_SEGMENTS = 48
"""Sounds that are drawn several times, at most; the classes in turn."""

T = TypeVar("T")

Need = Literal["train", "grid", "noise", "factors"]
"""``"noise"`` says that the metric measures what chance does to the pictures of one sound: a
reference row that draws without chance has none of that by construction."""
Group = Literal["quality", "match", "match_in_class", "variety", "own"]


@dataclass(frozen=True)
class Looks:
    """What a metric sees: one generated and one real image a test segment, through its judge.

    Attributes:
        generated: the judge's outputs for the generated images, each ``[n, k]``.
        real: the same for the real test images.
        acoustic: float32 ``[n, d]``, the standardised features of the test segments.
        label: int64 ``[n]``, their classes.
        classes: the class names.
        train: the outputs for real training images, each ``[m, k]``; as many as there are test
            segments, or all. For metrics that need ``"train"``.
        train_label: int64 ``[m]``.
        source: ``[n]`` strings, the clip of each test segment.
        train_source: ``[m]``, the same of the training images.
        train_acoustic: float32 ``[m, d]``, the features of their sounds.
        grid: the outputs for a grid of generated images, each ``[A, Z, k]``: A test segments, each
            with the same Z noises. For metrics that need ``"grid"``.
        grid_rows: int64 ``[A]``, which test segments those are.
        factors: what made the scenes, where it is known: name → ``[n]``. For metrics that need
            ``"factors"``.
        train_factors: the same of the training images, ``[m]``.
        block: int64 ``[n]``, 0 … B − 1: which block of source clips a test segment belongs to;
            empty where they are not known. Segments of two blocks are of different clips.
        apart: bool ``[n]``, the test segments that count where near-duplicates would: no two of
            them are of one clip and overlap. Empty where that is not known: then all do.
    """

    generated: Mapping[str, FloatArray]
    real: Mapping[str, FloatArray]
    acoustic: FloatArray
    label: IntArray
    classes: tuple[str, ...]
    train: Mapping[str, FloatArray] = field(default_factory=dict)
    train_label: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    source: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))
    train_source: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))
    train_acoustic: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    grid: Mapping[str, FloatArray] = field(default_factory=dict)
    grid_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    factors: Mapping[str, FloatArray] = field(default_factory=dict)
    train_factors: Mapping[str, FloatArray] = field(default_factory=dict)
    block: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    apart: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    _found: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, find: Callable[["Looks"], T]) -> T:
        """What ``find`` makes of these looks, computed for the first metric that asks.

        Args:
            find: a function at the top of a module; its result is kept while the looks are.
        """
        if find not in self._found:
            self._found[find] = find(self)
        return cast("T", self._found[find])

    @property
    def apart_rows(self) -> IntArray:
        """The positions of the test segments that are :attr:`apart`, int64 ``[m]``, ascending."""
        return np.flatnonzero(self.apart) if len(self.apart) else np.arange(len(self.label))

    def take(self, rows: IntArray) -> "Looks":
        """The same for some of the test segments, or all, in another order."""
        place = np.full(len(self.label), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        grid_rows = place[self.grid_rows]
        kept = np.argsort(grid_rows)[np.count_nonzero(grid_rows < 0) :]
        return replace(
            self,
            generated={name: output[rows] for name, output in self.generated.items()},
            real={name: output[rows] for name, output in self.real.items()},
            acoustic=self.acoustic[rows],
            label=self.label[rows],
            source=self.source[rows] if len(self.source) else self.source,
            grid={name: output[kept] for name, output in self.grid.items()},
            grid_rows=grid_rows[kept],
            factors={name: value[rows] for name, value in self.factors.items()},
            block=self.block[rows] if len(self.block) else self.block,
            apart=self.apart[rows] if len(self.apart) else self.apart,
        )


@dataclass(frozen=True)
class Score:
    """A metric's result.

    Attributes:
        value: the score in total.
        n: how many images it rests on.
        spread: what the protocol prints behind ± (the standard deviation over splits of the
            inception score); None where it has none. It is no confidence interval.
        per_segment: float32 ``[n]``, one score a test segment, where the metric has one; ``value``
            is then their mean. NaN for a segment that the metric leaves out.
        parts: what the value is the mean of, by name, where that depends on the data.
        chance: the score that an answer without knowledge has on these segments, such as always
            the most frequent class; None where there is none to compare with. Where not even real
            images are above it, the judge cannot tell, and the metric measures nothing.
    """

    value: float
    n: int
    spread: float | None = None
    per_segment: FloatArray | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    chance: float | None = None


class Metric(ABC):
    """What a metric plug-in offers. Its name states its protocol and judge."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the definition changes; scores of different versions are not compared."""
    judge: ClassVar[str]
    """The judge whose outputs it needs, or :data:`OWN`."""
    needs: ClassVar[frozenset[Need]] = frozenset()
    """What it looks at beside one generated and one real image a segment."""
    title: ClassVar[str]
    """The column's heading (``"R-prec@1"``)."""
    group: ClassVar[Group]
    """Which table it stands in: the images' quality, their match with the sound, that match inside
    the class, what chance adds (diversity, sensitivity, memorisation), or scores by the network
    that the method trains against."""
    headline: ClassVar[bool] = True
    """Whether it is computed where the user names no metric; others are computed on request."""
    column: ClassVar[int] = 100
    """Columns stand in ascending order of it, then of the name."""
    percent: ClassVar[bool] = False
    """Whether tables print the value × 100."""
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]]
    """Lowest and highest possible value."""
    orderless: ClassVar[bool] = True
    """Whether segments in another order have the same score; a protocol that cuts them into random
    parts by their position says False."""

    fewest: ClassVar[int] = 1
    """How many test segments the protocol needs at least, counted without those that overlap
    another one of their clip."""
    fewest_in_class: ClassVar[int] = 0
    """The same of every class."""
    clips_in_class: ClassVar[int] = 1
    """How many clips each class of the test split needs at least: two or more where a score that is
    taken class by class would otherwise be that of a single recording."""

    def check(self, label: IntArray, classes: tuple[str, ...]) -> None:
        """Refuses a test split that the protocol cannot be computed on: one of fewer segments than
        :attr:`fewest`, or :attr:`fewest_in_class`, unless a metric asks for more than that.

        Args:
            label: int64 ``[n]``, classes of the test segments that count: of those that overlap,
                one.
            classes: the class names.

        Raises:
            UserError: too few segments; the message says how many are needed. How many clips would
                do is added by the bench.
        """
        counts = np.bincount(label, minlength=len(classes))
        if (
            self.fewest_in_class
            and (fewest := counts.min(initial=len(label))) < self.fewest_in_class
        ):
            raise UserError(
                f"{self.name}: needs at least {self.fewest_in_class} test segments in every class,"
                f" {classes[int(counts.argmin())]!r} has {fewest}"
            )
        if len(label) < self.fewest:
            raise UserError(
                f"{self.name}: needs at least {self.fewest} test segments, there are {len(label)}"
            )

    def allows(self, value: float) -> bool:
        """Whether a value is inside the bounds, but for rounding."""
        low, high = self.bounds
        slack = 1e-6 * max(1.0, abs(low)) if np.isfinite(low) else 0.0
        return low - slack <= value <= high + slack

    @abstractmethod
    def compute(self, looks: Looks) -> Score:
        """The score; deterministic, and independent of the order of the segments' batches."""

    def without_blocks(self, looks: Looks, block: IntArray) -> npt.NDArray[np.float64] | None:
        """The score without each block of test segments, for metrics that can do better.

        Args:
            looks: what :meth:`compute` saw.
            block: int64 ``[n]``, 0 … B − 1.

        Returns:
            float64 ``[B]``, the b-th equal to the value of the looks at the segments outside of
            block b. None, the default, leaves it to the jackknife: means of ``per_segment`` where
            there are some, else :meth:`compute` B times.
        """
        return None
