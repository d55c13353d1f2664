"""Log-mel statistics: a feature without learned weights, the floor for learned encoders."""

from dataclasses import dataclass

from a2ibench.config import option, to_dict
from a2ibench.nn.spectra import Frames, SpectralEncoder, decibels, mel_bands, power_spectrogram
from a2ibench.storage import content_key
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class LogMelConfig:
    """Options of ``logmel``."""

    n_mels: int = option(64, "mel bands, from 0 Hz to 11,025 Hz", minimum=1, maximum=512)
    n_fft: int = option(1024, "window length in samples", minimum=64, maximum=16_384)
    hop: int = option(512, "samples from one window to the next", minimum=1, maximum=16_384)


class LogMel(SpectralEncoder):
    """Mean and standard deviation over time of the mel spectrogram in decibels; d = 2 · n_mels.

    Hann windows without padding at the ends; power; Slaney's mel scale and area norm; 10 log₁₀ with
    a floor of 10⁻¹⁰ (−100 dB), relative to full scale, so that loudness is kept.

    Raises:
        UserError: the bands are narrower than the window resolves, so that some would be empty.
    """

    name = "logmel"
    Config = LogMelConfig

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__(config)
        self._bands = mel_bands(self.name, self.sample_rate, config.n_fft, config.n_mels, htk=False)

    @property
    def channels(self) -> int:
        """The bands."""
        return int(self.config.n_mels)

    def fingerprint(self) -> str:
        """See the contract. Without the name, as results that are there are kept by it."""
        return content_key({"config": to_dict(self.config), "version": self.version})

    def frames(self, waveform: FloatArray) -> Frames:
        """The bands in decibels."""
        power = power_spectrogram(waveform, self.config.n_fft, self.config.hop, "hann")
        return decibels(self._bands @ power)
