"""Wan, Chuang, Lee: Towards Audio to Scene Image Synthesis using GAN (ICASSP 2019).

One generator of transposed convolutions and one projection discriminator with an auxiliary
classifier. ``wan2019`` is the method as the paper describes it; ``wan2019_code`` behaves like the
program that was released with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn.utils import parametrize

from a2ibench.config import option
from a2ibench.contracts.model import Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.image_conv import ImageConvTranspose2d
from a2ibench.nn.layers import doublings, frozen
from a2ibench.nn.losses import adversarial, auxiliary, hinge_false, hinge_true
from a2ibench.nn.projection import Projection
from a2ibench.nn.spectral import fixed_start_spectral_conv, spectral_conv
from a2ibench.types import Batch, Sampling, Spec


@dataclass(frozen=True)
class WanConfig:
    """The defaults are the paper's, for 64-pixel images."""

    channels: int = option(200, "c, the width of the largest feature maps of G and D", minimum=1)
    noise_dim: int = option(0, "length of z, concatenated with a; 0: no noise", minimum=0)
    ignore_noise: bool = option(False, "z is drawn and not used: one image per sound")
    mismatch: Literal["class", "clip", "none"] = option(
        "class", "mismatched sounds come from another class, from any other clip, or are not used"
    )
    power_iteration: Literal["running", "fixed_start"] = option(
        "running", "the vector of spectral norm is kept from step to step, or never updated"
    )
    phi_dim: int = option(128, "length of φ", minimum=1)
    lr: float = option(2e-4, "learning rate of G and D (Adam)", minimum=0)
    beta1: float = option(0.5, "β₁ of Adam", minimum=0, maximum=0.9999)
    beta2: float = option(0.999, "β₂ of Adam", minimum=0, maximum=0.9999)
    g_steps: int = option(5, "steps of G for each step of D", minimum=1)
    batch_size: int = option(32, "pairs per batch", minimum=2)
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    ema: float = option(0.0, "decay of the moving average of G's weights", minimum=0, maximum=1)


@dataclass(frozen=True)
class WanCodeConfig(WanConfig):
    """The options in which the released program differs from the paper."""

    noise_dim: int = option(100, "length of z, which is not used", minimum=0)
    ignore_noise: bool = option(True, "z is drawn and not used: one image per sound")
    mismatch: Literal["class", "clip", "none"] = option("none", "mismatched sounds are not used")
    power_iteration: Literal["running", "fixed_start"] = option(
        "fixed_start", "the vector of spectral norm is never updated"
    )


