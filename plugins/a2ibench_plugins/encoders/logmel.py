"""Log-mel statistics: a feature without learned weights, the floor for learned encoders."""

from dataclasses import dataclass

from a2ibench.config import option, to_dict
from a2ibench.contracts.encoder import Encoder
from a2ibench.nn.spectra import (
    Frames,
    decibels,
    mel_bands,
    power_spectrogram,
    statistics_over_time,
)
from a2ibench.storage import content_key
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class LogMelConfig:
    """Options of ``logmel``."""

    n_mels: int = option(64, "mel bands, from 0 Hz to 11,025 Hz", minimum=1, maximum=512)
    n_fft: int = option(1024, "window length in samples", minimum=64, maximum=16_384)
    hop: int = option(512, "samples from one window to the next", minimum=1, maximum=16_384)


class LogMel(Encoder):
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
        self.dim, self.min_samples = 2 * config.n_mels, config.n_fft
        self._bands = mel_bands(self.name, self.sample_rate, config.n_fft, config.n_mels, htk=False)

    def fingerprint(self) -> str:
        """Return a hash without the name: existing results are kept under it."""
        return content_key({"config": to_dict(self.config), "version": self.version})

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Compute the statistics of the bands in decibels."""
        return statistics_over_time(waveforms, self.min_samples, self._frames)

    def _frames(self, waveform: FloatArray) -> Frames:
        power = power_spectrogram(waveform, self.config.n_fft, self.config.hop, "hann")
        return decibels(self._bands @ power)
