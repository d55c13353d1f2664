"""Encoder: a waveform → an acoustic feature of fixed length."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.media.audio import fit_length, resample, to_mono
from a2ibench.source import source_hash
from a2ibench.storage import content_key
from a2ibench.types import FloatArray


class Encoder(ABC):
    """What an encoder plug-in offers. Its features are computed once per store and cached."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the same waveform gives another feature than before."""
    Config: ClassVar[type]
    """A frozen dataclass."""
    sample_rate: ClassVar[int] = 22_050
    """What :meth:`encode` expects, in hertz."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @classmethod
    def missing(cls) -> str | None:
        """What it lacks on this machine, with its default options, and how to get it; None when it
        can be made at once."""
        return None

    @property
    @abstractmethod
    def dim(self) -> int:
        """d, the length of the feature."""

    @property
    @abstractmethod
    def min_samples(self) -> int:
        """The shortest waveform that :meth:`encode` takes; shorter ones are tiled to it."""

    @property
    def licence(self) -> str:
        """Of its weights; empty where it has none, or nobody said."""
        return ""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that changes a feature beside the code: weights, configuration, version."""

    def identity(self) -> str:
        """A hash of the fingerprint and of the code: cached features, judges that were trained on
        them and results are kept under it, so that none is stale."""
        return content_key([self.fingerprint(), source_hash(type(self))])

    @abstractmethod
    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Encodes waveforms of one length.

        Args:
            waveforms: float32 ``[n, T]``, T ≥ ``min_samples``, mono, in [−1, 1], at
                ``sample_rate``.

        Returns:
            float32 ``[n, d]``.
        """

    def __call__(self, waveform: npt.ArrayLike, sample_rate: int) -> FloatArray:
        """The feature of any one waveform.

        Args:
            waveform: ``[T]``, or ``[T, channels]``, which are averaged; floats in [−1, 1]. Too
                short for the network, it is tiled.
            sample_rate: in hertz; resampled where it is not the encoder's own.

        Returns:
            float32 ``[d]``.

        Raises:
            UserError: the waveform is empty, of another shape, or has NaN or infinite samples.
        """
        mono = resample(to_mono(waveform), sample_rate, self.sample_rate)
        return self.encode(fit_length(mono, self.min_samples)[np.newaxis])[0]
