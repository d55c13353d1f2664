"""Input of a metric: a judge's outputs for generated and for real images, sounds, class names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UndefinedScoreError
from a2ibench.hash_order import rank_by_hash
from a2ibench.types import FloatArray, IntArray, Labels

T = TypeVar("T")
Which = Literal["own", "any"]
Over = Literal["all", "seen", "unseen"]


@dataclass(frozen=True)
class JudgeOutputs:
    """A judge's outputs for one generated and one real image per test segment.

    Attributes:
        generated: the judge's outputs for the generated images by name, each ``[n, k]``.
        real: the same for the real test images.
        acoustic: float32 ``[n, d]``, where the sounds of the test segments lie in the space of the
            output ``"acoustic"`` for images: the judge's own such output for sounds, where it has
            one, else the standardised features that the method is conditioned on.
        label: int64 ``[n]``, their classes.
        classes: the class names.
        train: the outputs for real training images, each ``[m, k]``; as many as there are test
            segments, or all. Only for metrics that need ``"train"``.
        train_label: int64 ``[m]``.
        source: ``[n]`` strings, the clip of each test segment.
        train_source: ``[m]``, the same of the training images.
        train_acoustic: float32 ``[m, d]``, the same as ``acoustic`` of their sounds; empty where
            the judge hears and no metric needs ``"train"``.
        sounds: the judge's outputs for the sounds of the test segments, each ``[n, k]``. Only for
            metrics that read them.
        train_sounds: the same of the training pairs, each ``[m, k]``. Only for metrics that need
            ``"train"`` too.
        texts: the judge's outputs for the class names, each ``[classes, k]``. Only for metrics that
            read them.
        grid: the outputs for a grid of generated images, each ``[A, Z, k]``: A test segments, each
            with the same Z noises. Only for metrics that need ``"grid"``.
        grid_rows: int64 ``[A]``, which test segments those are.
        factors: what made the scenes, where it is known: name → ``[n]``. Only for metrics that need
            ``"factors"``.
        train_factors: the same of the training images, ``[m]``.
        block: int64 ``[n]``, 0 … B − 1: which block of source clips a test segment belongs to;
            empty where they are not known. Segments of two blocks come from different clips.
        disjoint: bool ``[n]``, test segments of which no two come from one clip and overlap: where
            near-duplicates would count twice, only these count. Empty where that is not known:
            then all do.
        labels: all classes of the test segments, and which of them are heard and seen; None where
            only ``label`` is known.
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
    sounds: Mapping[str, FloatArray] = field(default_factory=dict)
    train_sounds: Mapping[str, FloatArray] = field(default_factory=dict)
    texts: Mapping[str, FloatArray] = field(default_factory=dict)
    grid: Mapping[str, FloatArray] = field(default_factory=dict)
    grid_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    factors: Mapping[str, FloatArray] = field(default_factory=dict)
    train_factors: Mapping[str, FloatArray] = field(default_factory=dict)
    block: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    disjoint: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    labels: Labels | None = None
    _cached: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, find: Callable[["JudgeOutputs"], T]) -> T:
        """Return ``find(self)`` of a module's function, computed when first asked for, and kept."""
        if find not in self._cached:
            self._cached[find] = find(self)
        return cast("T", self._cached[find])

    @property
    def disjoint_rows(self) -> IntArray:
        """The positions of the :attr:`disjoint` test segments, int64 ``[m]``, ascending."""
        return np.flatnonzero(self.disjoint) if len(self.disjoint) else np.arange(len(self.label))

    def targets(self, which: Which = "own") -> npt.NDArray[np.bool_]:
        """Mark the classes that an image of each test segment is right to show: bool ``[n, C]``.

        They are the segment's own, or any that :meth:`~a2ibench.types.Labels.answers` gives.
        """
        if which == "any" and self.labels is not None:
            return self.labels.answers(len(self.classes))
        return np.equal.outer(self.label, np.arange(len(self.classes)))

    def rows_over(self, over: Over = "all") -> IntArray:
        """Return the test segments whose class is known to be seen, or not to be, or all.

        Raises:
            UndefinedScoreError: there are none.
        """
        if over == "all":
            return np.arange(len(self.label))
        wanted = int(over == "seen")
        rows = np.flatnonzero(self.labels.visible[:, 0] == wanted) if self.labels else np.arange(0)
        if not len(rows):
            raise UndefinedScoreError(f"no test segment has a class that is known to be {over}")
        return rows

    def with_blocks(self, block: IntArray) -> "JudgeOutputs":
        """Return the outputs with ``block`` as their blocks: these very ones where it is so."""
        return self if np.array_equal(block, self.block) else replace(self, block=block)

    @property
    def clip(self) -> IntArray:
        """The number of each test segment's clip, int64 ``[n]``, 0, 1, …; where no clips are known,
        a segment is one."""
        return self.once(_test_clips)[0]

    @property
    def train_counterpart(self) -> IntArray:
        """The test clip (:attr:`clip`) that each training image's clip is the counterpart of, int64
        ``[m]``.

        In each class, the first training clip belongs to the first test clip, and so on, by a hash
        of their names; −1 for an image of a clip that is left over. Where no clips are known, an
        image is one.
        """
        return self.once(_pair_clips)[0]

    @property
    def train_block(self) -> IntArray:
        """The block of test segments with which each training image is left out, int64 ``[m]``.

        It is that of its counterpart; training clips that are left over are dealt out to those of
        their class in turn. −1 for an image of a class that no test segment is of, and where no
        blocks are known.
        """
        return self.once(_pair_clips)[1]

    def outside(self, block: int, training: bool = False) -> "JudgeOutputs":
        """Return the outputs for the test segments outside of a block; with ``training``, without
        the training images of :attr:`train_block`, too."""
        rest = self.take(np.flatnonzero(self.block != block))
        if not training:
            return rest
        rows = np.flatnonzero(self.train_block != block)
        return replace(
            rest,
            train={name: output[rows] for name, output in self.train.items()},
            train_label=self.train_label[rows],
            train_source=self.train_source[rows],
            train_acoustic=self.train_acoustic[rows]
            if len(self.train_acoustic)
            else self.train_acoustic,
            train_sounds={name: output[rows] for name, output in self.train_sounds.items()},
            train_factors={name: value[rows] for name, value in self.train_factors.items()},
        )

    def take(self, rows: IntArray) -> "JudgeOutputs":
        """Return the outputs for some of the test segments, or for all in another order."""
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
            sounds={name: output[rows] for name, output in self.sounds.items()},
            grid={name: output[kept] for name, output in self.grid.items()},
            grid_rows=grid_rows[kept],
            factors={name: value[rows] for name, value in self.factors.items()},
            block=self.block[rows] if len(self.block) else self.block,
            disjoint=self.disjoint[rows] if len(self.disjoint) else self.disjoint,
            labels=None if self.labels is None else self.labels.take(rows),
        )


