"""Model: a method that fits on training pairs, then turns a sound and noise into an image."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn

from a2ibench.types import Batch, FloatArray, ImageArray, Pairs, Sampling, Spec


@dataclass(frozen=True)
class FrozenPart:
    """A part of a method that was trained first, and does not change while the rest is trained.

    Attributes:
        name: a word or two (``"prior"``).
        images: number of images that it was trained on, repeated ones counted each time; None
            where that is not known.
        of_budget: whether these are training images of the trial, its first ones; otherwise they
            come in addition.
        files: sha256 by name of the files that it was read from, if any.
    """

    name: str
    images: int | None
    of_budget: bool
    files: Mapping[str, str] = field(default_factory=dict)


class Model(nn.Module, ABC):
    """The contract of a method: one file, one class.

    A model owns its networks and optimisers. It owns no file, loop, logging, device or metric: the
    bench moves it, feeds it, averages, checkpoints and draws from it.

    The constructor makes the networks and sets :attr:`optimizers`; it may set :attr:`sampling`,
    :attr:`noise_dim`, :attr:`ema` and :attr:`frozen_parts`.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    """A frozen dataclass: its fields are the hyper-parameters, its defaults the paper's."""
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Switches: the name of a part → the configuration values that turn it off."""
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """The values of each scale (``"small"``, ``"paper"``) that differ from the defaults."""

    optimizers: Mapping[str, torch.optim.Optimizer]
    """By name; a checkpoint holds their states."""
    sampling: Sampling = Sampling()
    """The way its batches are drawn."""
    noise_dim: int = 0
    """Length of z; 0 for a method without noise."""
    ema: float = 0.0
    """Decay per step of the moving average of the generator's weights; 0 turns it off."""
    frozen_parts: Sequence[FrozenPart] = ()
    """Parts that were trained first and then frozen. What :meth:`prepare` reads of the training
    images is counted by the bench, and not named here."""

    def __init__(self, config: Any, spec: Spec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec

    @property
    @abstractmethod
    def generator(self) -> nn.Module:
        """The part that draws, whose weights the bench averages."""

    def prepare(self, train: Pairs) -> None:
        """Pretrain what the method needs before its own training (a frozen network, statistics).

        It runs once, on the training device, before the first step; its results are part of the
        state dict. Random numbers come from torch's global generator.
        """

    def image_to_audio(self, images: ImageArray) -> FloatArray | None:
        """Apply the method's own image-to-audio network, if it trains against one.

        Scores by this network are shown apart, since the method was trained to please it.

        Shapes: uint8 ``[n, S, S, 3]`` → float32 ``[n, d]`` in the space of the standardised
        features; None without a network.
        """
        return None

    @abstractmethod
    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step on one batch, forward, backward and optimisers; return scalar losses."""

    @abstractmethod
    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draw one image per row.

        Args:
            acoustic: float32 ``[n, d]``, standardised.
            noise: float32 ``[n, noise_dim]``, standard normal; the only source of chance.

        Returns:
            Floats ``[n, 3, S, S]`` in [−1, 1], like the images of a training batch.
        """
