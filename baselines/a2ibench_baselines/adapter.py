"""A frozen latent diffusion pipeline, and a trained mapping from the sound to its condition.

The way of AudioToken (Yariv et al. 2023) and its successors: a text-to-image network draws as it
always did, but in the place of the text stand a few vectors that a small network makes of the
sound. The pipeline is a folder of the user's, as ``diffusers`` saves it, with ``unet``, ``vae`` and
``scheduler``; its text encoder is not used. Nothing in it is executed and nothing is downloaded:
networks of two known classes are built from plain settings, and filled from safetensors files.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.config import option
from a2ibench.contracts.model import FrozenPart, Model
from a2ibench.errors import UserError, told
from a2ibench.extras import require
from a2ibench.nn.descent import Adam, descend
from a2ibench.pretrained.tensors import fill, read_tensors
from a2ibench.pretrained.transformers_folder import read_settings
from a2ibench.storage import content_key, expanded, file_sha256
from a2ibench.types import Batch, Sampling, Spec

WEIGHTS = "diffusion_pytorch_model.safetensors"
FILES = (
    "scheduler/scheduler_config.json",
    *(f"{part}/{file}" for part in ("unet", "vae") for file in ("config.json", WEIGHTS)),
)
"""The files of the folder that are read."""


@dataclass(frozen=True)
class AdapterConfig:
    """Ordinary choices for a Stable Diffusion."""

    pipeline: str = option("", "folder of a latent diffusion pipeline, as diffusers saves it")
    fingerprint: str = option(
        "", "hash that the pipeline's files must have; empty: the one that they have"
    )
    pipeline_images: float = option(
        0.0, "images that the pipeline was trained on, as its makers say; 0: not known", minimum=0
    )
    side: int = option(
        0, "side in pixels at which the pipeline draws; 0: that of the pairs' images", minimum=0
    )
    tokens: int = option(8, "number of vectors that stand for the text", minimum=1)
    hidden: int = option(1024, "width of the mapping's hidden layer", minimum=1)
    drop: float = option(
        0.1, "share of a batch that is trained without sound", minimum=0, maximum=1
    )
    guidance: float = option(3.0, "weight of classifier-free guidance; 1: none", minimum=0)
    steps: int = option(25, "number of DDIM steps to draw", minimum=1)
    lr: float = option(1e-4, "learning rate (Adam)", minimum=0)
    clip: float = option(1.0, "largest norm of the gradient; 0: any", minimum=0)
    batch_size: int = option(32, "pairs per batch", minimum=1)
    balanced: bool = option(False, "draw the classes of a batch uniformly")
    flip: float = option(0.5, "probability of a horizontal flip", minimum=0, maximum=1)
    ema: float = option(0.999, "decay of the moving average of the weights", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        """Make the content of the folder a part of the configuration, and so of a job."""
        if self.pipeline:
            folder = expanded(self.pipeline).resolve()
            object.__setattr__(self, "pipeline", str(folder))
            if not self.fingerprint:
                object.__setattr__(self, "fingerprint", content_key(hashes(folder)))


class Pipeline(nn.Module):
    """The networks of a pipeline's folder, frozen, in float32, and its schedule of noise.

    Raises:
        UserError: a file is missing or damaged, or is that of another kind of pipeline.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

        find(folder)
        self.unet: Any = load(UNet2DConditionModel, folder / "unet")
        self.vae: Any = load(AutoencoderKL, folder / "vae")
        self.scheduler = load_scheduler(DDIMScheduler, folder / FILES[0])
        self.requires_grad_(False)
        self.eval()
        self.width = self.unet.config.cross_attention_dim
        self.channels = self.unet.config.in_channels
        self.shrinks = 2 ** (len(self.vae.config.block_out_channels) - 1)
        """Pixels per latent, along a side."""
        self.multiple = self.shrinks * 2 ** (len(self.unet.config.block_out_channels) - 1)
        """Sides in pixels are multiples of it."""
        try:
            z = self.encode(torch.zeros(1, 3, self.multiple, self.multiple, device="cpu"))
            t = torch.zeros(1, dtype=torch.int64, device="cpu")
            self.decode(self(z, t, torch.zeros(1, 1, self.width, device="cpu")))
        except Exception as error:
            raise UserError(
                f"{folder}: its networks do not work together, or need more than the vectors of a"
                f" text ({told(error)}); expected a pipeline like Stable Diffusion 1 or 2"
            ) from error

    def train(self, mode: bool = True) -> "Pipeline":
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, z: torch.Tensor, t: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Predict what the scheduler's ``prediction_type`` says."""
        return self.unet(z, t, encoder_hidden_states=tokens).sample.float()

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Images in [−1, 1] → latents with a variance of about 1."""
        latent = self.vae.encode(image).latent_dist.mean.float()
        return (latent - (self.vae.config.shift_factor or 0)) * self.vae.config.scaling_factor

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latents → images, about in [−1, 1]."""
        latent = z / self.vae.config.scaling_factor + (self.vae.config.shift_factor or 0)
        return self.vae.decode(latent).sample.float()


