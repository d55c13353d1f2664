"""Two variational autoencoders (Kingma & Welling 2014; Sohn et al. 2015) as baselines.

``vae`` encodes the sound alone; ``cvae`` encodes the image given the sound. Both maximise a lower
bound of log p(I | a) under a Gaussian of fixed variance around the decoded image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.layers import DownStack, UpStack, init_normal, to_image
from a2ibench.nn.losses import gaussian_kl
from a2ibench.types import Batch, Sampling, Spec

LOG_VARIANCE = 8.0
"""Bound of |log σ²|, against an overflow in the first steps."""


@dataclass(frozen=True)
class VAEConfig:
    """Neither paper says more than "VAE"; these are ordinary choices for 128-pixel images."""

    latent_dim: int = option(100, "length of z", minimum=1)
    channels: int = option(32, "channels of the decoder at full size", minimum=1)
    hidden_dim: int = option(512, "hidden units of the sound encoder", minimum=1)
    beta: float = option(1.0, "weight of the KL divergence (β-VAE)", minimum=0)
    pixel_sd: float = option(
        0.5, "σ of the Gaussian around the decoded pixel, which is in [−1, 1]", minimum=1e-3
    )
    lr: float = option(2e-4, "learning rate (Adam)", minimum=0)
    batch_size: int = option(32, "pairs per batch", minimum=2)
    balanced: bool = option(False, "draw the classes of a batch uniformly")
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    ema: float = option(0.0, "decay of the moving average of the weights", minimum=0, maximum=1)


@dataclass(frozen=True)
class ConditionalVAEConfig(VAEConfig):
    """Options of :class:`ConditionalVAE`."""

    prior: Literal["standard", "conditional"] = option(
        "standard", "the prior of z: N(0, I), or p(z | a), learned"
    )
    encoder_channels: int = option(
        32, "channels of the first convolution of the image encoder", minimum=1
    )


class Gaussian(nn.Module):
    """A vector → μ and log σ² of a diagonal Gaussian; one hidden layer.

    Shapes: ``[n, inputs]`` → two of ``[n, outputs]``, float32.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 2 * outputs)
        )

    def forward(self, vector: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        mean, raw = self.layers(vector).float().chunk(2, dim=1)
        return mean, LOG_VARIANCE * torch.tanh(raw / LOG_VARIANCE)


def reparametrise(
    mean: torch.Tensor, log_variance: torch.Tensor, noise: torch.Tensor
) -> torch.Tensor:
    """Compute z = μ + σ ε."""
    return mean + (0.5 * log_variance).exp() * noise


class _VAE(Model):
    """The common part: the likelihood, one optimiser, one update per step."""

    config: VAEConfig

    def _optimise(self) -> None:
        config = self.config
        self.optimizers = {"all": Adam(self.parameters(), lr=config.lr)}
        self.sampling = Sampling(config.batch_size, config.balanced, config.flip)
        self.noise_dim = config.latent_dim
        self.ema = config.ema

    def _descend(
        self, image: torch.Tensor, decoded: torch.Tensor, kl: torch.Tensor
    ) -> Mapping[str, torch.Tensor]:
        """Take one step on ‖I − Ĩ‖² / 2σ² + β KL, the negative lower bound; a mean over images."""
        error = (decoded.float() - image).square().flatten(1).sum(dim=1).mean()
        reconstruction = error / (2.0 * self.config.pixel_sd**2)
        descend(self.optimizers["all"], [reconstruction, self.config.beta * kl])
        return {"reconstruction": reconstruction, "kl": kl}


class _SoundToImage(nn.Module):
    """q(z | a) and the decoder p(I | z)."""

    def __init__(self, config: VAEConfig, spec: Spec) -> None:
        super().__init__()
        self.q = Gaussian(spec.acoustic_dim, config.hidden_dim, config.latent_dim)
        self.decode = nn.Sequential(
            UpStack(config.latent_dim, config.channels, spec.image_size), to_image(config.channels)
        )
        self.decode.apply(init_normal)


class VAE(_VAE):
    """Sound → μ(a), σ(a) → z → Ĩ: the likely baseline of Yang et al.

    −log p(I | a) ≤ E_{z ~ q(z | a)} ‖I − Ĩ(z)‖² / 2σ² + β KL(q(z | a) ‖ N(0, I)) + constant.
    """

    name = "vae"
    Config: ClassVar[type] = VAEConfig
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels.
        "small": {"channels": 8, "hidden_dim": 256, "batch_size": 16, "lr": 1e-3},
    }

    def __init__(self, config: VAEConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        self.net = _SoundToImage(config, spec)
        self._optimise()

    @property
    def generator(self) -> nn.Module:
        """Encoder and decoder: both draw."""
        return self.net

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step on one sample of z per image."""
        mean, log_variance = self.net.q(batch.acoustic)
        z = reparametrise(mean, log_variance, torch.randn_like(mean))
        standard = torch.zeros_like(mean)
        kl = gaussian_kl(mean, log_variance, standard, standard)
        return self._descend(batch.image, self.net.decode(z), kl)

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draw Ĩ(μ(a) + σ(a) · noise)."""
        mean, log_variance = self.net.q(acoustic)
        z = reparametrise(mean, log_variance, noise)
        return self.net.decode(z)


class _Decoder(nn.Module):
    """The decoder p(I | z, a) and the prior of z."""

    def __init__(self, config: ConditionalVAEConfig, spec: Spec) -> None:
        super().__init__()
        d, k = spec.acoustic_dim, config.latent_dim
        self.p = Gaussian(d, config.hidden_dim, k) if config.prior == "conditional" else None
        self.decode = nn.Sequential(
            UpStack(d + k, config.channels, spec.image_size), to_image(config.channels)
        )
        self.decode.apply(init_normal)
        self.latent_dim = k

    def prior(self, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute μₚ and log σₚ², ``[n, latent_dim]``."""
        if self.p is not None:
            return self.p(a)
        standard = torch.zeros(len(a), self.latent_dim, device=a.device)
        return standard, standard

    def forward(self, a: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Decode Ĩ in [−1, 1]: ``[n, 3, S, S]``."""
        return self.decode(torch.cat([a, z], dim=1))


class ConditionalVAE(_VAE):
    """q(z | I, a) while training; z from the prior to draw.

    −log p(I | a) ≤ E_{z ~ q(z | I, a)} ‖I − Ĩ(z, a)‖² / 2σ² + β KL(q(z | I, a) ‖ p) + constant,
    with p = N(0, I) or p(z | a).
    """

    name = "cvae"
    Config: ClassVar[type] = ConditionalVAEConfig
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels.
        "small": {
            "channels": 8,
            "encoder_channels": 8,
            "hidden_dim": 256,
            "batch_size": 16,
            "lr": 1e-3,
        },
    }

    config: ConditionalVAEConfig

    def __init__(self, config: ConditionalVAEConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        self.look = DownStack(config.encoder_channels, spec.image_size, nn.Conv2d)
        inputs = self.look.outputs + spec.acoustic_dim
        self.q = Gaussian(inputs, config.hidden_dim, config.latent_dim)
        self.decoder = _Decoder(config, spec)
        self._optimise()

    @property
    def generator(self) -> nn.Module:
        """The decoder and the prior."""
        return self.decoder

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step on one sample of z per image."""
        a = batch.acoustic
        mean, log_variance = self.q(torch.cat([self.look(batch.image), a], dim=1))
        z = reparametrise(mean, log_variance, torch.randn_like(mean))
        kl = gaussian_kl(mean, log_variance, *self.decoder.prior(a))
        return self._descend(batch.image, self.decoder(a, z), kl)

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draw Ĩ(z, a) with z = μₚ + σₚ · noise."""
        z = reparametrise(*self.decoder.prior(acoustic), noise)
        return self.decoder(acoustic, z)
