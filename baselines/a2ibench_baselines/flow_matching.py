"""Conditional flow matching (Lipman et al. 2023; Liu et al. 2023), a modern method.

A velocity field v(x, t | a) carries noise at t = 0 to an image at t = 1. It is learned by
regression on straight paths and integrated to draw. The sound is dropped at random in training, so
that an image can be guided away from one that is drawn without a sound (Ho and Salimans 2022).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.rectified_flow import follow, sample_path, velocity_error, velocity_to
from a2ibench.nn.unet import TimedUNet, check_size
from a2ibench.types import Batch, Sampling, Spec


@dataclass(frozen=True)
class FlowConfig:
    """Ordinary choices for 128-pixel images."""

    patch: int = option(2, "side in pixels of the patches that the network sees as one", minimum=1)
    channels: int = option(64, "channels of the U-Net at full size", minimum=8)
    levels: int = option(3, "number of sizes of the U-Net, each half the previous one", minimum=1)
    blocks: int = option(2, "residual blocks per size", minimum=1)
    embedding: int = option(256, "length of the embedding of time and sound", minimum=8)
    predicts: Literal["image", "velocity"] = option(
        "image", "the output of the network; the loss is that of the velocity either way"
    )
    drop: float = option(
        0.1, "share of a batch that is trained without sound", minimum=0, maximum=1
    )
    guidance: float = option(1.5, "weight of classifier-free guidance; 1: none", minimum=0)
    steps: int = option(25, "number of Heun steps to draw, two velocities each", minimum=1)
    lr: float = option(2e-4, "learning rate (Adam)", minimum=0)
    clip: float = option(1.0, "largest norm of the gradient; 0: any", minimum=0)
    batch_size: int = option(32, "pairs per batch", minimum=2)
    balanced: bool = option(False, "draw the classes of a batch uniformly")
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    ema: float = option(0.999, "decay of the moving average of the weights", minimum=0, maximum=1)


class Network(nn.Module):
    """A U-Net that is told the time and the sound, or that there is none.

    Shapes: x ``[n, 3, S, S]``, t ``[n]`` in [0, 1], a ``[n, d]``, with_sound bool ``[n]`` →
    ``[n, 3, S, S]``.
    """

    def __init__(self, config: FlowConfig, spec: Spec) -> None:
        super().__init__()
        wide = config.embedding
        self.unet = TimedUNet(config.channels, config.levels, config.blocks, config.patch, wide)
        self.sound = nn.Linear(spec.acoustic_dim, wide)
        self.no_sound = nn.Parameter(torch.zeros(wide))

    def forward(
        self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor, with_sound: torch.Tensor
    ) -> torch.Tensor:
        """See the class."""
        return self.unet(x, t, torch.where(with_sound[:, None], self.sound(a), self.no_sound))


class FlowMatching(Model):
    """x_t = (1 − t) x₀ + t x₁, x₀ ~ N(0, I), x₁ the image; v learns x₁ − x₀ (rectified flow).

    L = E ‖v(x_t, t | a) − (x₁ − x₀)‖². t is the logistic of a standard normal number, so that the
    middle of the path, where there is most to decide, is seen most (Esser et al. 2024).

    The network F gives the image, v = (F − x_t) / (1 − t), as in Li and He (2025). In the form of
    Karras et al. (2022), v = c_skip x_t + c_out F, this is c_skip = −1 / (1 − t) and
    c_out = 1 / (1 − t). Their choice, the least c_out that keeps the target of F at variance 1, is
    on this path, for data that are white with variance σ² and with D = (1 − t)² + t² σ²,

        c_skip = (t σ² − (1 − t)) / D,  c_out = σ / √D,  target ((1 − t) x₁ / σ − t σ x₀) / √D:

    the noise x₀ stays in the target, and is all of it at t = 1. Images are not white. A patch
    has 3 · patch² numbers, most of them nearly fixed by the others (σ → 0), and F may have fewer
    channels than that (32 for 48, at small scale). What it cannot carry it has to leave to the
    skip, and for σ → 0 the best skip is c_skip = −1 / (1 − t), by which all of the noise leaves
    outside F. With their choice, as with predicts = velocity (c_skip = 0, c_out = 1), such a
    network draws noise.

    Drawn by Heun's method from the noise to t = 1, with v = v∅ + w (v(a) − v∅) for guidance w.
    """

    name = "flow"
    Config: ClassVar[type] = FlowConfig
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "guidance": {"guidance": 1.0, "drop": 0.0},
    }
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels.
        "small": {
            "patch": 4, "channels": 32, "levels": 2, "blocks": 1, "embedding": 128,
            "steps": 12, "batch_size": 16, "lr": 1e-3,
        },
    }  # fmt: skip

    config: FlowConfig

    def __init__(self, config: FlowConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        check_size(spec.image_size, config.levels, config.patch)
        self.net = Network(config, spec)
        self.optimizers = {"net": Adam(self.parameters(), lr=config.lr)}
        self.sampling = Sampling(config.batch_size, config.balanced, config.flip)
        self.noise_dim = 3 * spec.image_size**2
        self.ema = config.ema

    @property
    def generator(self) -> nn.Module:
        """The network."""
        return self.net

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step on one time and one noise per image."""
        image, n = batch.image, len(batch.image)
        at = sample_path(image)
        with_sound = torch.rand(n, device=image.device) >= self.config.drop
        given = self.net(at.x, at.t, batch.acoustic, with_sound).float()
        if self.config.predicts == "image":
            error = velocity_error(given, image, at.t)
        else:
            error = given - (image - at.noise)
        loss = error.square().mean()
        descend(self.optimizers["net"], [loss], self.config.clip)
        return {"velocity": loss}

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Follow the path from the noise to its end."""
        size = self.spec.image_size
        x = noise.reshape(noise.shape[0], 3, size, size)
        return follow(lambda x, t: self._guided(x, t, acoustic), x, self.config.steps)

    def _guided(self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """Compute the guided v at t < 1."""
        weight, every = self.config.guidance, torch.ones_like(t, dtype=torch.bool)
        given = self.net(x, t, a, every).float()
        if weight != 1:
            without = self.net(x, t, a, ~every).float()
            given = without + weight * (given - without)
        return given if self.config.predicts == "velocity" else velocity_to(given, x, t)
