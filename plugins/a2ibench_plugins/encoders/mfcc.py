"""MFCC statistics: one of the acoustic features that Wan et al. 2019 compares."""

from dataclasses import dataclass

import scipy.fft

from a2ibench.config import option
from a2ibench.contracts.encoder import Encoder
from a2ibench.nn.spectra import Frames, log_filterbank, mel_bands, statistics_over_time
from a2ibench.types import FloatArray


@dataclass(frozen=True)
class MFCCConfig:
    """Options of ``mfcc``."""

    n_mfcc: int = option(13, "coefficients, from the zeroth", minimum=1, maximum=512)
    n_mels: int = option(26, "mel filters, from 0 Hz to 11,025 Hz", minimum=1, maximum=512)
    n_fft: int = option(512, "window length in samples", minimum=64, maximum=16_384)
    hop: int = option(256, "samples from one window to the next", minimum=1, maximum=16_384)

    def __post_init__(self) -> None:
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc={self.n_mfcc}: expected at most n_mels={self.n_mels}")


class MFCC(Encoder):
    """Mean and standard deviation over time of mel-frequency cepstral coefficients; d = 2 · n_mfcc.

    The paper leaves the details open; these are the textbook's (Davis and Mermelstein 1980, HTK
    book): the orthonormal DCT-II of the log energies of 26 HTK mel filters, of which the first 13
    are kept. The zeroth, the loudness, is one of them. There is no lifter: it scales each
    coefficient, which standardising undoes.

    Raises:
        UserError: the filters are narrower than the window resolves, so that some would be empty.
    """

    name = "mfcc"
    Config = MFCCConfig

    def __init__(self, config: MFCCConfig) -> None:
        super().__init__(config)
        self.dim, self.min_samples = 2 * config.n_mfcc, config.n_fft
        self._bands = mel_bands(self.name, self.sample_rate, config.n_fft, config.n_mels, htk=True)

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """Compute the statistics of the coefficients."""
        return statistics_over_time(waveforms, self.min_samples, self._frames)

    def _frames(self, waveform: FloatArray) -> Frames:
        log_energy = log_filterbank(waveform, self._bands, self.config.n_fft, self.config.hop)
        cepstrum: Frames = scipy.fft.dct(log_energy, type=2, axis=0, norm="ortho")
        return cepstrum[: self.config.n_mfcc]
