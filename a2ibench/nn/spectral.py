"""Layers with spectral normalisation, of Lipschitz constant 1 (Miyato et al. 2018)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from a2ibench.nn.image_conv import LANES, ImageConv2d

FIRST_ITERATIONS = 15
"""Power iterations at the start, as torch's."""


def spectral_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    """Make a convolution whose weight, as ``[outputs, inputs·k²]``, has spectral norm 1."""
    return _normalised(_conv(inputs, outputs, kernel, stride, padding))


def spectral_linear(inputs: int, outputs: int, bias: bool = True) -> nn.Module:
    """Make a linear map whose weight has spectral norm 1."""
    return _normalised(nn.Linear(inputs, outputs, bias))


class SpectralNorm(nn.Module):
    """W ↦ W / σ, with one power iteration per pass in training: u ← W v / ‖·‖, v ← Wᵀu / ‖·‖.

    The numbers are those of ``torch.nn.utils.parametrizations.spectral_norm``, from fewer
    operations: the matrix is laid out as a channels-last weight lies in memory, and the gradient
    (G − ⟨G, W/σ⟩ u vᵀ) / σ is computed at once. Register it as a parametrization of a weight.

    ``weight`` is the weight that it starts from.
    """

    _u: torch.Tensor
    _v: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        matrix = as_matrix(weight.detach())
        self.register_buffer("_u", F.normalize(torch.randn(matrix.shape[0]), dim=0))
        self.register_buffer("_v", F.normalize(torch.randn(matrix.shape[1]), dim=0))
        # Weights that are only measured, on the meta device, have no values to iterate on.
        for _ in range(0 if matrix.is_meta else FIRST_ITERATIONS):
            self._iterate(matrix)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """See the class."""
        matrix = as_matrix(weight.detach())
        if self.training:
            self._iterate(matrix)
        # Copies: a later pass moves the vectors before the gradient of this one is computed.
        return _Divide.apply(weight, self._u.clone(), self._v.clone())

    @torch.no_grad()
    def _iterate(self, matrix: torch.Tensor) -> None:
        torch.mv(matrix, self._v, out=self._u)
        self._u /= self._u.norm().clamp(min=1e-12)
        torch.mv(matrix.T, self._u, out=self._v)
        self._v /= self._v.norm().clamp(min=1e-12)


class _Divide(torch.autograd.Function):
    """W, u, v → W / σ with σ = uᵀWv."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        sigma = torch.dot(u, _product(as_matrix(weight), v))
        normed = weight / sigma
        ctx.save_for_backward(normed, u, v, sigma)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        normed, u, v, sigma = ctx.saved_tensors
        along = (gradient * normed).sum()
        outer = torch.outer(u * -along, v)
        outer = outer.view(len(u), *gradient.shape[2:], gradient.shape[1]).movedim(-1, 1)
        return (gradient + outer) / sigma, None, None


def _product(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Multiply; written into a given vector, the product is float32 in mixed precision, too."""
    return torch.mv(matrix, vector, out=vector.new_empty(len(matrix)))


def as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """Reshape a weight to ``[outputs, inputs·k²]``, the inputs innermost as in channels-last."""
    return weight.movedim(1, -1).reshape(len(weight), -1)


class FixedStartSpectralNorm(nn.Module):
    """W ↦ W / σ̂ with one power iteration that always starts from the same random vector ``u``.

    v = Wᵀu / ‖Wᵀu‖, σ̂ = ‖W v‖. As ``u`` is never updated, σ̂ stays a lower bound of the spectral
    norm, so the norm of the layer stays above 1. Register it as a parametrization of a weight.
    """

    u: torch.Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("u", F.normalize(torch.randn(outputs), dim=0))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """See the class."""
        with torch.no_grad():
            matrix = as_matrix(weight)
            v = F.normalize(_product(matrix.T, self.u), dim=0)
            u = F.normalize(_product(matrix, v), dim=0)
        return _Divide.apply(weight, u, v)


def fixed_start_spectral_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    """Make a convolution normalised by :class:`FixedStartSpectralNorm`."""
    conv = _conv(inputs, outputs, kernel, stride, padding)
    parametrize.register_parametrization(conv, "weight", FixedStartSpectralNorm(outputs))
    return conv


def _conv(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Conv2d:
    if inputs < LANES and stride == 2 and padding == (kernel - 1) // 2:
        return ImageConv2d(inputs, outputs, kernel)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding)


def _normalised(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))
    return layer
