from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_networks as networks
import torch

from a2ibench_plugins.judges.wav2clip import Ear


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small networks: ``clip``, ``clip_l14``, ``dinov2``, ``clap``, ``fused``, and
    ``Wav2CLIP.pt``. Copy one to change it."""
    root = tmp_path_factory.mktemp("networks")
    networks.save_clip(root / "clip", patch=32, width=512)
    networks.save_clip(root / "clip_l14", patch=14, width=768)
    networks.save_dinov2(root / "dinov2")
    networks.save_clap(root / "clap")
    networks.save_clap(root / "fused", fused=True)
    torch.manual_seed(0)
    heard = {**Ear().state_dict(), "audio_encoder.spectrogram.window": torch.hann_window(512)}
    torch.save({**heard, "image_encoder.weight": torch.zeros(2)}, root / "Wav2CLIP.pt")
    return root


VARIABLES = {
    "A2IBENCH_CLIP_WEIGHTS": "clip",
    "A2IBENCH_CLIP_B32_WEIGHTS": "clip",
    "A2IBENCH_CLIP_L14_WEIGHTS": "clip_l14",
    "A2IBENCH_DINOV2_WEIGHTS": "dinov2",
    "A2IBENCH_CLAP_WEIGHTS": "clap",
    "A2IBENCH_WAV2CLIP_WEIGHTS": "Wav2CLIP.pt",
}


@pytest.fixture
def named(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same folder, and the variables name what lies in it."""
    for variable, name in VARIABLES.items():
        monkeypatch.setenv(variable, str(made / name))
    return made


@pytest.fixture
def images() -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Four noisy pictures of 64 px."""
    return np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
