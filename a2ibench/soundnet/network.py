"""SoundNet: convolutional networks on the raw waveform (Aytar, Vondrick, Torralba 2016)."""

from typing import NamedTuple

import torch
from torch import nn

SAMPLE_RATE = 22_050
AMPLITUDE = 256.0
"""The networks were trained on samples in ±256."""


class Layer(NamedTuple):
    """One row of a network's table: a convolution over time with its norm and pooling."""

    name: str
    before: int
    after: int
    kernel: int
    stride: int
    padding: int
    pool: int = 1
    head: bool = False
    """A head is its convolution alone: no batch norm, no ReLU."""
    skip: int = 0
    """Number of frames at the end of its input that it leaves out."""


class Architecture(NamedTuple):
    """The table of one network.

    Attributes:
        name: in the names of files and encoders.
        title: as the paper writes it.
        trunk: the layers that both heads share.
        objects: logits of the 1000 ImageNet classes.
        scenes: logits of the 401 Places classes.
    """

    name: str
    title: str
    trunk: tuple[Layer, ...]
    objects: Layer
    scenes: Layer

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The trunk, then both heads."""
        return (*self.trunk, self.objects, self.scenes)

    def up_to(self, last: str) -> tuple[Layer, ...]:
        """Return the rows from ``conv1`` to ``last``; raise a ValueError for an unknown layer."""
        for head in (self.objects, self.scenes):
            if head.name == last:
                return (*self.trunk, head)
        names = [layer.name for layer in self.trunk]
        if last not in names:
            raise ValueError(f"{self.title} has no layer {last!r}")
        return self.trunk[: names.index(last) + 1]


SOUNDNET8 = Architecture(
    "soundnet8",
    "SoundNet-8",
    trunk=(
        Layer("conv1", 1, 16, kernel=64, stride=2, padding=32, pool=8),
        Layer("conv2", 16, 32, kernel=32, stride=2, padding=16, pool=8),
        Layer("conv3", 32, 64, kernel=16, stride=2, padding=8),
        Layer("conv4", 64, 128, kernel=8, stride=2, padding=4),
        Layer("conv5", 128, 256, kernel=4, stride=2, padding=2, pool=4),
        Layer("conv6", 256, 512, kernel=4, stride=2, padding=2),
        Layer("conv7", 512, 1024, kernel=4, stride=2, padding=2),
    ),
    objects=Layer("conv8", 1024, 1000, kernel=8, stride=2, padding=0, head=True, skip=1),
    scenes=Layer("conv8_2", 1024, 401, kernel=8, stride=2, padding=0, head=True, skip=1),
)
"""Its heads leave out the last frame of conv7, half of whose input is padding: trained on clips of
20 s, which give 15 frames, their stride never reached that one. An even number of frames would let
it in, and it drowns the answer: all logits near −100, one class at probability 1."""

SOUNDNET5 = Architecture(
    "soundnet5",
    "SoundNet-5",
    trunk=(
        Layer("conv1", 1, 32, kernel=64, stride=2, padding=32, pool=8),
        Layer("conv2", 32, 64, kernel=32, stride=2, padding=16, pool=8),
        Layer("conv3", 64, 128, kernel=16, stride=2, padding=8, pool=8),
        Layer("conv4", 128, 256, kernel=8, stride=2, padding=4),
    ),
    objects=Layer("conv5", 256, 1000, kernel=16, stride=12, padding=4, head=True),
    scenes=Layer("conv5_2", 256, 401, kernel=16, stride=12, padding=4, head=True),
)
"""Its heads pad what they read themselves and are as published."""

ARCHITECTURES = {network.name: network for network in (SOUNDNET5, SOUNDNET8)}


class SoundNet(nn.Module):
    """A SoundNet from the waveform to one of its layers, pooling included.

    In its state dict ``conv1.0`` is a convolution and ``conv1.1`` its batch norm.

    Args:
        architecture: SoundNet-5 or SoundNet-8.
        last: the last layer to compute (of SoundNet-8 ``"conv5"``, whose output is pool5;
            ``"conv7"``; a head).

    Shapes: float ``[n, T]`` in [−1, 1] at 22,050 Hz → ``[n, C, frames]``. T ≥ ``min_samples``.
    """

    def __init__(self, architecture: Architecture, last: str) -> None:
        super().__init__()
        self.table = architecture.up_to(last)
        for layer in self.table:
            self.add_module(layer.name, _block(layer))

    @property
    def channels(self) -> int:
        """C, the channels of the last layer."""
        return self.table[-1].after

    @property
    def min_samples(self) -> int:
        """The shortest waveform that gives one frame."""
        frames = 1
        for layer in reversed(self.table):
            frames = (frames * layer.pool - 1) * layer.stride + layer.kernel - 2 * layer.padding
            frames = max(frames, 1) + layer.skip  # padding alone would do for conv6 and conv7
        return frames

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = AMPLITUDE * waveform.unsqueeze(1)
        for layer, block in zip(self.table, self.children(), strict=True):
            x = block(x[..., : x.shape[-1] - layer.skip])
        return x


def _block(layer: Layer) -> nn.Sequential:
    block = nn.Sequential(
        nn.Conv1d(layer.before, layer.after, layer.kernel, layer.stride, layer.padding)
    )
    if not layer.head:
        block.append(nn.BatchNorm1d(layer.after, eps=1e-5))
        block.append(nn.ReLU(inplace=True))
    if layer.pool > 1:
        block.append(nn.MaxPool1d(layer.pool))
    return block
