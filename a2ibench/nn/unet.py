"""A U-Net (Ronneberger et al. 2015; Ho et al. 2020) that feature-wise modulation conditions.

All that it is told comes as a scale and a shift of each channel of each residual block (FiLM, Perez
et al. 2018), which it takes as an argument: whoever conditions it makes them, and may add to those
that somebody else made.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.nn.layers import UpConv

FREQUENCIES = 64
"""Number of frequencies of the time embedding, 1 to 1000 radians (Vaswani et al. 2017)."""
MAX_GROUPS = 8
"""Largest number of groups of a group norm."""


class TimeEmbedding(nn.Module):
    """Sines and cosines of the time, and a linear layer: t ``[n]`` in [0, 1] → ``[n, length]``."""

    frequencies: torch.Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", 10.0 ** torch.linspace(0, 3, FREQUENCIES), False)
        self.linear = nn.Linear(2 * FREQUENCIES, length)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """See the class."""
        angle = t[:, None].float() * self.frequencies
        return self.linear(torch.cat([angle.sin(), angle.cos()], dim=1))


class Block(nn.Module):
    """Residual block of two 3×3 convolutions, with scale and shift between them.

    Shapes: ``[n, inputs, H, W]``, ``[n, 2 · outputs]`` → ``[n, outputs, H, W]``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.first = nn.Sequential(norm(inputs), nn.SiLU(), conv(inputs, outputs))
        self.norm = norm(outputs)
        self.second = conv(outputs, outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.second.weight)  # a block is nothing at first

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
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
    """The network over patches of pixels.

    Shapes: x ``[n, 3, S, S]``, modulation ``[n, modulated]`` → ``[n, 3, S, S]``; S is a multiple of
    patch · 2^(levels − 1).

    Args:
        channels: at full size; each smaller size has twice as many.
        levels: number of sizes.
        blocks: residual blocks per size on the way down; one more on the way up.
        patch: side in pixels of the patches that are seen as one.

    Attributes:
        modulated: length of the modulation, two numbers per channel of a block.
    """

    def __init__(self, channels: int, levels: int, blocks: int, patch: int) -> None:
        super().__init__()
        widths = [channels * 2**i for i in range(levels)]
        pixels = 3 * patch**2
        self.cut = nn.PixelUnshuffle(patch)
        self.start = conv(pixels, widths[0])
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        kept, width = [widths[0]], widths[0]
        for wide in widths:
            if len(kept) > 1:
                down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                kept.append(width)
            for _ in range(blocks):
                down.append(Block(width, wide))
                kept.append(width := wide)
        middle = [Block(width, width), Attention(width), Block(width, width)]
        for wide in reversed(widths):
            if up:
                up.append(UpConv(width, width, bias=True))
            for _ in range(blocks + 1):
                up.append(Block(width + kept.pop(), wide))
                width = wide
        self.down, self.middle, self.up = map(nn.ModuleList, (down, middle, up))
        last = conv(width, pixels)
        nn.init.zeros_(last.weight)
        self.end = nn.Sequential(norm(width), nn.SiLU(), last)
        self.join = nn.PixelShuffle(patch)
        every = (*down, *middle, *up)
        self._lengths = [2 * one.outputs for one in every if isinstance(one, Block)]
        self.modulated = sum(self._lengths)

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """See the class."""
        told = iter(torch.split(modulation, self._lengths, dim=1))
        x = self.start(self.cut(x).contiguous(memory_format=torch.channels_last))
        kept = [x]
        for layer in self.down:
            kept.append(x := layer(x, next(told)) if isinstance(layer, Block) else layer(x))
        for layer in self.middle:
            x = layer(x, next(told)) if isinstance(layer, Block) else layer(x)
        for layer in self.up:
            if isinstance(layer, Block):
                x = layer(torch.cat([x, kept.pop()], dim=1), next(told))
            else:
                x = layer(x)
        return self.join(self.end(x))


class TimedUNet(nn.Module):
    """A U-Net that is told a time and a condition, which modulate its blocks together.

    Shapes: x ``[n, 3, S, S]``, t ``[n]`` in [0, 1], condition ``[n, embedding]`` or
    ``[embedding]``, ``added`` to the modulation, ``[n, modulated]`` or 0 → ``[n, 3, S, S]``.
    """

    def __init__(self, channels: int, levels: int, blocks: int, patch: int, embedding: int) -> None:
        super().__init__()
        self.unet = UNet(channels, levels, blocks, patch)
        self.time = TimeEmbedding(embedding)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.modulate = nn.Linear(embedding, self.unet.modulated)

    def forward(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        condition: torch.Tensor,
        added: torch.Tensor | float = 0.0,
    ) -> torch.Tensor:
        """See the class."""
        return self.unet(x, self.modulate(self.mix(self.time(t) + condition)) + added)


def check_size(image_size: int, levels: int, patch: int) -> None:
    """Check that images of S×S pixels can be cut into patches and halved for every level.

    Raises:
        ValueError: S is not a multiple of patch · 2^(levels − 1).
    """
    if image_size % (patch * 2 ** (levels - 1)):
        raise ValueError(
            f"image size {image_size} cannot be halved {levels - 1} times after patches of"
            f" {patch} pixels: set patch or levels lower"
        )


def norm(channels: int) -> nn.GroupNorm:
    """Make a group norm: an image does not depend on the others of its batch."""
    return nn.GroupNorm(math.gcd(MAX_GROUPS, channels), channels)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Make a 3×3 convolution that keeps the size of the map."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)
