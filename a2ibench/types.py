"""The types that flow through the bench: pairs, splits of pairs with features, batches."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float32]
ImageArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Pair:
    """An audio segment and an image of the same moment of the same source clip.

    Attributes:
        image: uint8 ``[S, S, 3]``, RGB.
        audio: float32 ``[T]``, mono, in [−1, 1], at the dataset's sample rate.
        label: the class.
        source: the clip (video, episode) that both were cut from; a source is on one side of the
            split only.
        split: ``"train"`` or ``"test"``.
        start: start of the segment in its source, in seconds.
        factors: known factors of the scene: name → number.
        frame: time of the image in the source, in seconds, where it was given.
        labels: further classes, besides ``label``.
        audible: those of its classes that are heard; None where that is not known.
        visible: those of its classes that are seen; None where that is not known.
    """

    image: ImageArray
    audio: FloatArray
    label: str
    source: str
    split: Split
    start: float = 0.0
    factors: Mapping[str, float] = field(default_factory=dict)
    frame: float | None = None
    labels: tuple[str, ...] = ()
    audible: tuple[str, ...] | None = None
    visible: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Rejected:
    """A file of a dataset, or a segment of one, that cannot be used.

    Attributes:
        file: its path, relative to the dataset's folder.
        reason: what was expected and what came.
        start: start of the segment in seconds; None for the whole file.
    """

    file: str
    reason: str
    start: float | None = None


@dataclass(frozen=True)
class Missing:
    """A listed clip that is not there.

    Attributes:
        clip: its name.
        label: its class on the list.
        split: its side, where the list fixes it.
        starts: starts of its segments, in seconds, where the list gives them.
        expected: the files that would be accepted, relative to the dataset's folder.
    """

    clip: str
    label: str
    split: Split | None = None
    starts: tuple[float, ...] = ()
    expected: tuple[str, ...] = ()


class RejectedError(Exception):
    """A file or segment cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Part:
    """Pairs that are written together, whole or not at all.

    Attributes:
        pairs: the pairs, possibly made lazily. A :class:`RejectedError` among them discards the
            earlier ones of the part.
        rejected: the files or segments that were left out.
        source: plain facts on the file that the part was cut from (``file``, ``sha256``,
            ``seconds``, …); empty if there is no file.
        name: name of a part without a file, for the case that it is rejected.
    """

    pairs: Iterable[Pair]
    rejected: tuple[Rejected, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


class Images(Protocol):
    """Images by position, in memory or on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: IntArray | slice, /) -> ImageArray: ...


@dataclass(frozen=True)
class Sounds:
    """Sounds by position, read when they are indexed.

    Attributes:
        origin: hash of the recording that they are cut from; sounds of one origin that begin at one
            place and are of one length are the same sound.
        sample_rate: in hertz.
        row: int64 ``[n]``, the number by which each is read.
        start: int64 ``[n]``, where each begins in the recording, in samples.
        length: int64 ``[n]``, samples of each.
        read: row → waveform, float32 ``[T]``, mono, in [−1, 1].
    """

    origin: str
    sample_rate: int
    row: IntArray
    start: IntArray
    length: IntArray
    read: Callable[[int], FloatArray]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, position: int) -> FloatArray:
        return self.read(int(self.row[position]))

    def take(self, rows: IntArray) -> "Sounds":
        """Select sounds, in the order of ``rows``, int64 ``[m]``."""
        return Sounds(
            self.origin,
            self.sample_rate,
            self.row[rows],
            self.start[rows],
            self.length[rows],
            self.read,
        )


@dataclass(frozen=True)
class Labels:
    """All classes of some pairs, and which of them are heard and seen.

    Attributes:
        label: int64 ``[n, m]``, indices into the class names, the pair's own class first; −1 fills
            the rows of pairs with fewer than m classes.
        audible: int8 ``[n, m]``: 1 where the class is heard, 0 where it is not, −1 where that is
            not known.
        visible: int8 ``[n, m]``, the same of what is seen.
    """

    label: IntArray
    audible: npt.NDArray[np.int8]
    visible: npt.NDArray[np.int8]

    def take(self, rows: IntArray) -> "Labels":
        """Select pairs, in the order of ``rows``, int64 ``[m]``."""
        return Labels(self.label[rows], self.audible[rows], self.visible[rows])

    def answers(self, classes: int) -> npt.NDArray[np.bool_]:
        """Mark the classes of each pair that its image may show: bool ``[n, classes]``.

        They are those that are both heard and seen, as far as that is known; all of them where
        none is.
        """
        known = self.label >= 0
        both = known & (self.audible != 0) & (self.visible != 0)
        row, column = np.nonzero(np.where(both.any(axis=1, keepdims=True), both, known))
        marks = np.zeros((len(self.label), classes), dtype=np.bool_)
        marks[row, self.label[row, column]] = True
        return marks


@dataclass(frozen=True)
class Pairs:
    """One split of a dataset as models, judges and metrics see it.

    Attributes:
        images: uint8 ``[n, S, S, 3]``, RGB, read from the store when they are indexed.
        acoustic: float32 ``[n, d]``, the encoder's features, standardised with the mean and the
            standard deviation of the *training* split.
        label: int64 ``[n]``, an index into ``classes``.
        classes: the class names, sorted.
        source: ``[n]`` strings, the source clip of each pair.
        factors: factors of the scenes that are known for all: name → float32 ``[n]``.
        span: float64 ``[n, 2]``, begin and end of each sound in its recording, in seconds; empty if
            unknown, in which case no two sounds are taken to overlap.
        recording: ``[n]`` strings, what the times of ``span`` count from: a source may be a folder
            of several files. Empty where it is the source.
        sounds: the sounds themselves; None where only their features are known.
        labels: all classes of each pair; None where only ``label`` is known.
    """

    images: Images
    acoustic: FloatArray
    label: IntArray
    classes: tuple[str, ...]
    source: npt.NDArray[np.str_]
    factors: Mapping[str, FloatArray] = field(default_factory=dict)
    span: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    sounds: Sounds | None = None
    labels: Labels | None = None
    recording: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class DataKey:
    """Identity of the pairs that judges are trained on.

    Attributes:
        store: content hash of the pair store.
        encoder: identity of the encoder; empty where there are no features.
    """

    store: str
    encoder: str = ""


@dataclass(frozen=True)
class Spec:
    """The sizes and classes that a model is built for.

    Attributes:
        image_size: S, the side of the images in pixels; a power of two, at least 16.
        acoustic_dim: d, the length of the acoustic feature.
        classes: the class names.
    """

    image_size: int
    acoustic_dim: int
    classes: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Pairs) -> "Spec":
        """Return those of some pairs."""
        return cls(pairs.images[:1].shape[1], pairs.acoustic.shape[1], pairs.classes)


@dataclass(frozen=True)
class Sampling:
    """The batch size of a method, and how its pairs are drawn.

    Attributes:
        batch_size: pairs per batch.
        balanced: draw classes uniformly, then pairs uniformly inside the class; otherwise pairs
            uniformly.
        flip: probability of a horizontal flip of the image.
        mismatch: source of a pair's mismatched audio: a clip of another class, any other source
            clip, or none.
    """

    batch_size: int = 32
    balanced: bool = False
    flip: float = 0.5
    mismatch: Literal["class", "clip", "none"] = "none"


@dataclass(frozen=True)
class Batch:
    """One batch on the training device.

    Attributes:
        image: float32 ``[B, 3, S, S]`` in [−1, 1] (the range of tanh).
        acoustic: float32 ``[B, d]``, ``a``, standardised.
        label: int64 ``[B]``.
        mismatched: float32 ``[B, d]``, the feature of another pair's sound
            (``Sampling.mismatch``); the pair's own if nothing is mismatched.
    """

    image: "torch.Tensor"
    acoustic: "torch.Tensor"
    label: "torch.Tensor"
    mismatched: "torch.Tensor"
