"""Spectrogram statistics: one of the acoustic features that Wan et al. 2019 compares."""

from dataclasses import dataclass

import numpy as np

from a2ibench.config import option
from a2ibench.contracts.encoder import Encoder
from a2ibench.nn.spectra import Frames, decibels, power_spectrogram, statistics_over_time
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class SpectrogramConfig:
    """Options of ``spectrogram``."""

    n_fft: int = option(512, "window length in samples, even", minimum=64, maximum=16_384)
    hop: int = option(256, "samples from one window to the next", minimum=1, maximum=16_384)

    def __post_init__(self) -> None:
        if self.n_fft % 2:
            raise ValueError(f"n_fft={self.n_fft}: expected an even number")


class Spectrogram(Encoder):
    """Mean and standard deviation over time of the power spectrogram in decibels; d = n_fft + 2.

    The paper leaves the details open; these are the textbook's: linear frequency from 0 to
    11,025 Hz, Hann windows of 23 ms every 12 ms without padding at the ends, 10 log₁₀ of the power
    with a floor of −100 dB.
    """

    name = "spectrogram"
    Config = SpectrogramConfig

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__(config)
        self.dim, self.min_samples = config.n_fft + 2, config.n_fft

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Compute the statistics of each frequency in decibels."""
        return statistics_over_time(waveforms, self.min_samples, self._frames)

    def _frames(self, waveform: FloatArray) -> Frames:
        wide = waveform.astype(np.float64)
        return decibels(power_spectrogram(wide, self.config.n_fft, self.config.hop, "hann"))
