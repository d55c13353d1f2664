"""Model: a method that fits on training pairs, then turns a sound and noise into an image."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from a2ibench.types import Batch, FloatArray, ImageArray, Pairs, Sampling, Spec


class Model(nn.Module, ABC):
    """What a model plug-in offers: one file, one method.

    It owns its networks and optimisers. It owns no file, no loop, no logging, no device, no metric:
    the bench moves it, feeds it, averages, checkpoints and draws from it.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    """A frozen dataclass: its fields are the hyper-parameters, its defaults the paper's."""
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Switches: a part's name → the configuration values that turn that part off."""
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Values of each scale (``"small"``, ``"paper"``) that differ from the defaults."""

    def __init__(self, config: Any, spec: Spec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec

    @property
    def sampling(self) -> Sampling:
        """How its batches are drawn."""
        return Sampling()

    @property
    def noise_dim(self) -> int:
        """The length of z; 0 for a method without noise."""
        return 0

    @property
    @abstractmethod
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By name, so that a checkpoint holds their state; made by the constructor."""

    @property
    @abstractmethod
    def generator(self) -> nn.Module:
        """The part that draws; the bench keeps a moving average of its weights."""

    @property
    def ema(self) -> float:
        """Decay of that moving average a step; 0 turns it off."""
        return 0.0

    def prepare(self, train: Pairs) -> None:
        """Pretrains what the method needs before its own training (a frozen network, statistics).

        It runs once, on the training device, before the first step; what it made is part of the
        state dict. Random numbers come from torch's global generator.
        """

    def image_to_audio(self, images: ImageArray) -> FloatArray | None:
        """What the method's own image-to-audio network makes of images, if it trains against one.

        Scores by it are shown apart: the method was trained to please it.

        Args:
            images: uint8 ``[n, S, S, 3]``.

        Returns:
            float32 ``[n, d]`` in the space of the standardised features; None without a network.
        """
        return None

    @abstractmethod
    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """One step on one batch: forward, backward and optimiser steps.

        Returns:
            The losses by name, detached scalars.
        """

    @abstractmethod
    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draws one image for each row.

        Args:
            acoustic: float32 ``[n, d]``, standardised.
            noise: float32 ``[n, noise_dim]``, standard normal.

        Returns:
            float ``[n, 3, S, S]`` in [0, 1].
        """
