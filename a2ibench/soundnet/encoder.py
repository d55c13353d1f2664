"""SoundNet as an encoder: a waveform → the mean over time of one of its layers."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from a2ibench.contracts.encoder import Encoder
from a2ibench.soundnet.network import SAMPLE_RATE, Architecture
from a2ibench.soundnet.weights import from_file, load
from a2ibench.storage import content_key, expanded
from a2ibench.types import FloatArray

WEIGHTS_DOC = (
    "a file of weights (.npy, .pth, .t7, or .safetensors made by `a2ibench encoders train"
    " soundnet`)"
)


def whole_path(weights: str) -> str:
    """Make the option ``weights`` absolute, unless empty: workers run in other folders."""
    return str(expanded(weights).resolve()) if weights else ""


class SoundNetEncoder(Encoder):
    """The common part of the SoundNet encoders.

    Their configuration has ``layer``, a name in :attr:`LAST`, and ``weights``, a path or "".

    A head's posterior is the softmax over its classes in each frame, which SoundNet was trained to
    match with its visual teachers; the mean over time is a distribution again.

    Raises:
        UserError: the weights cannot be had.
    """

    sample_rate: ClassVar[int] = SAMPLE_RATE
    ARCHITECTURE: ClassVar[Architecture]
    LAST: ClassVar[Mapping[str, str]]
    """Layers that may be averaged → the last layer of the network that computes them."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.weights:
            source = config.weights
            self._sha256, path = from_file(Path(config.weights), self.ARCHITECTURE)
        else:
            source = f"the public weights of {self.ARCHITECTURE.title}"
            self._sha256, path = self.public_weights()
        last = self.LAST[config.layer]
        self._network = load(path, self.ARCHITECTURE, last, source)
        self._head = self.ARCHITECTURE.up_to(last)[-1].head
        self.dim, self.min_samples = self._network.channels, self._network.min_samples

    @abstractmethod
    def public_weights(self) -> tuple[str, Path]:
        """Return the sha256 of the default weights and the converted file, or raise a UserError."""

    def fingerprint(self) -> str:
        """Return a hash with that of the weights' content, wherever their file lies."""
        return content_key(
            {"weights": self._sha256, "layer": self.config.layer, "version": self.version}
        )

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Encode one waveform at a time: no slower, and blind to its neighbours."""
        if waveforms.ndim != 2 or waveforms.shape[1] < self.min_samples:
            raise ValueError(f"expected [n, T ≥ {self.min_samples}], got {waveforms.shape}")
        features = np.empty((len(waveforms), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for i, waveform in enumerate(waveforms):
                frames = self._network(torch.tensor(waveform[np.newaxis], dtype=torch.float32))
                if self._head:
                    frames = frames.softmax(dim=1)
                features[i] = frames[0].mean(dim=1).numpy()
        return features
