"""Metric: a judge's outputs for generated and for real images → a score.

The smallest one is a title, bounds and a function::

    from a2ibench.registry import metrics

    @metrics.register
    class FeatureDistance(Metric):
        title = "feature distance"
        judge = "lite0"
        higher_is_better = False
        bounds = (0.0, float("inf"))

        def compute(self, outputs):
            return abs(outputs.generated["features"] - outputs.real["features"]).mean(axis=1)

Fields with a type are parameters, declared with :func:`a2ibench.config.option`; the judge always is
one. ``--metric 'feature_distance[judge=resnet18]'`` sets them.
"""

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import get_annotations
from typing import Any, ClassVar, Literal, cast, dataclass_transform

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.judge_outputs import JudgeOutputs as JudgeOutputs
from a2ibench.contracts.judge_outputs import Over as Over
from a2ibench.contracts.judge_outputs import Which as Which
from a2ibench.errors import UserError
from a2ibench.types import FloatArray, IntArray

OWN = "own"
"""In the place of a judge: the image-to-audio network that a method trains against."""

GRID_SEGMENTS = 48
"""Maximum number of test segments that are drawn several times; the classes take turns."""

Need = Literal["train", "grid", "noise", "factors", "labels"]
"""``"noise"`` marks a metric of what chance does to the images of one sound: a reference row that
draws without chance has none of that by construction. ``"labels"`` are all classes of a segment,
and which of them are heard and seen."""
Group = Literal["quality", "match", "match_in_class", "variety", "own"]
Variants = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Score:
    """A metric's result.

    Attributes:
        value: the score in total.
        n: number of images that it rests on.
        spread: what the protocol prints behind ± (the standard deviation over splits of the
            inception score); None where it has none. It is no confidence interval.
        per_segment: float32 ``[n]``, one score per test segment, where the metric has one;
            ``value`` is then their mean. NaN for a segment that the metric leaves out.
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

    def __post_init__(self) -> None:
        """Turn NumPy's numbers into Python's, which can be written down."""
        for name in ("value", "spread", "chance"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(given))
        object.__setattr__(self, "n", int(self.n))
        parts = {name: float(value) for name, value in self.parts.items()}
        object.__setattr__(self, "parts", parts)

    @classmethod
    def mean(
        cls,
        values: npt.ArrayLike,
        rows: IntArray | None = None,
        n: int = 0,
        chance: float | None = None,
    ) -> "Score":
        """Return the score that is the mean over test segments.

        Args:
            values: ``[m]``, one per segment.
            rows: int64 ``[m]``, which segments those are; None for all of them.
            n: number of test segments, where ``rows`` are given.
            chance: see :class:`Score`.
        """
        each = np.asarray(values)
        per_segment = each.astype(np.float32)
        if rows is not None:
            per_segment = np.full(n, np.nan, dtype=np.float32)
            per_segment[rows] = each
        value = float(each.mean(dtype=np.float64))
        return cls(value, len(each), per_segment=per_segment, chance=chance)


@dataclass_transform(kw_only_default=True)
class Metric(ABC):
    """The contract of a metric plug-in; each instance is a class with its parameters set.

    A subclass is made a dataclass whose fields are the attributes that it declares with a type, and
    the judge. They are ``bool``, ``int``, ``float``, ``str`` or a ``Literal`` of texts.
    """

    name: str
    """Letters, digits and ``_``; by default the class's name in snake case. That of an instance
    states its parameters: one of :attr:`variants`, or ``name[k=20,judge=mine]`` with those that
    differ from their defaults, in the order of their declaration."""
    version: int = 1
    """Increase it when the definition or a parameter's default changes; scores of different
    versions are not compared."""
    judge: str
    """The judge whose outputs it reads, or :data:`OWN`."""
    reads: tuple[str, ...] = ()
    """Names of the judge's outputs for images that it reads; with them a judge that lacks one is
    refused before any work."""
    reads_sounds: tuple[str, ...] = ()
    """Names of the judge's outputs for sounds that it reads; none for a metric that reads no
    sounds, or only ``acoustic``, which any judge has."""
    reads_texts: tuple[str, ...] = ()
    """The same of its outputs for class names."""
    needs: frozenset[Need] = frozenset()
    """Needs besides the outputs for one generated and one real image per segment."""
    title: str
    """The column's heading (``"R-prec@1"``)."""
    group: Group = "quality"
    """The table that it stands in: the images' quality, their match with the sound, that match
    inside the class, what chance adds (diversity, sensitivity, memorisation), or scores by the
    network that the method trains against. With :data:`OWN` as the judge always the last."""
    headline: bool = True
    """Whether it is computed where the user names no metric; others are computed on request."""
    primary: bool = False
    """Whether its group is judged by it where a study declares no primary metrics; of several that
    are computed, the first column counts. Not for a judge that a method is tuned or trained by."""
    column: int = 100
    """Columns stand in ascending order of it, then of the name."""
    percent: bool = False
    """Whether tables print the value × 100."""
    higher_is_better: bool = True
    directed: bool = True
    """Whether one of two scores is the better one. False for a score that says something only
    beside a reference row's: it has no arrow, rank or verdict, and no method is tuned by it."""
    refers_to_own_image: bool = False
    """Whether the reference is the segment's real image itself: the score of the real images is
    then perfect by any judge, and says nothing of it."""
    bounds: tuple[float, float]
    """Lowest and highest possible value."""
    orderless: bool = True
    """Whether segments in another order have the same score; False for a protocol that cuts them
    into random parts by their position."""
    keeps_parts: bool = False
    """Whether it cuts the images into random parts, and :meth:`without_blocks` keeps the others in
    theirs: to cut them anew would move the score more than the missing images do."""
    leaves_out_training: bool = False
    """Whether the jackknife leaves out training images, too: the counterparts of a block's clips
    (:attr:`JudgeOutputs.train_block`). For a score that compares with training images which might
    have been others; without it, an interval takes those that are there as given. With it, and
    without :meth:`without_blocks`, the score is computed B times."""
    variants: ClassVar[Variants] = {}
    """Instances with names of their own: name → the parameters, and other attributes, that differ
    from the class's. Where there are some, only these are listed, and computed when the user names
    no metric. A subclass does not inherit them."""

    fewest: int = 1
    """Minimum number of test segments; of those of a clip that overlap, one counts."""
    fewest_in_class: int = 0
    """The same for every class."""
    clips_in_class: int = 1
    """Minimum number of clips of each class of the test split: two or more where a score that is
    taken class by class would otherwise be that of a single recording."""

    def __init_subclass__(cls) -> None:
        own, base = get_annotations(cls), get_annotations(Metric)
        if "judge" in vars(cls):
            own.setdefault("judge", str)
        # A type on an attribute of the contract makes it no parameter.
        cls.__annotations__ = {n: t for n, t in own.items() if n == "judge" or n not in base}
        if "name" not in vars(cls):
            cls.name = snake_case(cls.__name__)
        cls.variants = vars(cls).get("variants", {})
        dataclass(kw_only=True, unsafe_hash=True)(cls)

    def __post_init__(self) -> None:
        """Name the instance after its parameters."""
        defaults = {one.name: one.default for one in dataclasses.fields(cast("Any", self))}
        values = {name: getattr(self, name) for name in defaults}
        changed = {name: value for name, value in values.items() if value != defaults[name]}
        if self.judge == OWN:
            self.group = "own"
        for name, about in self.variants.items():
            if values == {key: about.get(key, default) for key, default in defaults.items()}:
                vars(self).update(about, name=name)
                return
        if changed:
            said = [f"{name}={_spell(value)}" for name, value in changed.items()]
            self.headline = self.primary = False
            self.name = f"{self.name}[{','.join(said)}]"
            self.title = f"{self.title} [{', '.join(said)}]"

    @property
    def better(self) -> str:
        """Which scores are better: ``"higher"``, ``"lower"`` or ``"neither"``."""
        return ("lower", "higher")[self.higher_is_better] if self.directed else "neither"

    def check(self, label: IntArray, classes: tuple[str, ...]) -> None:
        """Refuse a test split that the protocol cannot be computed on.

        By default, one of fewer segments than :attr:`fewest` or :attr:`fewest_in_class`.

        Args:
            label: int64 ``[n]``, classes of the test segments that count: of those that overlap,
                one.
            classes: the class names.

        Raises:
            UserError: too few segments; the message says how many are needed. The number of clips
                that would do is added by the bench.
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
        """Return whether a value is inside the bounds, up to rounding."""
        low, high = self.bounds
        slack = 1e-6 * max(1.0, abs(low)) if np.isfinite(low) else 0.0
        return low - slack <= value <= high + slack

    @abstractmethod
    def compute(self, outputs: JudgeOutputs) -> "Score | float | npt.NDArray[Any]":
        """Return one number per test segment, ``[n]``, a single number, or a :class:`Score`.

        It is deterministic, and independent of the order of the segments.
        """

    def score(self, outputs: JudgeOutputs) -> Score:
        """Return what :meth:`compute` gives as a :class:`Score`.

        Raises:
            TypeError: it gives something else.
        """
        found = self.compute(outputs)
        if isinstance(found, Score):
            return found
        n, number = len(outputs.label), np.asarray(found)
        if number.dtype.kind in "biuf" and number.shape == (n,):
            if np.isinf(number).any():
                raise ValueError(
                    f"metric {self.name}: compute() gave infinite numbers; a segment without a"
                    " score is NaN"
                )
            rows = np.flatnonzero(~np.isnan(number))
            return Score.mean(number[rows], rows, n)
        if number.dtype.kind in "biuf" and number.shape == ():
            return Score(float(number), n)
        raise TypeError(
            f"metric {self.name}: compute() gave {type(found).__name__} of shape"
            f" {list(number.shape)}; expected one number per segment [{n}], one number, or a Score"
        )

    def without_blocks(
        self, outputs: JudgeOutputs, block: IntArray
    ) -> npt.NDArray[np.float64] | None:
        """Return the score without each block of test segments, for metrics with a shortcut.

        ``block`` is int64 ``[n]``, 0 … B − 1.

        Returns:
            float64 ``[B]``, the b-th equal to the score of the outputs outside of block b
            (:meth:`JudgeOutputs.outside`; up to the cuts, with :attr:`keeps_parts`). None, the
            default, leaves it to the jackknife: means of ``per_segment`` where there are some, else
            :meth:`compute` B times.
        """
        return None


def snake_case(name: str) -> str:
    """Write ``FeatureDistance`` as ``feature_distance``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _spell(value: object) -> str:
    """Write a parameter's value in the one way in which it stands in a name."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