def _clips(source: npt.NDArray[np.str_], number: int) -> tuple[IntArray, IntArray]:
    """Return the number of each one's clip, and the clip's place by a hash of its name."""
    names = source if len(source) else np.arange(number).astype(np.str_)
    known, clip = np.unique(names, return_inverse=True)
    return clip.astype(np.int64), rank_by_hash(known)[clip]


def _test_clips(outputs: JudgeOutputs) -> tuple[IntArray, IntArray]:
    return _clips(outputs.source, len(outputs.label))


def _pair_clips(outputs: JudgeOutputs) -> tuple[IntArray, IntArray]:
    """Return :attr:`JudgeOutputs.train_counterpart` and :attr:`JudgeOutputs.train_block`."""
    label, train_label = outputs.label, outputs.train_label
    clip, rank = outputs.once(_test_clips)
    _, train_rank = _clips(outputs.train_source, len(train_label))
    counterpart, block = np.full((2, len(train_label)), -1, dtype=np.int64)
    for one in np.unique(train_label):
        rows, own = np.flatnonzero(train_label == one), np.flatnonzero(label == one)
        if len(own):
            _, first = np.unique(rank[own], return_index=True)
            place = np.unique(train_rank[rows], return_inverse=True)[1]
            matched = place < len(first)
            counterpart[rows[matched]] = clip[own[first]][place[matched]]
            if len(outputs.block):
                block[rows] = outputs.block[own[first]][place % len(first)]
    return counterpart, block
