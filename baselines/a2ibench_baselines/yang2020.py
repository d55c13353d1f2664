"""Yang, Su, Wang: Diverse Audio-to-Image Generation via Semantics and Feature Consistency (2020).

Two generators are stacked: G_low draws an image of half the size, G_high the image. Each size has a
discriminator with two heads: K, whether it is a true image *of this sound* (authenticity), and P,
its class. I2A, pretrained on real pairs and frozen, predicts the acoustic feature from the drawn
image: it should be the one that the image was drawn for (consistency).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import Model
from a2ibench.nn.descent import Adam, descend
from a2ibench.nn.diffaugment import Policy, diffaugment
from a2ibench.nn.folding import Folded
from a2ibench.nn.layers import (
    DownStack,
    ResidualBlock,
    UpStack,
    frozen,
    init_normal,
    leaky_relu,
    to_image,
    up_block,
)
from a2ibench.nn.losses import adversarial, auxiliary, consistency, hinge_false, hinge_true
from a2ibench.nn.projection import Projection
from a2ibench.nn.resnet import ResNet18
from a2ibench.nn.spectral import spectral_conv, spectral_linear
from a2ibench.nn.supervised import fit_steps, to_unit_range
from a2ibench.nn.tiled import TiledConv2d
from a2ibench.types import Batch, FloatArray, ImageArray, Pairs, Sampling, Spec


@dataclass(frozen=True)
class YangConfig:
    """Every choice that the paper leaves open is a field; the defaults are for 128-pixel images."""

    noise_dim: int = option(100, "length of z ~ N(0, I); 0: no noise", minimum=0)
    hidden: Literal["map", "vector"] = option(
        "map", "h: the last feature map of G_low, or a vector made from it"
    )
    hidden_dim: int = option(256, "e, the length of h where it is a vector", minimum=1)
    sees_low: bool = option(False, "G_high also sees the encoded image of G_low")
    stacked: bool = option(True, "G_low and G_high; off: one generator draws the full size")
    training: Literal["joint", "staged"] = option(
        "joint", "both stages at once, or G_low first and then G_high on a fixed G_low"
    )
    stage_steps: int = option(10_000, "steps of the first stage of staged training", minimum=1)
    authenticity: Literal["projection", "contrast"] = option(
        "projection",
        "K: a projection score of (I, a), or the contrast of a matched with a mismatched a",
    )
    mismatch: Literal["class", "clip", "none"] = option(
        "class", "mismatched sounds come from another class, from any other clip, or are not used"
    )
    lambda_aux: float = option(1.0, "weight of the classifier terms; 0: no P", minimum=0)
    aux_on_fakes: bool = option(False, "D learns P on generated images too (AC-GAN)")
    lambda_con: float = option(1.0, "weight of L_con; 0: no I2A", minimum=0)
    consistency: Literal["mse", "norm", "cosine"] = option(
        "mse", "the distance L2 of L_con: mean square, Euclidean norm, 1 − cosine"
    )
    i2a_width: int = option(64, "channels of the first stage of I2A, a ResNet-18", minimum=1)
    i2a_steps: int = option(5_000, "pretraining steps of I2A", minimum=1)
    i2a_lr: float = option(1e-3, "learning rate of that pretraining", minimum=0)
    g_channels: int = option(64, "channels of h as a map; even", minimum=2)
    g_residual: int = option(2, "residual blocks of G_high on a map", minimum=0)
    d_channels: int = option(64, "channels of the first convolution of each D", minimum=1)
    phi_dim: int = option(128, "length of φ, the input of K and P", minimum=1)
    g_lr: float = option(2e-4, "learning rate of G (Adam)", minimum=0)
    d_lr: float = option(2e-4, "learning rate of D (Adam)", minimum=0)
    beta1: float = option(0.5, "β₁ of Adam", minimum=0, maximum=0.9999)
    beta2: float = option(0.999, "β₂ of Adam", minimum=0, maximum=0.9999)
    d_steps: int = option(1, "steps of D for each step of G", minimum=1)
    batch_size: int = option(32, "pairs per batch", minimum=2)
    balanced: bool = option(False, "draw the classes of a batch uniformly")
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    diffaugment: tuple[Policy, ...] = option(
        (), "random changes of the images that D sees: color, translation, cutout"
    )
    ema: float = option(0.999, "decay of the moving average of G's weights", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        if self.authenticity == "contrast" and self.mismatch == "none":
            raise ValueError("authenticity=contrast needs mismatched sounds: set mismatch")
        if self.training == "staged" and not self.stacked:
            raise ValueError("training=staged needs two stages: set stacked")
        if self.g_channels % 2:
            raise ValueError(f"g_channels={self.g_channels}: expected an even number")


class GLow(nn.Module):
    """Equation 1: G_low(a, z) → Ĩ_low and the visual feature h, the last feature map.

    Shapes: ``[n, d]``, ``[n, noise_dim]`` → ``[n, 3, size, size]`` in [−1, 1] and
    ``[n, channels, size, size]``.
    """

    def __init__(self, config: YangConfig, acoustic_dim: int, channels: int, size: int) -> None:
        super().__init__()
        self.body = UpStack(acoustic_dim + config.noise_dim, channels, size)
        self.image = to_image(channels)

    def forward(self, a: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        h = self.body(torch.cat([a, z], dim=1))
        return self.image(h), h


class GHighOnMap(nn.Module):
    """Equation 2, h a feature map: G_high(a, h) → Ĩ.

    The sound, embedded, is tiled over the map; convolution, residual blocks, up block.

    Shapes: ``[n, d]``, h ``[n, c, size/2, size/2]``, Ĩ_low ``[n, 3, size/2, size/2]`` →
    ``[n, 3, size, size]``.
    """

    def __init__(self, config: YangConfig, acoustic_dim: int) -> None:
        super().__init__()
        c = config.g_channels
        self.embed = nn.Sequential(nn.Linear(acoustic_dim, c), leaky_relu())
        self.look = None
        if config.sees_low:
            self.look = nn.Sequential(
                nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), leaky_relu()
            )
        self.body = nn.Sequential(
            TiledConv2d(c, c, c if config.sees_low else 0, c),
            nn.BatchNorm2d(c),
            leaky_relu(),
            *(ResidualBlock(c) for _ in range(config.g_residual)),
            up_block(c, c // 2),
            to_image(c // 2),
        )

    def forward(self, a: torch.Tensor, h: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """See the class."""
        seen = None if self.look is None else self.look(low)
        return self.body[1:](self.body[0](h, self.embed(a), seen))


class GHighOnVector(nn.Module):
    """Equation 2, h a vector: G_high(a, h) → Ĩ, from 4×4 on.

    The layer that makes the map of G_low a vector is here, so that staged training, which keeps
    G_low fixed, fits it too.

    Shapes: ``[n, d]``, the map ``[n, c, size/2, size/2]``, Ĩ_low ``[n, 3, size/2, size/2]`` →
    ``[n, 3, size, size]``.
    """

    def __init__(self, config: YangConfig, acoustic_dim: int, size: int) -> None:
        super().__init__()
        c, e = config.g_channels, config.hidden_dim
        self.to_vector = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * c, e), leaky_relu()
        )
        inputs = acoustic_dim + e
        self.look = None
        if config.sees_low:
            down = DownStack(c, size // 2, nn.Conv2d)
            self.look = nn.Sequential(down, nn.Linear(down.outputs, e))
            inputs += e
        self.body = nn.Sequential(UpStack(inputs, c // 2, size), to_image(c // 2))

    def forward(self, a: torch.Tensor, h: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """See the class."""
        seen = [] if self.look is None else [self.look(low)]
        return self.body(torch.cat([a, self.to_vector(h), *seen], dim=1))


class Generator(nn.Module):
    """Both stages: (a, z) → (Ĩ_low, Ĩ), or (Ĩ,) where the model is not stacked."""

    def __init__(self, config: YangConfig, spec: Spec) -> None:
        super().__init__()
        c, d, size = config.g_channels, spec.acoustic_dim, spec.image_size
        self.high: GHighOnMap | GHighOnVector | None = None
        if not config.stacked:
            self.low = GLow(config, d, c // 2, size)
        else:
            self.low = GLow(config, d, c, size // 2)
            self.high = (
                GHighOnMap(config, d) if config.hidden == "map" else GHighOnVector(config, d, size)
            )
        self.apply(init_normal)

    def forward(self, a: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """See the class."""
        low, h = self.low(a, z)
        return (low,) if self.high is None else (low, self.high(a, h, low))


class Discriminator(nn.Module):
    """The discriminator of one size: φ(I), with the heads K and P. Spectral norm everywhere."""

    def __init__(self, config: YangConfig, spec: Spec, size: int) -> None:
        super().__init__()
        self.down = DownStack(config.d_channels, size, spectral_conv)
        self.phi = nn.Sequential(spectral_linear(self.down.outputs, config.phi_dim), leaky_relu())
        self.K = Projection(config.phi_dim, spec.acoustic_dim, spectral_linear)
        self.P = (
            spectral_linear(config.phi_dim, len(spec.classes)) if config.lambda_aux > 0 else None
        )

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Compute φ: ``[n, 3, size, size]`` → ``[n, phi_dim]``."""
        return self.phi(self.down(image))


