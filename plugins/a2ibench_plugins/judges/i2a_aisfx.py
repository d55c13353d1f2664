"""Images and sounds in the space of aiSFX: a match that is measured alike for every encoder."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from a2ibench.code_hash import source_hash
from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.sounds import distinct, waveforms
from a2ibench.nn import aisfx
from a2ibench.registry import judges
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Pairs, Spec

EYES = "i2a_cnn"
"""The judge whose network and training map images to the embedding."""


class AISFXImageToAudio(Judge):
    """I2A(I) in the space of aiSFX instead of the method's own acoustic features.

    The embeddings of the real training sounds (:class:`~a2ibench.nn.aisfx.AISFX`) are standardised,
    number by number, and ``i2a_cnn`` is trained on them as it is on an encoder's features. Sounds
    are embedded likewise. Neither depends on what a method hears, so that methods with different
    encoders are compared by their match. An encoder that hears other things than aiSFX does, such
    as a melody, gets no credit for them.

    Outputs: ``"acoustic"`` ``[n, 512]``, for images and for sounds.

    Raises:
        UserError: the weights cannot be had, or the file is not the published one.
    """

    name = "i2a_aisfx"
    embeds = frozenset({"images", "sounds"})
    outputs = sound_outputs = ("acoustic",)
    sample_rate = aisfx.SAMPLE_RATE
    min_samples = aisfx.MIN_SAMPLES
    trained = True
    encoder_free = True
    fewest_sources = 2
    held_out = HeldOut("held_out_r2", "r²", chance=0.0)
    base = "aisfx"
    mean: torch.Tensor
    std: torch.Tensor

    @classmethod
    def missing(cls) -> str | None:
        """Return how the weights are had, while they are neither named nor cached."""
        return aisfx.missing()

    def __init__(self) -> None:
        super().__init__()
        # Not a part of its state: the published weights are kept once, for all who use them.
        self._ears = (aisfx.load(),)
        self.eyes = judges.get(EYES)()
        self.register_buffer("mean", torch.zeros(aisfx.FEATURES))
        self.register_buffer("std", torch.ones(aisfx.FEATURES))

    def build(self, spec: Spec) -> None:
        """Make the network that sees."""
        self.eyes.build(replace(spec, acoustic_dim=aisfx.FEATURES))

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class; figures and errors are those of ``i2a_cnn``."""
        heard = self._hear(train)
        constant = heard.max(axis=0) == heard.min(axis=0)
        self.mean.copy_(torch.from_numpy(heard.mean(axis=0)))
        self.std.copy_(torch.from_numpy(np.where(constant, 1, heard.std(axis=0))))
        return self.eyes.fit(replace(train, acoustic=self._standardise(heard)))

    def weights_hash(self) -> str:
        """Hash the published file, and what the network that sees starts from and is made by."""
        eyes = [source_hash(type(self.eyes)), self.eyes.version, self.eyes.weights_hash()]
        return content_key([aisfx.WEIGHTS.sha256, *eyes])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return self.eyes.embed(images)

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return self.embed_sounds_from({"features": self._ears[0].hear(waveforms)})

    def embed_sounds_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Standardise the embedding, float32 ``[n, 512]``."""
        return {"acoustic": self._standardise(outputs["features"])}

    def _hear(self, pairs: Pairs) -> FloatArray:
        """Embed the sounds of pairs, each distinct one once: float32 ``[n, 512]``."""
        if pairs.sounds is None:
            raise ValueError(f"judge {self.name}: expected pairs with sounds")
        first, position = distinct(pairs.sounds)
        heard = np.empty((len(first), aisfx.FEATURES), dtype=np.float32)
        few = pairs.sounds.take(first)
        for rows, chunk in waveforms(few, self.sample_rate, self.min_samples):
            heard[rows] = self._ears[0].hear(chunk)
        return heard[position]

    def _standardise(self, heard: FloatArray) -> FloatArray:
        mean, std = self.mean.cpu().numpy(), self.std.cpu().numpy()
        standard: FloatArray = (heard - mean) / std
        return standard
