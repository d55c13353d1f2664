"""Small sizes of every method, and data on which they can be told right from wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from a2ibench.config import build
from a2ibench.contracts.model import Model
from a2ibench.registry import models
from a2ibench.types import Batch, Pairs, Spec

TINY: dict[str, dict[str, Any]] = {
    "ours": {"g_channels": 4, "g_residual": 1, "d_channels": 4, "phi_dim": 16,
             "i2a_width": 4, "i2a_steps": 2, "noise_dim": 8, "hidden_dim": 8},
    "wan2019": {"channels": 4, "phi_dim": 16},
    "wan2019_code": {"channels": 4, "phi_dim": 16, "noise_dim": 8},
    "vae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8},
    "cvae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8, "encoder_channels": 4},
    "adapter": {"tokens": 2, "hidden": 8, "steps": 2},
    "adapted_flow": {"prior_images": 16, "patch": 4, "channels": 8, "levels": 2, "blocks": 1,
                     "embedding": 16, "steps": 2},
    "flow": {"patch": 4, "channels": 8, "levels": 2, "blocks": 1, "embedding": 16, "steps": 2},
}  # fmt: skip

ACOUSTIC_DIM = 12


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny latent diffusion pipeline with random weights."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    folder = tmp_path_factory.mktemp("pipeline")
    sizes = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    torch.manual_seed(0)
    UNet2DConditionModel(
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        **sizes,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        **sizes,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(clip_sample=False, steps_offset=1).save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """``options(name)``: those that make a model tiny."""

    def of(name: str) -> dict[str, Any]:
        if name == "adapter":
            return {"pipeline": str(request.getfixturevalue("pipeline")), **TINY[name]}
        return TINY[name]

    return of


@pytest.fixture
def make(options: Callable[[str], dict[str, Any]]) -> Callable[..., Any]:
    """``make(name, size=32, **options)``: a method of tiny width, seeded, in training mode."""

    def made(
        name: str, size: int = 32, classes: tuple[str, ...] = ("x", "y"), **changed: Any
    ) -> Model:
        torch.manual_seed(0)
        plugin = models.get(name)
        config = build(plugin.Config, {**options(name), **changed}, name)
        model = plugin(config, Spec(size, ACOUSTIC_DIM, classes))
        return model.to(memory_format=torch.channels_last).train()

    return made


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """``batch(size=32, n=4, seed=0)``: random images and sounds of two classes."""

    def made(size: int = 32, n: int = 4, seed: int = 0) -> Batch:
        rng = torch.Generator().manual_seed(seed)
        image = torch.rand(n, 3, size, size, generator=rng) * 2 - 1
        return Batch(
            image=image.contiguous(memory_format=torch.channels_last),
            acoustic=torch.randn(n, ACOUSTIC_DIM, generator=rng),
            label=torch.arange(n) % 2,
            mismatched=torch.randn(n, ACOUSTIC_DIM, generator=rng),
        )

    return made


@pytest.fixture
def colours() -> Pairs:
    """Red noise images and blue ones; the sound tells which, and nothing else."""
    rng = np.random.default_rng(0)
    label = np.arange(64) % 2
    images = rng.integers(0, 80, (64, 32, 32, 3)).astype(np.uint8)
    images[label == 0, ..., 0] += 175
    images[label == 1, ..., 2] += 175
    acoustic = rng.normal(0, 0.3, (64, ACOUSTIC_DIM)).astype(np.float32)
    acoustic[:, :6] += np.where(label == 0, 1.0, -1.0)[:, None]
    return Pairs(images, acoustic, label, ("red", "blue"), np.array([f"{i}" for i in range(64)]))
