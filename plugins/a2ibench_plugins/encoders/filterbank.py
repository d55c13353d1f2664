"""Filter-bank statistics: one of the acoustic features that Wan et al. 2019 compares."""

from dataclasses import dataclass

from a2ibench.config import option
from a2ibench.contracts.encoder import Encoder
from a2ibench.nn.spectra import Frames, log_filterbank, mel_bands, statistics_over_time
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class FilterbankConfig:
    """Options of ``filterbank``."""

    n_mels: int = option(26, "mel filters, from 0 Hz to 11,025 Hz", minimum=1, maximum=512)
    n_fft: int = option(512, "window length in samples", minimum=64, maximum=16_384)
    hop: int = option(256, "samples from one window to the next", minimum=1, maximum=16_384)


class Filterbank(Encoder):
    """Mean and standard deviation over time of log filter-bank energies; d = 2 · n_mels.

    The paper leaves the details open; these are the HTK book's: pre-emphasis of 0.97, Hamming
    windows (23 ms every 12 ms), 26 triangles of height 1 on HTK's mel scale over the power, natural
    logarithm with a floor of 10⁻¹⁰.

    Raises:
        UserError: the filters are narrower than the window resolves, so that some would be empty.
    """

    name = "filterbank"
    Config = FilterbankConfig

    def __init__(self, config: FilterbankConfig) -> None:
        super().__init__(config)
        self.dim, self.min_samples = 2 * config.n_mels, config.n_fft
        self._bands = mel_bands(self.name, self.sample_rate, config.n_fft, config.n_mels, htk=True)

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Compute the statistics of the filters' log energies."""
        return statistics_over_time(waveforms, self.min_samples, self._frames)

    def _frames(self, waveform: FloatArray) -> Frames:
        return log_filterbank(waveform, self._bands, self.config.n_fft, self.config.hop)