class Generator(nn.Module):
    """G(a, z) → Ĩ: linear to 4×4, then 5×5 transposed convolutions with stride 2.

    At 64 pixels the widths are 8c, 4c, 2c, c and 3; each ×2 in size adds one layer below.

    Shapes: ``[n, d]``, ``[n, noise_dim]`` → ``[n, 3, S, S]`` in [−1, 1].
    """

    def __init__(self, config: WanConfig, spec: Spec) -> None:
        super().__init__()
        self.ignore_noise = config.ignore_noise
        inputs = spec.acoustic_dim + (0 if config.ignore_noise else config.noise_dim)
        width = config.channels * 2 ** (doublings(spec.image_size) - 1)
        layers: list[nn.Module] = [
            nn.Linear(inputs, 16 * width),
            nn.Unflatten(1, (width, 4, 4)),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        while width > config.channels:
            layers += [
                nn.ConvTranspose2d(width, width // 2, 5, stride=2, padding=2, output_padding=1),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(inplace=True),
            ]
            width //= 2
        layers += [
            ImageConvTranspose2d(width, 3, 5),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)
        self.apply(_init)

    def forward(self, a: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.layers(a if self.ignore_noise else torch.cat([a, z], dim=1))


class Discriminator(nn.Module):
    """φ(I), the projection score K(φ, a) and the class logits P(φ).

    5×5 spectrally normalised convolutions with stride 2 (batch norm on all but the first), to 4×4;
    a 1×1 convolution; linear to φ. The 1×1 convolution and the linear layers are not normalised.
    """

    def __init__(self, config: WanConfig, spec: Spec) -> None:
        super().__init__()
        conv = spectral_conv if config.power_iteration == "running" else fixed_start_spectral_conv
        c = config.channels
        layers: list[nn.Module] = [conv(3, c, 5, 2, 2), nn.LeakyReLU(0.2, inplace=True)]
        for _ in range(doublings(spec.image_size) - 1):
            layers += [
                conv(c, 2 * c, 5, 2, 2),
                nn.BatchNorm2d(2 * c),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            c *= 2
        layers += [nn.Conv2d(c, c, 1), nn.Flatten(), nn.Linear(16 * c, config.phi_dim)]
        self.phi = nn.Sequential(*layers)
        self.K = Projection(config.phi_dim, spec.acoustic_dim, nn.Linear)
        self.P = nn.Linear(config.phi_dim, len(spec.classes))
        self.apply(_init)


def _init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02²); biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        # Assigning to a normalised weight would change a temporary: its original is what is stored.
        normalised = parametrize.is_parametrized(module, "weight")
        name = "parametrizations.weight.original" if normalised else "weight"
        nn.init.normal_(module.get_parameter(name), 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Wan2019(Model):
    """The method of Wan et al., as the paper describes it."""

    name = "wan2019"
    Config: ClassVar[type] = WanConfig
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {"mismatch": {"mismatch": "none"}}
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels: narrow, and many small batches at a higher rate.
        # With the paper's five steps of G for each of D, so few steps teach D next to nothing.
        "small": {"channels": 16, "batch_size": 16, "lr": 1e-3, "g_steps": 1}
    }

    config: WanConfig
    step: torch.Tensor

    def __init__(self, config: WanConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        self.G = Generator(config, spec)
        self.D = Discriminator(config, spec)
        betas = (config.beta1, config.beta2)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.lr, betas=betas),
        }
        self.sampling = Sampling(config.batch_size, True, config.flip, config.mismatch)
        self.noise_dim = config.noise_dim
        self.ema = config.ema
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @property
    def generator(self) -> nn.Module:
        """G."""
        return self.G

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step of G, after one of D on the same fakes each ``g_steps``-th time.

        The losses are the summands of both objectives; all weights are 1.
        """
        a = batch.acoustic
        fake = self.G(a, torch.randn(len(a), self.noise_dim, device=a.device))
        terms: dict[str, torch.Tensor] = {}

        if int(self.step) % self.config.g_steps == 0:
            # φ of the real images serves the true and the mismatched pair. Real and fake images
            # pass apart, since batch norm mixes what passes together.
            real_phi, fake_phi = self.D.phi(batch.image), self.D.phi(fake.detach())
            terms["D_true"] = hinge_true(self.D.K(real_phi, a))
            terms["D_fake"] = hinge_false(self.D.K(fake_phi, a))
            if self.config.mismatch != "none":
                terms["D_mismatched"] = hinge_false(self.D.K(real_phi, batch.mismatched))
            terms["D_class"] = auxiliary(self.D.P(real_phi), batch.label)
            descend(self.optimizers["D"], terms.values())

        with frozen(self.D):
            phi = self.D.phi(fake)
            g_terms = {
                "G_adversarial": adversarial(self.D.K(phi, a)),
                "G_class": auxiliary(self.D.P(phi), batch.label),
            }
            descend(self.optimizers["G"], g_terms.values())

        self.step += 1
        return terms | g_terms

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draw Ĩ."""
        return self.G(acoustic, noise)


class Wan2019Code(Wan2019):
    """The program released with the paper, including its slips.

    It takes noise and ignores it (one image per sound), sees no mismatched pairs, and starts the
    power iteration of spectral norm from the same vector at each step.
    """

    name = "wan2019_code"
    Config = WanCodeConfig
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
