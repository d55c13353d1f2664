"""Images and sounds in the space of aiSFX: a match that is measured alike for every encoder."""

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.holdout import hold_out
from a2ibench.data.sounds import distinct, waveforms
from a2ibench.errors import UserError
from a2ibench.nn import aisfx, lite0
from a2ibench.nn.held_out import choose, ratio_figures
from a2ibench.nn.lite0_regression import (
    COPIES,
    HELD_OUT,
    PENALTIES,
    SEED,
    Ridge,
    degraded_features,
    targets,
)
from a2ibench.nn.ranking import count_nearer
from a2ibench.parallel import Crashed, in_order
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, IntArray, Pairs

FEWEST = 512
"""Sounds below which no process is started to embed them."""
SHRINKAGE = 1.0
"""Added to the variance of each direction of the sounds, as a share of the mean variance."""

Array = npt.NDArray[np.float64]


class AISFXImageToAudio(Judge):
    """I2A(I) in the space of aiSFX instead of the method's own acoustic features.

    The embeddings of the real training sounds (:class:`~a2ibench.nn.aisfx.AISFX`) are standardised,
    number by number, and whitened by their covariance inside the classes, (Σ + mean variance)^−½:
    what all moments of a class share weighs no more than what tells them apart. They are predicted
    from the features of EfficientNet-lite0 by ridge regression, as in ``i2a_lite0``; the penalty is
    the one by which held-out sounds find their own images best, as they are and degraded. Sounds
    are embedded likewise. Neither depends on what a method hears, so that methods with different
    encoders are compared by their match. An encoder that hears other things than aiSFX does, such
    as a melody, gets no credit for them.

    Outputs: ``"acoustic"`` ``[n, 512]``, for images and for sounds.

    Raises:
        UserError: the weights cannot be had, or the file is not the published one.
    """

    name = "i2a_aisfx"
    version = 2
    embeds = frozenset({"images", "sounds"})
    outputs = sound_outputs = ("acoustic",)
    sample_rate = aisfx.SAMPLE_RATE
    min_samples = aisfx.MIN_SAMPLES
    trained = True
    encoder_free = True
    fewest_sources = 2
    held_out = HeldOut("held_out_nearer", "own images nearer than others", True, chance=0.5)
    base = "lite0"
    mean: torch.Tensor
    whitening: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def missing(cls) -> str | None:
        """Return how the weights are had, while they are neither named nor cached."""
        return aisfx.missing()

    def __init__(self) -> None:
        super().__init__()
        # Not a part of its state: the published weights are kept once, for all who use them.
        self._ears = (aisfx.load(),)
        self.network = lite0.Lite0()
        self.register_buffer("mean", torch.zeros(aisfx.FEATURES))
        self.register_buffer("whitening", torch.eye(aisfx.FEATURES))
        self.register_buffer("weight", torch.zeros(aisfx.FEATURES, lite0.FEATURES))
        self.register_buffer("bias", torch.zeros(aisfx.FEATURES))

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class.

        Returns:
            ``held_out_nearer``, how often a held-out sound is nearer to its own image than to that
            of another one, if these are not all one sound, with the λ that the other half of the
            clips chose; ``penalty`` = λ, ``held_out_images``, ``held_out_clips``, and
            ``held_out_low`` as :func:`~a2ibench.nn.held_out.ratio_figures` has it.

        Raises:
            UserError: a class has fewer than two training sources.
        """
        heard = self._hear(train)
        self.mean.copy_(torch.from_numpy(heard.mean(axis=0)))
        self.whitening.copy_(torch.from_numpy(_whitening(heard.astype(np.float64), train.label)))
        sounds = self._whiten(heard)
        seen, held_out = hold_out(replace(train, acoustic=sounds), HELD_OUT, SEED)
        phi, a = degraded_features(seen.images, self.network), targets(seen.acoustic)
        phi_held = degraded_features(held_out.images, self.network)
        ridge = Ridge(phi, a)
        found = []
        for penalty in PENALTIES:
            weight, bias = ridge.solve(float(penalty))
            images = np.split((phi_held @ weight + bias).astype(np.float32), 1 + COPIES)
            found.append([_nearer(held_out.acoustic, copy) for copy in images])
        several = bool(np.ptp(held_out.acoustic, axis=0).any())
        best, other = len(PENALTIES) // 2, np.zeros(len(held_out), dtype=np.int64)
        if several:
            best, other = choose(np.mean(found, axis=1), held_out.source)
        both = np.concatenate([a, targets(held_out.acoustic)])
        ridge = Ridge(np.concatenate([phi, phi_held]), both)
        weight, bias = ridge.solve(float(PENALTIES[best]))
        self.weight.copy_(torch.from_numpy(weight.T.copy()))
        self.bias.copy_(torch.from_numpy(bias))
        figures = {"penalty": float(PENALTIES[best])}
        if several:
            nearer = np.array(found)[other, 0, np.arange(len(held_out))]
            figures |= ratio_figures(
                "held_out_nearer", nearer, np.ones(len(nearer)), held_out.source
            )
        return figures

    def weights_hash(self) -> str:
        """Hash the published files that it starts from."""
        return content_key([aisfx.WEIGHTS.sha256, lite0.WEIGHTS_SHA256])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return self.embed_from({"features": self.network.look(images)[0].cpu().numpy()})

    def embed_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Compute Wᵀ φ + b of φ = ``outputs["features"]``, ``[n, 1280]``."""
        features = torch.from_numpy(outputs["features"]).to(self.weight.device)
        with torch.inference_mode():
            return {"acoustic": F.linear(features, self.weight, self.bias).cpu().numpy()}

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return {"acoustic": self._whiten(self._ears[0].hear(waveforms))}

    def _hear(self, pairs: Pairs) -> FloatArray:
        """Embed the sounds of pairs, each distinct one once: float32 ``[n, 512]``."""
        if pairs.sounds is None:
            raise ValueError(f"judge {self.name}: expected pairs with sounds")
        first, position = distinct(pairs.sounds)
        heard = np.empty((len(first), aisfx.FEATURES), dtype=np.float32)
        few = pairs.sounds.take(first)
        pieces = waveforms(few, self.sample_rate, self.min_samples)
        if len(few) < FEWEST:
            for rows, chunk in pieces:
                heard[rows] = self._ears[0].hear(chunk)
            return heard[position]
        for answer in in_order(_hear, pieces):
            if isinstance(answer, Crashed):
                raise UserError(f"judge {self.name}: a process that embeds sounds {answer}")
            rows, found = answer
            heard[rows] = found
        return heard[position]

    def _whiten(self, heard: FloatArray) -> FloatArray:
        white: FloatArray = (heard - self.mean.cpu().numpy()) @ self.whitening.cpu().numpy()
        return white


