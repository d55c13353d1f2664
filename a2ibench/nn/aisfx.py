"""aiSFX: an embedding of sound effects by a small convolutional network, with its weights.

The weights are those of ``aisfx/models/checkpoint.pth`` in the Python package ``aisfx`` 0.1.2 (Ma
and Lerch 2022, "Representation Learning for the Automatic Indexing of Sound Effects Libraries";
CC BY 4.0), of the model X-Sequential-CE. They are fetched once, checked against their sha256, read
as plain tensors and converted to safetensors; nothing of that package is installed or imported.
"""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from a2ibench.cache import cached, find
from a2ibench.packaged_file import PackagedFile
from a2ibench.storage import cache_dir
from a2ibench.types import FloatArray

WEIGHTS = PackagedFile(
    title="aisfx weights",
    package="aisfx==0.1.2",
    wheel="aisfx-0.1.2-py2.py3-none-any.whl",
    wheel_sha256="bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194",
    member="aisfx/models/checkpoint.pth",
    sha256="499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5",
    size="23 MB",
    variable="A2IBENCH_AISFX_WEIGHTS",
)
LICENCE = "CC BY 4.0"
SAMPLE_RATE = 44_100
FEATURES = 512
"""Length of the embedding."""
MIN_SAMPLES = 2_048
"""One window; a sound that does not fill a block of 2.3 s is followed by silence."""
WINDOW, HOP, BANDS = 2_048, 1_024, 96
BLOCK, BLOCK_HOP = 100, 50
"""Frames of a block, and from one block to the next."""
LOUDEST = 9.457798957824707
"""The largest logarithm among the training sounds: 1 after normalisation."""
WIDTHS = (64, 128, 256, 512)

Allowed = Callable[..., Any] | tuple[Callable[..., Any], str]


class AISFX(nn.Module):
    """Four blocks of two 3×3 convolutions, each with batch norm and ReLU; frozen.

    Maximum pooling 2×2 follows the first three blocks. The last map is averaged over frequency, and
    its maximum over time is taken.

    Shapes: float32 ``[n, 100, 96]``, log-mel spectra in [0, 1] → float32 ``[n, 512]``, ≥ 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _block(before, after) for before, after in zip((1, *WIDTHS), WIDTHS, strict=False)
        )

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = spectra.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i < len(self.blocks) - 1:
                x = F.max_pool2d(x, 2)
        return x.mean(dim=3).amax(dim=2)

    def hear(self, waveforms: FloatArray) -> FloatArray:
        """Embed sounds: the mean over the blocks of each.

        Shapes: float32 ``[n, T]``, T ≥ :data:`MIN_SAMPLES`, at 44,100 Hz → float32 ``[n, 512]``.
        """
        device = next(self.parameters()).device
        with torch.inference_mode():
            each = [
                self(torch.from_numpy(blocks_of(log_mel(waveform))).to(device)).mean(dim=0)
                for waveform in waveforms
            ]
            found: FloatArray = torch.stack(each).cpu().numpy()
        return found


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers.append(nn.Conv2d(width, after, 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


@functools.cache
def load() -> AISFX:
    """Load the network with its weights, once per process: it is frozen.

    Raises:
        UserError: they cannot be had, or the file is another one.
    """
    network = AISFX().eval().requires_grad_(False)
    network.load_state_dict(cached(_path(), _convert, load_file))
    return network.to(memory_format=torch.channels_last)


def missing() -> str | None:
    """Return how the weights are had, while they are neither named nor cached."""
    if find(_path(), lambda path: path) is not None:
        return None
    return WEIGHTS.lacking or None


def _path() -> Path:
    return cache_dir("weights") / f"aisfx-{WEIGHTS.sha256[:16]}.safetensors"


def _convert(path: Path) -> None:
    save_file(convert(WEIGHTS.obtain()), path)


def convert(checkpoint: bytes) -> dict[str, torch.Tensor]:
    """Read the published checkpoint as a state dict of :class:`AISFX`; the classifiers are dropped.

    It is unpickled as plain tensors; the number of classes of each data set of the training is a
    NumPy scalar in it, so that this type is allowed besides.
    """
    # The name is that of NumPy 1, which made the file.
    scalar: Allowed = (np._core.multiarray.scalar, "numpy.core.multiarray.scalar")  # type: ignore[attr-defined]
    allowed: list[Allowed] = [scalar, np.dtype, type(np.dtype(np.int64))]
    with torch.serialization.safe_globals(allowed):
        weights, _ = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    state: dict[str, torch.Tensor] = {}
    for block in range(len(WIDTHS)):
        for i in range(2):
            for kind, place in (("conv", 3 * i), ("bn", 3 * i + 1)):
                prefix = f"embedding_net.conv_block{block + 1}.{kind}{i + 1}."
                state |= {
                    f"blocks.{block}.{place}.{name.removeprefix(prefix)}": value.contiguous()
                    for name, value in weights.items()
                    if name.startswith(prefix)
                }
    return state


def log_mel(waveform: FloatArray) -> FloatArray:
    """Compute log₁₀(1 + 10⁴ · mel power), over its maximum in the training sounds.

    As Essentia does it, on whose spectra the network was trained: symmetric Hann windows of 2,048
    samples, 1,024 apart, the first one centred on the first sample; 96 triangles on HTK's mel scale
    from 0 Hz to 22,050 Hz, each of which sums to 1. The amplitude counts: nothing is normalised.

    Shapes: float32 ``[T]`` → float32 ``[1 + ⌈T / 1024⌉, 96]``.
    """
    frames = 1 + -(-len(waveform) // HOP)
    padded = np.zeros((frames - 1) * HOP + WINDOW, dtype=np.float32)
    padded[WINDOW // 2 : WINDOW // 2 + len(waveform)] = waveform
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = scipy.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    loudness = np.log10(1 + 1e4 * (power @ BANK))
    return (loudness / LOUDEST).astype(np.float32)


def blocks_of(spectrum: FloatArray) -> FloatArray:
    """Cut a spectrum into blocks that overlap by half; the end that fills none is left out.

    Shapes: ``[frames, 96]`` → ``[blocks, 100, 96]``. A single block is filled up with silence.
    """
    count = max(1, 1 + (len(spectrum) - BLOCK) // BLOCK_HOP)
    filled = np.pad(spectrum, ((0, max(0, BLOCK - len(spectrum))), (0, 0)))
    return np.stack([filled[i * BLOCK_HOP : i * BLOCK_HOP + BLOCK] for i in range(count)])


def _bank() -> FloatArray:
    """Make the mel filters, float32 ``[1025, 96]``: triangles in mel, not in hertz."""
    mel = 1127.01048 * np.log1p(np.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW / 700)
    centres = np.linspace(0, mel[-1], BANDS + 2)
    step = centres[1]
    weights = np.maximum(0, 1 - np.abs(mel[:, np.newaxis] - centres[1:-1]) / step)
    bank: FloatArray = (weights / weights.sum(axis=0)).astype(np.float32)
    return bank


BANK = _bank()
