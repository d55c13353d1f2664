"""Layers that generators and discriminators share. All are fastest in channels-last memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


class UpConv(nn.Module):
    """Nearest ×2, then a 3×3 convolution with zero padding 1.

    Nearest ×2 puts the pixels two apart and sums over a 2×2 box, so both together are one
    transposed convolution with stride 2 whose 4×4 kernel is the 3×3 kernel summed over that box:
    the same numbers from 16 instead of 36 multiplications per pixel, without an intermediate of the
    large size.

    Shapes: ``[n, inputs, H, W]`` → ``[n, outputs, 2H, 2W]``.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.bias = None
        if bias:
            bound = (9 * inputs) ** -0.5
            self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        # Turned first, so that nothing larger than 3×3 is brought into the order of memory.
        kernel = (
            self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
        )
        kernel = F.avg_pool2d(kernel, 2, stride=1, padding=1, divisor_override=1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


def leaky_relu() -> nn.LeakyReLU:
    """Make a LeakyReLU(0.2). In a narrow generator a ReLU can shut every channel for a class."""
    return nn.LeakyReLU(0.2, inplace=True)


def up_block(inputs: int, outputs: int) -> nn.Sequential:
    """Make a block: nearest ×2, 3×3 convolution, batch norm, LeakyReLU."""
    return nn.Sequential(UpConv(inputs, outputs), nn.BatchNorm2d(outputs), leaky_relu())


class UpStack(nn.Module):
    """A vector → a feature map: linear to 4×4, then up blocks which halve the channels.

    At 4×4 there are ``channels · size / 4`` channels; ``size`` is a power of two, at least 4.

    Shapes: ``[n, inputs]`` → ``[n, channels, size, size]``.
    """

    def __init__(self, inputs: int, channels: int, size: int) -> None:
        super().__init__()
        widths = [channels * 2**i for i in reversed(range(doublings(size) + 1))]
        self.start = nn.Sequential(
            nn.Linear(inputs, 16 * widths[0], bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            leaky_relu(),
        )
        self.blocks = nn.Sequential(*(up_block(wide, narrow) for wide, narrow in pairwise(widths)))

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.blocks(self.start(vector).contiguous(memory_format=torch.channels_last))


class DownStack(nn.Module):
    """An image → a flat vector: strided 4×4 convolutions which double the channels, to 4×4.

    The first convolution has ``channels``; ``conv`` makes one, as ``spectral_conv`` does for a
    discriminator. ``size`` is a power of two, at least 8.

    Shapes: ``[n, 3, size, size]`` → ``[n, outputs]``.
    """

    def __init__(
        self, channels: int, size: int, conv: Callable[[int, int, int, int, int], nn.Module]
    ) -> None:
        super().__init__()
        widths = [3, *(channels * 2**i for i in range(doublings(size)))]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [conv(narrow, wide, 4, 2, 1), leaky_relu()]
        self.layers = nn.Sequential(*layers)
        self.outputs = 16 * widths[-1]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.layers(image).flatten(1)


class ResidualBlock(nn.Module):
    """x + BN(conv(LeakyReLU(BN(conv(x))))), 3×3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            leaky_relu(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x + self.body(x)


def to_image(channels: int) -> nn.Sequential:
    """Make the last layers, a feature map → an image in [−1, 1]: 3×3 convolution, tanh."""
    return nn.Sequential(nn.Conv2d(channels, 3, 3, padding=1), nn.Tanh())


def doublings(size: int) -> int:
    """Return the number of ×2 steps from 4 pixels to ``size``, or raise a ValueError."""
    if size < 4 or size & (size - 1):
        raise ValueError(f"image size {size}: expected a power of two, at least 4")
    return size.bit_length() - 3


def init_normal(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02²), batch-norm scales from N(1, 0.02²); biases 0 (DCGAN)."""
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | UpConv):
        nn.init.normal_(module.weight, 0.0, 0.02)
    bias = getattr(module, "bias", None)
    if isinstance(bias, nn.Parameter):
        nn.init.zeros_(bias)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients flow through the module inside the block, but none into its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
