"""aiSFX: an embedding that was trained on libraries of sound effects."""

from dataclasses import dataclass

from a2ibench.contracts.encoder import Encoder
from a2ibench.nn import aisfx
from a2ibench.storage import content_key
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class AISFXConfig:
    """It has no options."""


class AISFXEncoder(Encoder):
    """The mean over time of the aiSFX embedding (Ma and Lerch 2022, X-Sequential-CE); d = 512.

    The log-mel spectrum of 44.1 kHz sound is cut into blocks of 2.3 s that overlap by half; the end
    that fills none is left out, and a sound shorter than a block is followed by silence. Spectra
    are computed as Essentia computes them, on which the network was trained, and loudness is kept.
    About 50 ms per block on one core.

    Raises:
        UserError: the weights cannot be had, or the file is not the published one.
    """

    name = "aisfx"
    Config = AISFXConfig
    sample_rate = aisfx.SAMPLE_RATE

    @classmethod
    def missing(cls) -> str | None:
        """Return how the weights are had, while they are neither named nor cached."""
        return aisfx.missing()

    def __init__(self, config: AISFXConfig) -> None:
        super().__init__(config)
        self.dim, self.min_samples = aisfx.FEATURES, aisfx.MIN_SAMPLES
        self.licence = aisfx.LICENCE
        self._network = aisfx.load()

    def fingerprint(self) -> str:
        """Return a hash of the weights, too."""
        return content_key([super().fingerprint(), aisfx.WEIGHTS.sha256])

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Compute the embedding."""
        return self._network.hear(waveforms)
