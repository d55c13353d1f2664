"""Wav2CLIP (Wu et al. 2022): sounds in the space of CLIP ViT-B/32.

A ResNet-18 on the log-spectrogram, distilled from CLIP's images, and a perceptron on top.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.pretrained.clip import PinnedClipJudge, clip_source
from a2ibench.pretrained.named_files import NamedFiles
from a2ibench.pretrained.tensors import fill, read_tensors
from a2ibench.types import FloatArray

WINDOW, HOP = 512, 353
WIDTH = 512
SILENT = 1e-4
"""Standard deviation of a log-spectrogram below which nothing is heard."""
PARTS = ("audio_encoder.", "audio_transform.")
"""Prefixes of the audio network's tensors; a checkpoint of the training holds others as well."""


class Wav2Clip(PinnedClipJudge):
    """Sounds at 16 kHz by Wav2CLIP, images and class names by CLIP ViT-B/32.

    ``A2IBENCH_WAV2CLIP_WEIGHTS`` names the file, and ``A2IBENCH_CLIP_B32_WEIGHTS`` the folder of
    the judge ``clip_b32``. 16 kHz is what Wav2CLIP was trained on, and MACS's way to read it.

    Outputs: ``"features"`` ``[n, 512]`` of images, sounds and texts, not scaled to unit length.
    """

    name = "wav2clip"
    embeds = frozenset({"images", "sounds", "texts"})
    sound_outputs = ("features",)
    sample_rate = 16_000
    min_samples = WINDOW
    base = "clip_b32"
    sources = (
        clip_source("clip_b32", "openai/clip-vit-base-patch32"),
        NamedFiles(
            "A2IBENCH_WAV2CLIP_WEIGHTS",
            "Wav2CLIP",
            "Wav2CLIP.pt is an asset of release v0.1.0-alpha of descriptinc/lyrebird-wav2clip on"
            " GitHub (MIT)",
        ),
    )
    patch, width = 32, WIDTH
    padded: ClassVar[int] = 0
    """Number of samples to which shorter sounds are filled up with silence."""

    def __init__(self) -> None:
        super().__init__()
        (path,) = self.sources[1].find().values()
        self.ear = _load_ear(path, path.stat().st_mtime_ns)

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """See the class."""
        short = max(0, self.padded - waveforms.shape[1])
        heard = F.pad(torch.from_numpy(waveforms), (0, short)).to(next(self.parameters()).device)
        with torch.inference_mode():
            return {"features": self.ear(heard).cpu().numpy()}

    def embed_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Return the features of ``clip_b32``: the images are its own."""
        return {"features": outputs["features"]}


class Wav2Clip44k(Wav2Clip):
    """Wav2CLIP as SonicDiffusion reads sounds: 44.1 kHz, zeros up to 442,763 samples (10 s).

    It was not trained on that rate; for everything but SonicDiffusion's numbers take ``wav2clip``.
    """

    name = "wav2clip_44k"
    sample_rate = 44_100
    padded = 442_763


class Ear(nn.Module):
    """Wav2CLIP's network: waveforms ``[n, T]`` → ``[n, 512]``.

    ResNet-18 and the perceptron see (s − mean) / sd of s = log(|STFT|² + 10⁻⁷), over each sound;
    zeros where the sound is silent.
    """

    def __init__(self) -> None:
        from torchvision.models import resnet18

        super().__init__()
        self.audio_encoder = resnet18()
        self.audio_encoder.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.audio_encoder.fc = nn.Identity()
        layers = [nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, WIDTH)]
        self.audio_transform = nn.ModuleDict({"sequential": nn.Sequential(*layers)})

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """See the class."""
        window = torch.hann_window(WINDOW, device=waveforms.device)
        spectrum = torch.stft(waveforms, WINDOW, HOP, window=window, return_complex=True)
        s = torch.log(spectrum.abs().square() + 1e-7)
        mean, sd = s.mean(dim=(1, 2), keepdim=True), s.std(dim=(1, 2), keepdim=True)
        # Of silence all numbers are equal but for rounding, which 10⁻⁹ would blow up.
        s = torch.where(sd > SILENT, (s - mean) / (sd + 1e-9), 0.0)
        hidden = self.audio_encoder(s.unsqueeze(1))
        return self.audio_transform["sequential"](hidden)


@cache
def _load_ear(path: Path, changed: int) -> Ear:
    """Load the network once per process."""
    del changed  # part of the key
    heard = {
        name: one
        for name, one in read_tensors(path).items()
        if name.startswith(PARTS) and name != "audio_encoder.spectrogram.window"
    }
    ear = Ear()
    fill(ear, heard, path, "Wav2CLIP")
    return ear.eval().requires_grad_(False)
