"""Layers with spectral normalisation, of Lipschitz constant 1 (Miyato et al. 2018)."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize


def spectral_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    """Make a convolution whose weight, as ``[outputs, inputs·k²]``, has spectral norm 1."""
    return parametrizations.spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))


def spectral_linear(inputs: int, outputs: int, bias: bool = True) -> nn.Module:
    """Make a linear map whose weight has spectral norm 1."""
    return parametrizations.spectral_norm(nn.Linear(inputs, outputs, bias))


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
        matrix = weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(matrix.T @ self.u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
        return weight / (u @ matrix @ v)


def fixed_start_spectral_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    """Make a convolution normalised by :class:`FixedStartSpectralNorm`."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    parametrize.register_parametrization(conv, "weight", FixedStartSpectralNorm(outputs))
    return conv
