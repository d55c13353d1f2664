"""Judge: a frozen network that embeds images for the metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from a2ibench.types import FloatArray, ImageArray, Pairs, Spec


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
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the same images get other outputs than before."""
    outputs: ClassVar[tuple[str, ...]] = ()
    """Names of the outputs of :meth:`embed`; with them a metric that reads another one is refused
    before any work. Empty where they are not declared."""
    trained: ClassVar[bool] = False
    """Whether :meth:`fit` has to run on the dataset's training pairs."""
    fewest_sources: ClassVar[int] = 1
    """Minimum number of source clips of each class for :meth:`fit`: two where it holds some out to
    measure itself. A study is refused before any work where the judges' share of the clips is
    smaller."""
    held_out: ClassVar[HeldOut | None] = None
    """The measure of its quality; None for a judge that is not trained, or does not measure it."""
    base: ClassVar[str | None] = None
    """The judge whose outputs :meth:`embed_from` starts from, so that a network which two judges
    share embeds an image once."""

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

    @abstractmethod
    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """Return the outputs for a batch of images.

        Args:
            images: uint8 ``[n, S, S, 3]``, RGB, any S.

        Returns:
            By name, float32 ``[n, k]`` (``"features"``, ``"logits"``, ``"acoustic"``). They do not
            depend on the other images of the batch.
        """

    def embed_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Return what :meth:`embed` gives, from the outputs of :attr:`base` for the same images.

        Args:
            outputs: by name, float32 ``[n, k]``.

        Returns:
            As :meth:`embed`, to the last bit.
        """
        raise NotImplementedError(f"judge {self.name} has no base")
