"""Judge: a frozen network that looks at images for the metrics."""

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
        figure: the name of that figure among those of :meth:`Judge.fit`; higher is better.
        title: as tables name it (``"accuracy"``, ``"r²"``).
        percent: whether they print it × 100.
        chance: what who knows nothing reaches; None where that depends on the data: then it is the
            figure ``held_out_chance``, or one over the number of classes.
    """

    figure: str
    title: str
    percent: bool = False
    chance: float | None = None


class Judge(nn.Module, ABC):
    """What a judge plug-in offers.

    It is loaded or trained independently of every model: a judge never sees a generated image
    before it is frozen.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the same images get other outputs than before."""
    trained: ClassVar[bool] = False
    """Whether :meth:`fit` has to run on the dataset's training pairs."""
    fewest_sources: ClassVar[int] = 1
    """Source clips of each class that :meth:`fit` needs: two where it holds some out to measure
    itself. A study is refused before any work where the judges' share of the clips is smaller."""
    held_out: ClassVar[HeldOut | None] = None
    """How good it is; None for a judge that is not trained, or does not measure it."""
    reads: ClassVar[str | None] = None
    """The judge whose outputs :meth:`read` starts from, so that a network which two judges share
    looks at an image once."""

    @classmethod
    def missing(cls) -> str | None:
        """What it lacks on this machine and how to get it; None when it can be used at once.

        Where the user names no metric, those of a judge that lacks something are left out.
        """
        return None

    def build(self, spec: Spec) -> None:
        """Makes the layers whose sizes the dataset fixes.

        It runs once, before :meth:`fit` or before the weights that an earlier fit left are loaded.
        """

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """Trains on real training pairs; seeded by itself; the state dict then holds the result.

        Returns:
            Figures on the training, by name, kept beside the weights: the one that
            :attr:`held_out` names, ``held_out_images``, ``held_out_clips``; ``held_out_chance`` and
            ``held_out_low``, the lower end of its 95 % interval over clips, where there are such;
            any others.
        """
        return {}

    @abstractmethod
    def weights_hash(self) -> str:
        """A hash of the weights it loads; for a trained judge, of what it starts from."""

    @abstractmethod
    def look(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """The outputs for a batch of images.

        Args:
            images: uint8 ``[n, S, S, 3]``, RGB, any S.

        Returns:
            By name, float32 ``[n, k]`` (``"features"``, ``"logits"``, ``"acoustic"``). They do not
            depend on the other images of the batch.
        """

    def read(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """What :meth:`look` gives, from what the judge :attr:`reads` gives for the same images.

        Args:
            outputs: by name, float32 ``[n, k]``.

        Returns:
            As :meth:`look`, to the last bit.
        """
        raise NotImplementedError(f"judge {self.name} reads no other judge")