class Yang2020(Model):
    """The method of Yang et al. (``ours``)."""

    name = "ours"
    Config = YangConfig
    # Without mismatched pairs the fakes alone weigh 1 in D, as in a projection GAN, instead of ½.
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "consistency": {"lambda_con": 0.0},
        "auxiliary": {"lambda_aux": 0.0, "aux_on_fakes": False},
        "mismatch": {"mismatch": "none", "authenticity": "projection"},
        "stack": {"stacked": False, "training": "joint"},
        "noise": {"noise_dim": 0},
        "ema": {"ema": 0.0},
    }
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # For minutes on one CPU core at 64 pixels: narrow, and many small batches at higher rates.
        "small": {
            "batch_size": 16,
            "g_channels": 16,
            "g_residual": 1,
            "d_channels": 16,
            "i2a_width": 8,
            "i2a_steps": 300,
            "stage_steps": 500,
            "g_lr": 4e-4,
            "d_lr": 4e-4,
            "balanced": True,
        }
    }

    config: YangConfig
    step: torch.Tensor

    def __init__(self, config: YangConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        if spec.image_size < 32:
            raise ValueError(f"image size {spec.image_size}: ours needs at least 32 pixels")
        size = spec.image_size
        self.sizes = (size // 2, size) if config.stacked else (size,)
        self.G = Generator(config, spec)
        self.D = nn.ModuleList(Discriminator(config, spec, size) for size in self.sizes)
        self.I2A = None
        if config.lambda_con > 0:
            self.I2A = ResNet18(spec.acoustic_dim, config.i2a_width).requires_grad_(False)
            self._frozen_I2A = Folded(self.I2A)
        betas = (config.beta1, config.beta2)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.g_lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.d_lr, betas=betas),
        }
        self.sampling = Sampling(config.batch_size, config.balanced, config.flip, config.mismatch)
        self.noise_dim = config.noise_dim
        self.ema = config.ema
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @property
    def generator(self) -> nn.Module:
        """Both stages."""
        return self.G

    def train(self, mode: bool = True) -> "Yang2020":
        """Set the mode of all but I2A, which stays in evaluation mode."""
        super().train(mode)
        if self.I2A is not None:
            self.I2A.eval()
        return self

    def prepare(self, train: Pairs) -> None:
        """Pretrain I2A on the real pairs, by mean squared error, and freeze it."""
        if self.I2A is None:
            return
        self.I2A.requires_grad_(True)
        losses = fit_steps(
            self.I2A,
            train.images,
            torch.from_numpy(train.acoustic),
            F.mse_loss,
            seed=int(torch.randint(2**31, ())),
            learning_rate=self.config.i2a_lr,
            flip=self.config.flip > 0,
        )
        for _ in zip(range(self.config.i2a_steps), losses, strict=False):
            pass
        self.I2A.requires_grad_(False)
        self.I2A.zero_grad(set_to_none=True)
        self.I2A.eval()

    def image_to_audio(self, images: ImageArray) -> FloatArray | None:
        """Apply I2A, the network of L_con."""
        if self.I2A is None:
            return None
        with torch.inference_mode():
            device = next(self.I2A.parameters()).device
            return self.I2A.eval()(to_unit_range(images, device)).float().cpu().numpy()

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take a step of the discriminators, each ``d_steps``-th time also one of G on its fakes.

        The losses are the weighted summands of both objectives.
        """
        steps = self.config.d_steps
        stages = self._stages_in_training()
        updates_g = steps == 1 or int(self.step) % steps == steps - 1
        with torch.set_grad_enabled(updates_g):
            fakes = self._draw(batch.acoustic, stages)

        full = self.spec.image_size
        reals = [
            batch.image if size == full else F.avg_pool2d(batch.image, full // size)
            for size in self.sizes
        ]
        terms: dict[str, torch.Tensor] = {}
        for i in stages:
            terms |= self._discriminator_terms(i, reals[i], fakes[i].detach(), batch)
        descend(self.optimizers["D"], terms.values())

        if updates_g:
            g_terms: dict[str, torch.Tensor] = {}
            with frozen(self.D):
                for i in stages:
                    g_terms |= self._generator_terms(i, fakes[i], batch)
                # Equation 6: L_con = L2(a, I2A(Ĩ)), on the last stage only.
                if self.I2A is not None and len(fakes) == len(self.sizes):
                    L_con = consistency(
                        batch.acoustic, self._frozen_I2A(fakes[-1]), self.config.consistency
                    )
                    g_terms["L_con"] = self.config.lambda_con * L_con
                descend(self.optimizers["G"], g_terms.values())
            terms |= g_terms

        self.step += 1
        return terms

    def _stages_in_training(self) -> tuple[int, ...]:
        if self.config.training == "joint":
            return tuple(range(len(self.sizes)))
        return (0,) if int(self.step) < self.config.stage_steps else (1,)

    def _draw(self, a: torch.Tensor, stages: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
        """Draw (Ĩ_low, Ĩ) by equations 1 and 2, as far as the stages in training need them."""
        z = torch.randn(len(a), self.noise_dim, device=a.device)
        if stages == (0,):
            return (self.G.low(a, z)[0],)
        if 0 in stages:
            return self.G(a, z)
        assert self.G.high is not None
        self.G.low.eval()  # the second stage of staged training: G_low is fixed
        with torch.no_grad():
            low, h = self.G.low(a, z)
        return low, self.G.high(a, h, low)

    def _discriminator_terms(
        self, i: int, image: torch.Tensor, fake: torch.Tensor, batch: Batch
    ) -> dict[str, torch.Tensor]:
        """Compute equations 4 and 5: the hinge terms of K, and −λ_aux E[log P] on real images.

        True pair; then (fake, its sound) and (real image, mismatched sound), which share the
        weight 1. φ of a real image serves its true and its mismatched pair, and no layer of D mixes
        images, so real and fake ones go through it in one pass.
        """
        D, name = cast(Discriminator, self.D[i]), f"D{self.sizes[i]}"
        sound = self._sound_of_K(batch)
        real_phi, fake_phi = D.features(self._augment(torch.cat([image, fake]))).chunk(2)
        phis, sounds, false = [real_phi, fake_phi], [sound, sound], ["fake"]
        if self.config.authenticity == "projection" and self.config.mismatch != "none":
            phis, sounds, false = (
                [*phis, real_phi],
                [*sounds, batch.mismatched],
                [*false, "mismatched"],
            )
        true_score, *false_scores = D.K(torch.cat(phis), torch.cat(sounds)).chunk(len(phis))

        terms = {f"{name}_true": hinge_true(true_score)}
        for kind, score in zip(false, false_scores, strict=True):
            terms[f"{name}_{kind}"] = hinge_false(score) / len(false)
        if D.P is not None:
            terms[f"{name}_class"] = self.config.lambda_aux * auxiliary(D.P(real_phi), batch.label)
            if self.config.aux_on_fakes:
                terms[f"{name}_class_fake"] = self.config.lambda_aux * auxiliary(
                    D.P(fake_phi), batch.label
                )
        return terms

    def _generator_terms(self, i: int, fake: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Compute equation 3, −E[K] − λ_aux E[log P]; the printed sign would push log P down."""
        D, name = cast(Discriminator, self.D[i]), f"G{self.sizes[i]}"
        phi = D.features(self._augment(fake))
        terms = {f"{name}_adversarial": adversarial(D.K(phi, self._sound_of_K(batch)))}
        if D.P is not None:
            terms[f"{name}_class"] = self.config.lambda_aux * auxiliary(D.P(phi), batch.label)
        return terms

    def _sound_of_K(self, batch: Batch) -> torch.Tensor:  # noqa: N802 - K is the paper's name
        """Return a^m, or a^m − a^n in the contrast form: ψ(φ) + ⟨V a^m, φ⟩ − ⟨V a^n, φ⟩."""
        if self.config.authenticity == "contrast":
            return batch.acoustic - batch.mismatched
        return batch.acoustic

    def _augment(self, image: torch.Tensor) -> torch.Tensor:
        return diffaugment(image, self.config.diffaugment)

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Draw Ĩ; in staged training, before a step of G_high, Ĩ_low at full size."""
        drawn = self.G(acoustic, noise)
        if self.config.training == "joint":
            return drawn[-1]
        low = F.interpolate(drawn[0], scale_factor=2.0)
        return torch.where(self.step > self.config.stage_steps, drawn[-1], low)
