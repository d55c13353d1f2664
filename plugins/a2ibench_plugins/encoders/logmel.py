"""Log-mel statistics: a feature without learned weights, the floor for learned encoders."""

from dataclasses import dataclass
from typing import ClassVar

import librosa
import numpy as np

from a2ibench.config import option, to_dict
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.types import FloatArray
from a2ibench.errors import UserError
from a2ibench.storage import content_key


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
    sample_rate: ClassVar[int] = 22_050

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__(config)
        centres = librosa.mel_frequencies(config.n_mels + 2, fmin=0.0, fmax=self.sample_rate / 2)
        bins = librosa.fft_frequencies(sr=self.sample_rate, n_fft=config.n_fft)
        inside = (bins > centres[:-2, None]) & (bins < centres[2:, None])
        if not inside.any(axis=1).all():
            raise UserError(
                f"option logmel.n_mels={config.n_mels}: with n_fft={config.n_fft},"
                f" {np.count_nonzero(~inside.any(axis=1))} of the bands hold no frequency;"
                " use fewer bands or a longer window"
            )
        self._bands: FloatArray = librosa.filters.mel(
            sr=self.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels
        )

    @property
    def dim(self) -> int:
        """2 · n_mels: the means, then the standard deviations."""
        return 2 * int(self.config.n_mels)

    @property
    def min_samples(self) -> int:
        """One window."""
        return int(self.config.n_fft)

    def fingerprint(self) -> str:
        """See the contract."""
        return content_key({"config": to_dict(self.config), "version": self.version})

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """See the contract. One waveform at a time keeps memory flat in their number."""
        if waveforms.ndim != 2 or waveforms.shape[1] < self.min_samples:
            raise ValueError(f"expected [n, T ≥ {self.min_samples}], got {waveforms.shape}")
        features = np.empty((len(waveforms), self.dim), dtype=np.float32)
        for i, waveform in enumerate(waveforms):
            spectrum = librosa.stft(
                np.asarray(waveform, dtype=np.float32),
                n_fft=self.config.n_fft,
                hop_length=self.config.hop,
                window="hann",
                center=False,
            )
            decibels = librosa.power_to_db(
                self._bands @ np.abs(spectrum) ** 2, ref=1.0, amin=1e-10, top_db=None
            )
            features[i] = np.concatenate([decibels.mean(axis=1), decibels.std(axis=1)])
        return features
