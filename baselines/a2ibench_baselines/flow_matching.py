"""Conditional flow matching (Lipman et al. 2023; Liu et al. 2023), a modern method.

A velocity field v(x, t | a) carries noise at t = 0 to an image at t = 1. It is learned by
regression on straight paths and integrated to draw. The sound is dropped at random in training, so
that an image can be guided away from one that is drawn without a sound (Ho and Salimans 2022).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.layers import UpConv
from a2ibench.types import Batch, Sampling, Spec

FREQUENCIES = 64
"""Number of frequencies of the time embedding, 1 to 1000 radians (Vaswani et al. 2017)."""
MAX_GROUPS = 8
"""Largest number of groups of a group norm."""
MIN_REMAINING = 0.05
"""Lower bound of 1 − t in the loss of an image, whose weight 1 / (1 − t)² has no bound."""


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


def norm(channels: int) -> nn.GroupNorm:
    """Make a group norm: an image does not depend on the others of its batch."""
    return nn.GroupNorm(math.gcd(MAX_GROUPS, channels), channels)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Make a 3×3 convolution that keeps the size of the map."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Embedding(nn.Module):
    """Time and sound → the condition of every block.

    Shapes: t ``[n]`` in [0, 1], a ``[n, d]``, with_sound bool ``[n]`` → ``[n, embedding]``.
    """

    frequencies: torch.Tensor

    def __init__(self, config: FlowConfig, acoustic_dim: int) -> None:
        super().__init__()
        wide = config.embedding
        exponents = torch.linspace(0, 3, FREQUENCIES)
        self.register_buffer("frequencies", 10.0**exponents, persistent=False)
        self.time = nn.Linear(2 * FREQUENCIES, wide)
        self.sound = nn.Linear(acoustic_dim, wide)
        self.no_sound = nn.Parameter(torch.zeros(wide))
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(wide, wide), nn.SiLU())

    def forward(self, t: torch.Tensor, a: torch.Tensor, with_sound: torch.Tensor) -> torch.Tensor:
        """See the class."""
        angle = t[:, None].float() * self.frequencies
        time = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        return self.mix(time + torch.where(with_sound[:, None], self.sound(a), self.no_sound))


class Block(nn.Module):
    """Residual block of two 3×3 convolutions; the embedding scales and shifts between them.

    Shapes: ``[n, inputs, H, W]``, ``[n, embedding]`` → ``[n, outputs, H, W]``.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(inputs), nn.SiLU(), conv(inputs, outputs))
        self.norm = norm(outputs)
        self.told = nn.Linear(embedding, 2 * outputs)
        self.second = conv(outputs, outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.second.weight)  # a block is nothing at first

    def forward(self, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scale, shift = self.told(told)[:, :, None, None].chunk(2, dim=1)
        inner = self.norm(self.first(x)) * (1 + scale) + shift
        return self.skip(x) + self.second(F.silu(inner))


class Attention(nn.Module):
    """x + self-attention over the places of a small map. Shapes: ``[n, c, H, W]`` → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.heads = math.gcd(4, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        n, c, height, width = x.shape
        q, k, v = (
            part.reshape(n, self.heads, c // self.heads, height * width).transpose(2, 3)
            for part in self.qkv(self.norm(x)).chunk(3, dim=1)
        )
        seen = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(seen.transpose(2, 3).reshape(n, c, height, width))


class UNet(nn.Module):
    """The network (Ronneberger et al. 2015; Ho et al. 2020) over patches of pixels.

    Shapes: x ``[n, 3, S, S]``, t ``[n]``, a ``[n, d]``, with_sound bool ``[n]`` → ``[n, 3, S, S]``.
    """

    def __init__(self, config: FlowConfig, spec: Spec) -> None:
        super().__init__()
        widths = [config.channels * 2**i for i in range(config.levels)]
        pixels, wide = 3 * config.patch**2, config.embedding
        self.embed = Embedding(config, spec.acoustic_dim)
        self.cut = nn.PixelUnshuffle(config.patch)
        self.start = conv(pixels, widths[0])
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        kept, width = [widths[0]], widths[0]
        for channels in widths:
            if len(kept) > 1:
                down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                kept.append(width)
            for _ in range(config.blocks):
                down.append(Block(width, channels, wide))
                kept.append(width := channels)
        self.before, self.after = Block(width, width, wide), Block(width, width, wide)
        self.attend = Attention(width)
        for channels in reversed(widths):
            if up:
                up.append(nn.Sequential(nn.Identity(), UpConv(width, width, bias=True)))
            for _ in range(config.blocks + 1):
                up.append(Block(width + kept.pop(), channels, wide))
                width = channels
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        last = conv(width, pixels)
        nn.init.zeros_(last.weight)
        self.end = nn.Sequential(norm(width), nn.SiLU(), last)
        self.join = nn.PixelShuffle(config.patch)

    def forward(
        self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor, with_sound: torch.Tensor
    ) -> torch.Tensor:
        """See the class."""
        told = self.embed(t, a, with_sound)
        x = self.start(self.cut(x).contiguous(memory_format=torch.channels_last))
        kept = [x]
        for layer in self.down:
            kept.append(x := layer(x, told) if isinstance(layer, Block) else layer(x))
        x = self.after(self.attend(self.before(x, told)), told)
        for layer in self.up:
            if isinstance(layer, Block):
                x = layer(torch.cat([x, kept.pop()], dim=1), told)
            else:
                x = layer(x)
        return self.join(self.end(x))


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
        smallest = config.patch * 2 ** (config.levels - 1)
        if spec.image_size % smallest:
            raise ValueError(
                f"image size {spec.image_size} cannot be halved {config.levels - 1} times after"
                f" patches of {config.patch} pixels: set patch or levels lower"
            )
        self.net = UNet(config, spec)
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
        # Drawn in the order of memory, which is three times as fast as across it.
        start = torch.randn(n, *image.shape[2:], 3, device=image.device).permute(0, 3, 1, 2)
        t = torch.randn(n, device=image.device).sigmoid()
        with_sound = torch.rand(n, device=image.device) >= self.config.drop
        along = t[:, None, None, None]
        given = self.net(torch.lerp(start, image, along), t, batch.acoustic, with_sound).float()
        if self.config.predicts == "image":
            error = (given - image) / (1 - along).clamp(min=MIN_REMAINING)
        else:
            error = given - (image - start)
        loss = error.square().mean()
        descend(self.optimizers["net"], [loss], self.config.clip or None)
        return {"velocity": loss}

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Follow the path from the noise to its end."""
        size, steps = self.spec.image_size, self.config.steps
        x = noise.reshape(noise.shape[0], 3, size, size)
        for step in range(steps):
            here = self._guided(x, step / steps, acoustic)
            if step < steps - 1:  # Euler at the end, t = 1, where that of an image is not defined
                ahead = self._guided(x + here / steps, (step + 1) / steps, acoustic)
                here = (here + ahead) / 2
            x = x + here / steps
        return x.clamp(-1, 1)

    def _guided(self, x: torch.Tensor, at: float, a: torch.Tensor) -> torch.Tensor:
        weight = self.config.guidance
        t = x.new_full((x.shape[0],), at)
        every = torch.ones_like(t, dtype=torch.bool)
        conditional = self._velocity(x, t, a, every)
        if weight == 1:
            return conditional
        unconditional = self._velocity(x, t, a, ~every)
        return unconditional + weight * (conditional - unconditional)

    def _velocity(
        self, x: torch.Tensor, t: torch.Tensor, a: torch.Tensor, with_sound: torch.Tensor
    ) -> torch.Tensor:
        """Compute v at t < 1."""
        given = self.net(x, t, a, with_sound).float()
        if self.config.predicts == "velocity":
            return given
        return (given - x) / (1 - t[:, None, None, None])
