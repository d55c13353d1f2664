"""Judge: a frozen network that embeds images, sounds or class names for the metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from a2ibench.types import FloatArray, ImageArray, Pairs, Spec

Kind = Literal["images", "sounds", "texts"]
METHODS: Mapping[Kind, str] = {
    "images": "embed",
    "sounds": "embed_sounds",
    "texts": "embed_texts",
}
"""The method of a judge that embeds each kind."""


@dataclass(frozen=True)
class HeldOut:
    """The figure that says how good a trained judge is on clips that it has not learnt from.

    A judge that is no better than chance there measures nothing: tables strike its columns.

    Attributes:
        figure: its name among the figures of :meth:`Judge.fit`; higher is better.
        title: its name in tables (``"accuracy"``, ``"r²"``).
        percent: whether tables print it × 100.
        chance: the figure of an answer without knowledge; None where that depends on the data: then
            it is the figure ``held_out_chance``, or one over the number of classes.
    """

    figure: str
    title: str
    percent: bool = False
    chance: float | None = None


class Judge(nn.Module, ABC):
    """The contract of a judge plug-in.

    It is loaded or trained independently of every model: a judge never sees a generated image
    before it is frozen.

    An output is a space: outputs of one name for images, sounds and texts are of one length, and
    near each other where they mean the same. The output ``"acoustic"`` for images lies in the space
    of the judge's own output ``"acoustic"`` for sounds; a judge that embeds no sounds gives it in
    the space of the method's acoustic features.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Increase it when the same images, sounds or texts get different outputs."""
    embeds: ClassVar[frozenset[Kind]] = frozenset({"images"})
    """The kinds that it embeds, each by the method that :data:`METHODS` names."""
    outputs: ClassVar[tuple[str, ...]] = ()
    """Names of the outputs of :meth:`embed`; with them a metric that reads another one is refused
    before any work. Empty where they are not declared."""
    sound_outputs: ClassVar[tuple[str, ...]] = ()
    """The same of :meth:`embed_sounds`."""
    text_outputs: ClassVar[tuple[str, ...]] = ()
    """The same of :meth:`embed_texts`."""
    sample_rate: int = 22_050
    """The rate that :meth:`embed_sounds` expects, in hertz."""
    min_samples: int = 1
    """The shortest waveform that :meth:`embed_sounds` takes; the bench tiles shorter ones."""
    trained: ClassVar[bool] = False
    """Whether :meth:`fit` has to run on the dataset's training pairs."""
    fewest_sources: ClassVar[int] = 1
    """Minimum number of source clips of each class for :meth:`fit`: two where it holds some out to
    measure itself. A study is refused before any work where the judges' share of the clips is
    smaller."""
    held_out: ClassVar[HeldOut | None] = None
    """The measure of its quality; None for a judge that is not trained, or does not measure it."""
    encoder_free: ClassVar[bool] = False
    """Whether it is one and the same for every encoder: it is built and trained without acoustic
    features (they have d = 0), once for all studies of a store."""
    base: ClassVar[str | None] = None
    """The judge whose outputs :meth:`embed_from` and :meth:`embed_sounds_from` start from, for what
    that judge embeds, so that a network which two judges share embeds an image or a sound once."""

    def __init__(self) -> None:
        super().__init__()
        for kind in sorted(self.embeds):
            name = METHODS.get(kind)
            if name is None:
                raise TypeError(
                    f"judge {self.name}: embeds {kind!r}; expected {', '.join(METHODS)}"
                )
            if getattr(type(self), name) is getattr(Judge, name):
                raise TypeError(f"judge {self.name} embeds {kind}, and has no {name}()")

    @classmethod
    def missing(cls) -> str | None:
        """Return what it lacks on this machine and how to get it; None when it is ready.

        Where the user names no metric, those of a judge that lacks something are left out.
        """
        return None

    def build(self, spec: Spec) -> None:
        """Make the layers whose sizes the dataset fixes.

        It runs once, before :meth:`fit` or before the weights of an earlier fit are loaded.
        """

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """Train on real training pairs; seeded by itself; the state dict then holds the result.

        Returns:
            Figures on the training, by name, kept beside the weights: the one that
            :attr:`held_out` names, ``held_out_images``, ``held_out_clips``; ``held_out_chance`` and
            ``held_out_low``, the lower end of its 95 % interval over clips, where there are such;
            any others.
        """
        return {}

    @abstractmethod
    def weights_hash(self) -> str:
        """Return a hash of the weights it loads; for a trained judge, of what it starts from."""

    def files(self) -> Mapping[str, str]:
        """Return the sha256 of each file of the user's that its outputs depend on, by file name."""
        return {}

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """Return the outputs for a batch of images.

        Args:
            images: uint8 ``[n, S, S, 3]``, RGB, any S.

        Returns:
            By name, float32 ``[n, k]`` (``"features"``, ``"logits"``, ``"acoustic"``). They do not
            depend on the other images of the batch.
        """
        raise NotImplementedError(f"judge {self.name} embeds no images")

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """Return the outputs for a batch of sounds of one length.

        Args:
            waveforms: float32 ``[n, T]``, T ≥ :attr:`min_samples`, mono, in [−1, 1], at
                :attr:`sample_rate`.

        Returns:
            As :meth:`embed`.
        """
        raise NotImplementedError(f"judge {self.name} embeds no sounds")

    def embed_texts(self, texts: Sequence[str]) -> Mapping[str, FloatArray]:
        """Return the outputs for class names, whose underscores are spaces here.

        Returns:
            As :meth:`embed`.
        """
        raise NotImplementedError(f"judge {self.name} embeds no texts")

    def embed_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Return what :meth:`embed` gives, from the outputs of :attr:`base` for the same images.

        Outputs are float32 ``[n, k]``, by name; the answers are equal to the last bit.
        """
        raise NotImplementedError(f"judge {self.name} has no base that embeds images")

    def embed_sounds_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Return what :meth:`embed_sounds` gives, from the outputs of :attr:`base`."""
        raise NotImplementedError(f"judge {self.name} has no base that embeds sounds")

    @classmethod
    def gives(cls) -> Mapping[Kind, tuple[str, ...]]:
        """Return the declared names of its outputs, for each kind that it embeds."""
        names: Mapping[Kind, tuple[str, ...]] = {
            "images": cls.outputs,
            "sounds": cls.sound_outputs,
            "texts": cls.text_outputs,
        }
        return {kind: given for kind, given in names.items() if kind in cls.embeds}