@functools.cache
def _ears() -> aisfx.AISFX:
    torch.set_num_threads(1)  # there is a process for each processor
    return aisfx.load()


def _hear(rows: IntArray, sounds: FloatArray) -> tuple[IntArray, FloatArray]:
    """Embed sounds in a process of their own, and return them with their rows."""
    return rows, _ears().hear(sounds)


def _whitening(heard: Array, label: IntArray) -> Array:
    """Return D (C + c)^−½ for rows that are centred: D standardises, C is inside the classes."""
    scale = heard.std(axis=0)
    scale[heard.max(axis=0) == heard.min(axis=0)] = 1
    standard = heard / scale
    for one in np.unique(label):
        standard[label == one] -= standard[label == one].mean(axis=0)
    variances, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    spread = np.maximum(variances, 0) + max(SHRINKAGE * variances.mean(), 1e-12)
    whitening: Array = (directions / np.sqrt(spread)) @ directions.T / scale[:, np.newaxis]
    return whitening


def _nearer(sounds: FloatArray, images: FloatArray) -> Array:
    """Return how often each sound is nearer to its own image than to another: ``[n]``; ties count
    half, and so does a sound alone."""
    others = len(sounds) - 1
    nearer, ties = (count[:, 0] for count in count_nearer(sounds, images))
    return (others - nearer - ties / 2) / others if others else np.full(len(sounds), 0.5)
