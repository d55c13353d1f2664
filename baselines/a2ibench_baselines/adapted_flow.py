"""A generator that never heard a sound, frozen and adapted to sounds; nothing is downloaded.

The idea of AudioToken (Yariv et al. 2023), which maps sounds to the condition of a frozen
text-to-image network, with a small generator trained on the pictures of the study instead of a
large one from elsewhere: a conditional flow (Lipman et al. 2023) of the classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import FrozenPart, Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.layers import frozen
from a2ibench.nn.rectified_flow import follow, sample_path, velocity_error, velocity_to
from a2ibench.nn.unet import TimedUNet, check_size
from a2ibench.types import Batch, Sampling, Spec


@dataclass(frozen=True)
class AdaptedFlowConfig:
    """Ordinary choices for 128-pixel images."""

    prior_images: int = option(
        50_000, "training images of the budget, its first, that only the prior sees", minimum=0
    )
    by_class: bool = option(True, "tell the prior the class of each image")
    drop: float = option(
        0.1, "share of a batch of the prior without its class", minimum=0, maximum=1
    )
    modulates: bool = option(
        True, "the sound scales and shifts the blocks of the prior, beside being its condition"
    )
    align: float = option(
        1.0, "weight of the distance from the condition of a sound to that of its class", minimum=0
    )
    patch: int = option(2, "side in pixels of the patches that the network sees as one", minimum=1)
    channels: int = option(64, "channels of the U-Net at full size", minimum=8)
    levels: int = option(3, "number of sizes of the U-Net, each half the previous one", minimum=1)
    blocks: int = option(2, "residual blocks per size", minimum=1)
    embedding: int = option(256, "length of the embeddings of time, class and sound", minimum=8)
    guidance: float = option(1.5, "weight of the sound against the prior; 1: none", minimum=0)
    steps: int = option(25, "number of Heun steps to draw, two velocities each", minimum=1)
    prior_lr: float = option(2e-4, "learning rate of the prior (Adam)", minimum=0)
    lr: float = option(2e-4, "learning rate of the adapter (Adam)", minimum=0)
    clip: float = option(1.0, "largest norm of the gradient; 0: any", minimum=0)
    batch_size: int = option(32, "pairs per batch", minimum=2)
    balanced: bool = option(False, "draw the classes of a batch uniformly")
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    ema: float = option(
        0.998, "decay of the moving average of the weights; a long one remembers the untrained"
        " adapter", minimum=0, maximum=1,
    )  # fmt: skip


class Prior(TimedUNet):
    """The generator before it hears: x_t, t and the embedding of a class → the image."""

    def __init__(self, config: AdaptedFlowConfig, classes: int) -> None:
        wide = config.embedding
        super().__init__(config.channels, config.levels, config.blocks, config.patch, wide)
        self.classes = nn.Embedding(classes + 1, wide)
        """One row per class; the last one stands for no class. They begin as N(0, 1): ten times
        smaller ones are hardly told apart from the time, and a short training leaves it at that."""


class Adapter(nn.Module):
    """A sound → the condition of the prior, and what is added to its modulation at a time.

    It begins as no class and nothing added, and so as the prior without a class.

    Shapes: a ``[n, d]``, time embedding ``[n, embedding]`` → ``[n, embedding]``, ``[n, modulated]``
    or 0.
    """

    def __init__(self, config: AdaptedFlowConfig, acoustic_dim: int, modulated: int) -> None:
        super().__init__()
        wide = config.embedding
        self.hear = nn.Sequential(nn.Linear(acoustic_dim, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.condition = nn.Linear(wide, wide)
        self.modulate = nn.Linear(wide, modulated) if config.modulates else None
        for layer in (self.condition, self.modulate):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, a: torch.Tensor, time: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | float]:
        """See the class."""
        added = 0.0 if self.modulate is None else self.modulate(F.silu(self.hear(a) + time))
        return self.condition_of(a), added

    def condition_of(self, a: torch.Tensor) -> torch.Tensor:
        """Return the condition alone, as a distance from that of no class."""
        return self.condition(F.silu(self.hear(a)))


class Adapted(nn.Module):
    """The frozen prior with its adapter: x_t, t and a sound, or None, → the image."""

    def __init__(self, config: AdaptedFlowConfig, spec: Spec) -> None:
        super().__init__()
        self.prior = Prior(config, len(spec.classes))
        self.adapter = Adapter(config, spec.acoustic_dim, self.prior.unet.modulated)

    def forward(self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor | None) -> torch.Tensor:
        """See the class."""
        no_class = self.prior.classes.weight[-1]
        if a is None:
            return self.prior(x, t, no_class)
        condition, added = self.adapter(a, self.prior.time(t))
        return self.prior(x, t, no_class + condition, added)


class AdaptedFlow(Model):
    """A prior on pictures alone, for the first ``prior_images`` of the budget; then an adapter.

    Both minimise the loss of a flow, L = E ‖v(x_t, t | c) − (x₁ − x₀)‖² on straight paths x_t =
    (1 − t) x₀ + t x₁ from noise x₀ to an image x₁, with t the logistic of a standard normal number
    and a network that gives the image, as in ``flow``. The prior learns it with c the class of the
    image, or none. Then it is frozen, and the adapter learns it with c what it makes of the sound:
    the only way from a sound to a picture is through the adapter. What a sound tells is often to be
    seen in x_t already, so that L alone teaches the adapter slowly: beside it, the condition is
    drawn to that of the image's class, as AudioToken has a loss of classification.

    The budget is all that the method sees: an image counts once whichever of the two it trains, so
    that a row costs as many images as another of the same budget. The prior's share is a number of
    images rather than a part of the budget, since one training serves several budgets; with that
    number or less it has not heard anything, and draws as the prior.

    Drawn by Heun's method, with v = v∅ + w (v(a) − v∅) for guidance w; v∅ is the prior's own
    velocity without a class.
    """

    name = "adapted_flow"
    Config: ClassVar[type] = AdaptedFlowConfig
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "classes": {"by_class": False},
        "modulation": {"modulates": False},
        "alignment": {"align": 0.0},
        "guidance": {"guidance": 1.0},
    }
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels.
        "small": {
            "prior_images": 6_000, "patch": 4, "channels": 32, "levels": 2, "blocks": 1,
            "embedding": 128, "steps": 12, "batch_size": 16, "prior_lr": 2e-3, "lr": 1e-3,
            "ema": 0.98,
        },
    }  # fmt: skip

    config: AdaptedFlowConfig
    step: torch.Tensor

    def __init__(self, config: AdaptedFlowConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        check_size(spec.image_size, config.levels, config.patch)
        self.net = Adapted(config, spec)
        self.optimizers = {
            "prior": Adam(self.net.prior.parameters(), lr=config.prior_lr),
            "adapter": Adam(self.net.adapter.parameters(), lr=config.lr),
        }
        self.sampling = Sampling(config.batch_size, config.balanced, config.flip)
        self.noise_dim = 3 * spec.image_size**2
        self.ema = config.ema
        counted = self.prior_steps * config.batch_size
        self.frozen_parts = (FrozenPart("prior", counted, of_budget=True),)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @property
    def generator(self) -> nn.Module:
        """The prior and its adapter."""
        return self.net

    @property
    def prior_steps(self) -> int:
        """Number of steps, the first ones, that train the prior."""
        return self.config.prior_images // self.config.batch_size

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step of the prior or, later, of the adapter."""
        at, done = sample_path(batch.image), int(self.step)
        if done < self.prior_steps:
            name, optimizer = "prior", self.optimizers["prior"]
            for group in optimizer.param_groups:  # to 0 over the second half
                group["lr"] = self.config.prior_lr * min(1.0, 2 * (1 - done / self.prior_steps))
            told = self._class_of(batch.label)
            given = self.net.prior(at.x, at.t, self.net.prior.classes(told))
        else:
            name, optimizer = "adapter", self.optimizers["adapter"]
            with frozen(self.net.prior):
                given = self.net(at.x, at.t, batch.acoustic)
        error = velocity_error(given.float(), batch.image, at.t)
        losses = {f"{name}_velocity": error.square().mean()}
        if name == "adapter" and self.config.by_class and self.config.align > 0:
            losses["align"] = self.config.align * self._misalignment(batch)
        descend(optimizer, losses.values(), self.config.clip)
        self.step += 1
        return losses

    def _misalignment(self, batch: Batch) -> torch.Tensor:
        """Compute E ‖c(a) − c_label‖² / E ‖c_label‖², the c as distances from that of no class."""
        every = self.net.prior.classes.weight.detach()
        target = (every[:-1] - every[-1])[batch.label]
        heard = self.net.adapter.condition_of(batch.acoustic).float()
        return (heard - target).square().mean() / target.square().mean().clamp(min=1e-8)

    def _class_of(self, label: torch.Tensor) -> torch.Tensor:
        """Return the rows of the class embedding, some of them that of no class."""
        told = torch.rand(len(label), device=label.device) >= self.config.drop
        return torch.where(told & self.config.by_class, label, len(self.spec.classes))

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Follow the path from the noise to its end."""
        size = self.spec.image_size
        x = noise.reshape(noise.shape[0], 3, size, size)
        return follow(lambda x, t: self._guided(x, t, acoustic), x, self.config.steps)

    def _guided(self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """Compute the guided v at t < 1."""
        weight, image = self.config.guidance, self.net(x, t, a).float()
        if weight != 1:
            prior = self.net(x, t, None).float()
            image = prior + weight * (image - prior)
        return velocity_to(image, x, t)
