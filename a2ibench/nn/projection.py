"""The projection discriminator's score (Miyato & Koyama 2018)."""

from collections.abc import Callable

import torch
from torch import nn


class Projection(nn.Module):
    """K(φ, a) = ψ(φ) + ⟨V a, φ⟩.

    ``linear`` makes a layer of inputs, outputs and bias, as ``spectral_linear`` a normalised one.

    Shapes: φ ``[n, phi_dim]``, a ``[n, acoustic_dim]`` → ``[n]``.
    """

    def __init__(
        self, phi_dim: int, acoustic_dim: int, linear: Callable[[int, int, bool], nn.Module]
    ) -> None:
        super().__init__()
        self.psi = linear(phi_dim, 1, True)
        self.V = linear(acoustic_dim, phi_dim, False)

    def forward(self, phi: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.psi(phi).squeeze(1) + (self.V(a) * phi).sum(dim=1)