class SoundTokens(nn.Module):
    """A sound, or none → tokens. Shapes: a ``[n, d]``, heard bool ``[n]`` → ``[n, k, width]``."""

    def __init__(self, config: AdapterConfig, acoustic_dim: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(acoustic_dim, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.tokens * width),
            nn.Unflatten(1, (config.tokens, width)),
            nn.LayerNorm(width),  # the last layer of a text encoder, too
        )
        self.no_sound = nn.Parameter(torch.zeros(config.tokens, width))

    def forward(self, a: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.where(heard[:, None, None], self.layers(a), self.no_sound)


class Adapter(Model):
    """Only the mapping is trained, by the pipeline's own loss, E ‖ε_θ(z_t, t, tokens(a)) − ε‖².

    z_t is the latent of the image in noise ε, as far as the pipeline's schedule has it at t; where
    the pipeline predicts something else than ε, the loss is that of its prediction. Drawn by DDIM
    (Song et al. 2021) without further noise, guided as in Ho and Salimans (2022).

    The pipeline has seen far more pictures than the budget: ``pipeline_images`` says how many. Its
    weights are no part of a checkpoint, which holds their hash instead: drawing needs the folder.
    """

    name = "adapter"
    Config: ClassVar[type] = AdapterConfig
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "guidance": {"guidance": 1.0, "drop": 0.0},
    }
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "small": {"hidden": 256, "batch_size": 16, "lr": 1e-3, "steps": 12, "ema": 0.99},
    }

    config: AdapterConfig
    pipeline_hash: torch.Tensor

    def __init__(self, config: AdapterConfig, spec: Spec) -> None:
        super().__init__(config, spec)
        require("diffusion", f"model {self.name}")
        if not config.pipeline:
            raise UserError(
                f"model {self.name}: --set {self.name}.pipeline=FOLDER names the pipeline that is"
                f" adapted, with {', '.join(FILES)}; `hf download` gets one"
            )
        folder = Path(config.pipeline)
        files = hashes(folder)
        if (found := content_key(files)) != config.fingerprint:
            raise UserError(
                f"{folder}: its files have the hash {found}, expected {config.fingerprint}"
            )
        with torch.device("cpu"):  # real weights, even where only sizes are asked
            self.pipeline = Pipeline(folder)
        most = int(self.pipeline.scheduler.config.num_train_timesteps)
        if config.steps > most:
            raise UserError(
                f"{self.name}.steps={config.steps}: the pipeline was trained on {most} levels of"
                f" noise, so that it draws in {most} steps at most"
            )
        self.size = config.side or spec.image_size
        if self.size % self.pipeline.multiple:
            raise ValueError(
                f"the pipeline draws multiples of {self.pipeline.multiple} pixels, not"
                f" {self.size}: set {self.name}.side"
            )
        self.mapping = SoundTokens(config, spec.acoustic_dim, self.pipeline.width)
        self.optimizers = {"mapping": Adam(self.mapping.parameters(), lr=config.lr)}
        self.sampling = Sampling(config.batch_size, config.balanced, config.flip)
        self._latent = (self.pipeline.channels, *[self.size // self.pipeline.shrinks] * 2)
        self.noise_dim = self._latent[0] * self._latent[1] ** 2
        self.ema = config.ema
        digest = torch.tensor(list(bytes.fromhex(config.fingerprint)), dtype=torch.uint8)
        self.register_buffer("pipeline_hash", digest)
        seen = round(config.pipeline_images) or None
        self.frozen_parts = (FrozenPart("pipeline", seen, of_budget=False, files=files),)

    @property
    def generator(self) -> nn.Module:
        """The mapping: the rest never changes."""
        return self.mapping

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the state without the pipeline, which is kept once, in its own folder."""
        state = super().state_dict(*args, **kwargs)
        return {name: v for name, v in state.items() if not name.startswith("pipeline.")}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a state that was trained with this pipeline."""
        before = state_dict.get("pipeline_hash")
        if before is not None and not torch.equal(before.cpu(), self.pipeline_hash.cpu()):
            raise RuntimeError("it was trained with another pipeline")
        own = {f"pipeline.{name}": v for name, v in self.pipeline.state_dict().items()}
        return super().load_state_dict({**own, **state_dict}, strict, assign)

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Take one step on one time and one noise per image."""
        n, device = len(batch.image), batch.image.device
        scheduler = self.pipeline.scheduler
        with torch.no_grad():
            z = self.pipeline.encode(resize(batch.image, self.size))
        noise = torch.randn_like(z)
        t = torch.randint(scheduler.config.num_train_timesteps, (n,), device=device)
        heard = torch.rand(n, device=device) >= self.config.drop
        noisy = scheduler.add_noise(z, noise, t)
        given = self.pipeline(noisy, t, self.mapping(batch.acoustic, heard))
        kind = scheduler.config.prediction_type
        if kind == "v_prediction":
            target = scheduler.get_velocity(z, noise, t)
        else:
            target = noise if kind == "epsilon" else z
        loss = F.mse_loss(given, target)
        descend(self.optimizers["mapping"], [loss], self.config.clip)
        return {"denoising": loss}

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Take away the noise step by step, then decode."""
        scheduler, weight = self.pipeline.scheduler, self.config.guidance
        scheduler.set_timesteps(self.config.steps)
        heard = torch.ones(len(acoustic), dtype=torch.bool, device=acoustic.device)
        with_sound, without = self.mapping(acoustic, heard), self.mapping(acoustic, ~heard)
        z = noise.reshape(-1, *self._latent)
        for t in scheduler.timesteps.tolist():
            at = torch.full((len(z),), t, device=z.device)
            given = self.pipeline(z, at, with_sound)
            if weight != 1:
                prior = self.pipeline(z, at, without)
                given = prior + weight * (given - prior)
            z = scheduler.step(given, t, z).prev_sample
        return resize(self.pipeline.decode(z), self.spec.image_size).clamp(-1, 1)


def find(folder: Path) -> None:
    """Refuse a folder without the files that are read."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected {', '.join(FILES)} in it")
    if absent := [name for name in FILES if not (folder / name).is_file()]:
        raise UserError(
            f"{folder}: no {', no '.join(absent)} in it; expected a latent diffusion pipeline as"
            " diffusers saves it, its weights as safetensors in one file per network"
        )


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file that is read, by its name in the folder."""
    find(folder)
    stats = {name: (folder / name).stat() for name in FILES}
    return {
        name: _sha256(folder / name, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()
    }


@cache
def _sha256(path: Path, *changed: int) -> str:
    del changed  # part of the key
    return file_sha256(path)


def load(kind: Any, folder: Path) -> Any:
    """Return a network of a class of ``diffusers`` with the weights of a folder.

    It is told the settings that its constructor knows; a folder can name no class of its own.
    """
    path = folder / WEIGHTS
    settings = read_settings(folder / "config.json")
    if (named := settings.get("_class_name")) != kind.__name__:
        raise UserError(f"{folder / 'config.json'}: expected a {kind.__name__}, got {named!r}")
    state = read_tensors(path)
    try:
        with torch.device("meta"):
            network = kind(**_known(kind, settings))
    except Exception as error:
        raise UserError(
            f"{folder / 'config.json'}: no {kind.__name__} can be made of it ({told(error)})"
        ) from error
    described, held = (sum(v.numel() for v in s.values()) for s in (network.state_dict(), state))
    if described > held:
        raise UserError(f"{path}: holds {held:,} numbers; config.json describes {described:,}")
    network = network.to_empty(device="cpu")
    fill(network, state, path, f"the {kind.__name__} that config.json describes")
    return network


def load_scheduler(kind: Any, path: Path) -> Any:
    """Return the schedule of noise of a pipeline, to be drawn from by DDIM."""
    settings = read_settings(path)
    if "num_train_timesteps" not in settings or "beta_schedule" not in settings:
        raise UserError(f"{path}: expected a diffusion with a beta_schedule, as DDPM and DDIM have")
    try:
        # Latents have no bounds to be clipped to.
        known = {**_known(kind, settings), "clip_sample": False, "thresholding": False}
        return kind(**known)
    except Exception as error:
        raise UserError(f"{path}: no {kind.__name__} can be made of it ({told(error)})") from error


def _known(kind: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if k in inspect.signature(kind.__init__).parameters}


def resize(image: torch.Tensor, size: int) -> torch.Tensor:
    """Resize ``[n, 3, S, S]`` bilinearly, with a wide enough filter where it shrinks."""
    if image.shape[-1] == size:
        return image
    return F.interpolate(image, (size, size), mode="bilinear", antialias=image.shape[-1] > size)
