"""A convolution with stride 2 over images, whose gradient in the image is as fast as its output."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

LANES = 8
"""Numbers that a processor computes at once; fewer channels than that leave it idle."""


class ImageConv2d(nn.Conv2d):
    """A convolution with stride 2 of a few channels.

    On a processor the gradient in an image of three channels takes five times as long as the
    output. All pixels with the same parity of row and column have the same kernel entries in it, so
    it is computed as one convolution with stride 1 of the gradient in the output, a channel for
    each channel and parity, whose channels are then dealt out to the pixels: the same sums.

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
        if input.device.type == "cpu" and input.requires_grad and input.shape[2] % 2 == 0:
            return _Conv.apply(input, weight, bias)  # type: ignore[no-any-return]
        return super()._conv_forward(input, weight, bias)


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
        needed = ctx.needs_input_grad
        weight = weight.to(g.dtype)  # the output's, in mixed precision
        by_weight = by_bias = None
        if needed[1] or needed[2]:
            padding = (weight.shape[2] - 1) // 2
            mask = [False, needed[1], needed[2]]
            sizes = (ctx.bias_sizes, [2, 2], [padding, padding], [1, 1], False, [0, 0], 1, mask)
            _, by_weight, by_bias = torch.ops.aten.convolution_backward(
                g, image.to(g.dtype), weight, *sizes
            )
        return image_gradient(g, weight, image.shape[2:]).to(image.dtype), by_weight, by_bias


def image_gradient(g: torch.Tensor, weight: torch.Tensor, size: torch.Size) -> torch.Tensor:
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
