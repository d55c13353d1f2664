"""Convolutions with stride 2 from and to images, which have fewer channels than processors lanes.

With three channels oneDNN takes five times as long for the gradient of a convolution in its image,
and for the output of a transposed convolution, as for the rest. All pixels with the same parity of
row and column have the same kernel entries in it, so it is computed here as one convolution with
stride 1, a channel for each channel and parity, whose channels are then dealt out to the pixels:
the same sums.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

LANES = 8
"""Numbers that a processor computes at once; fewer channels than that leave it idle."""


class ImageConv2d(nn.Conv2d):
    """A convolution with stride 2 of a few channels: ``torch.nn.Conv2d``, faster to train through.

    Shapes: ``[n, inputs, H, W]``, H and W even → ``[n, outputs, H/2, W/2]``.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, 2, (kernel - 1) // 2, bias=bias)

    def _conv_forward(
        self,
        input: torch.Tensor,  # noqa: A002 - torch's name
        weight: torch.Tensor,
        bias: torch.Tensor | None,
    ) -> torch.Tensor:
        even = input.shape[2] % 2 == input.shape[3] % 2 == 0
        if input.device.type == "cpu" and input.requires_grad and even:
            return _Conv.apply(input, weight, bias)
        return super()._conv_forward(input, weight, bias)


class ImageConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with stride 2 to a few channels: ``torch.nn.ConvTranspose2d``.

    ``kernel`` is odd. Shapes: ``[n, inputs, H, W]`` → ``[n, outputs, 2H, 2W]``.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, 2, (kernel - 1) // 2, output_padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """See the class."""
        if x.device.type != "cpu":
            return super().forward(x)
        # Whoever draws or exports meets plain operations, of the same bits.
        transpose = _ConvTranspose.apply if torch.is_grad_enabled() else _transpose
        return transpose(x, self.weight, self.bias)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(image, weight)
        ctx.bias_sizes = None if bias is None else [len(bias)]
        return F.conv2d(image, weight, bias, stride=2, padding=(weight.shape[2] - 1) // 2)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (g,) = gradients
        image, weight = ctx.saved_tensors
        weight = weight.to(g.dtype)  # the output's, in mixed precision
        by_weight = by_bias = None
        needed = ctx.needs_input_grad
        if needed[1] or needed[2]:
            padding = [(weight.shape[2] - 1) // 2] * 2
            mask = [False, needed[1], needed[2]]
            _, by_weight, by_bias = torch.ops.aten.convolution_backward(
                *(g, image.to(g.dtype), weight, ctx.bias_sizes),
                *([2, 2], padding, [1, 1], False, [0, 0], 1, mask),
            )
        return image_gradient(g, weight, image.shape[2:]).to(image.dtype), by_weight, by_bias


class _ConvTranspose(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        x = _as_cast(x)
        ctx.save_for_backward(x, weight)
        ctx.bias_sizes = None if bias is None else [len(bias)]
        return _transpose(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (g,) = gradients
        x, weight = ctx.saved_tensors
        padding = [(weight.shape[2] - 1) // 2] * 2
        return tuple(
            torch.ops.aten.convolution_backward(
                *(g, x, weight.to(x.dtype), ctx.bias_sizes),
                *([2, 2], padding, [1, 1], True, [1, 1], 1, list(ctx.needs_input_grad)),
            )
        )


def _as_cast(x: torch.Tensor) -> torch.Tensor:
    """Convert as a convolution would in mixed precision."""
    cast = torch.is_autocast_enabled("cpu")
    return x.to(torch.get_autocast_dtype("cpu")) if cast else x


def _transpose(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    x = _as_cast(x)
    image = image_gradient(x, weight.to(x.dtype), (2 * x.shape[2], 2 * x.shape[3]))
    return image if bias is None else image + bias.to(x.dtype)[:, None, None]


def image_gradient(g: torch.Tensor, weight: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Compute the gradient in the image from that in the output, with stride 2.

    Shapes: ``g`` ``[n, outputs, H/2, W/2]``, ``weight`` ``[outputs, inputs, k, k]``, ``size``
    (H, W) → ``[n, inputs, H, W]``.
    """
    outputs, inputs, k, _ = weight.shape
    padding = (k - 1) // 2
    half = (k + 1) // 2
    kernel = F.pad(weight, (0, k % 2, 0, k % 2)).view(outputs, inputs, half, 2, half, 2)
    # [row parity, column parity, inputs, outputs, half, half], turned by 180°
    kernel = kernel.permute(3, 5, 1, 0, 2, 4).flip(4, 5).reshape(4 * inputs, outputs, half, half)
    kernel = F.pad(kernel, (0, 0, 0, 0, 0, 0, 0, -4 * inputs % LANES))
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    each = F.conv2d(g, kernel, padding=half - 1).permute(0, 2, 3, 1)[..., : 4 * inputs]
    n, rows, columns, _ = each.shape
    dealt = each.reshape(n, rows, columns, 2, 2 * inputs).transpose(2, 3)
    padded = dealt.reshape(n, 2 * rows, 2 * columns, inputs).permute(0, 3, 1, 2)
    return padded[:, :, padding : padding + size[0], padding : padding + size[1]]
