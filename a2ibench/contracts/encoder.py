"""Encoder: a waveform → an acoustic feature of fixed length."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from a2ibench.code_hash import source_hash
from a2ibench.config import to_dict
from a2ibench.media.audio import fit_length, resample, to_mono
from a2ibench.storage import content_key
from a2ibench.types import FloatArray


class Encoder(ABC):
    """The contract of an encoder. Its features are computed once per store and cached.

    The constructor sets :attr:`dim` and :attr:`min_samples`; it may set :attr:`licence`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Increase it when the same waveform gives a different feature."""
    Config: ClassVar[type]
    """A frozen dataclass."""
    sample_rate: ClassVar[int] = 22_050
    """The rate that :meth:`encode` expects, in hertz."""

    dim: int
    """d, the length of the feature."""
    min_samples: int
    """The shortest waveform that :meth:`encode` takes; the bench tiles shorter ones."""
    licence: str = ""
    """The licence of its weights; empty where it has none, or none is known."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @classmethod
    def missing(cls) -> str | None:
        """Return what it lacks on this machine with its default options, and how to get it.

        None where it can be made at once.
        """
        return None

    def fingerprint(self) -> str:
        """Return a hash of all that changes a feature besides the code.

        By default of the name, the version and the configuration. An encoder that loads weights
        adds a hash of them.
        """
        return content_key(
            {"encoder": self.name, "config": to_dict(self.config), "version": self.version}
        )

    def identity(self) -> str:
        """Return a hash of the fingerprint and the code.

        Cached features, results, and judges that were trained on the features are kept under it, so
        that none becomes stale.
        """
        return content_key([self.fingerprint(), source_hash(type(self))])

    @abstractmethod
    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Encode waveforms of one length.

        Shapes: float32 ``[n, T]``, T ≥ ``min_samples``, mono, in [−1, 1], at ``sample_rate`` →
        float32 ``[n, d]``.
        """

    def __call__(self, waveform: npt.ArrayLike, sample_rate: int) -> FloatArray:
        """Encode any one waveform.

        Args:
            waveform: ``[T]``, or ``[T, channels]`` as soundfile reads it, which are averaged;
                floats in [−1, 1]. One that is too short for the network is tiled.
            sample_rate: in hertz; resampled where it is not the encoder's own.

        Returns:
            float32 ``[d]``.

        Raises:
            UserError: the waveform is empty, of another shape, or has NaN or infinite samples.
        """
        mono = resample(to_mono(waveform), sample_rate, self.sample_rate)
        return self.encode(fit_length(mono, self.min_samples)[np.newaxis])[0]
