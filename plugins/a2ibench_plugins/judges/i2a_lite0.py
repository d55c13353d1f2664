"""Image → acoustic space by ridge regression on frozen features: the judge of R-precision."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.holdout import hold_out
from a2ibench.nn import lite0
from a2ibench.nn.held_out import choose, ratio_figures
from a2ibench.nn.lite0_regression import (
    HELD_OUT,
    PENALTIES,
    SEED,
    Ridge,
    degraded_features,
    targets,
)
from a2ibench.types import FloatArray, ImageArray, Pairs, Spec


class Lite0ImageToAudio(Judge):
    """I2A(I) = Wᵀ φ(I) + b, with φ the features of EfficientNet-lite0 (128 px).

    W minimises ‖A − Φ W‖² / n + λ ‖W‖² on real training pairs, Φ and A centred, in closed form.
    Each image is there as it is and twice degraded at random
    (:func:`~a2ibench.nn.lite0_regression.degraded_features`). λ is the one of a grid with the least
    error on held-out sources; W is then fitted to all training pairs. Its architecture, weights,
    loss and data are no model's, so a method that trains against an image-to-audio network of its
    own is not judged by that network.

    Outputs: ``"acoustic"`` ``[n, d]``, in the space of the standardised acoustic features.
    """

    name = "i2a_lite0"
    outputs = ("acoustic",)
    trained = True
    fewest_sources = 2
    held_out = HeldOut("held_out_r2", "r²", chance=0.0)
    base = "lite0"
    weight: torch.Tensor
    bias: torch.Tensor

    def build(self, spec: Spec) -> None:
        """Make the frozen network, and the linear map that :meth:`fit` fills in."""
        self.network = lite0.Lite0()
        self.register_buffer("weight", torch.zeros(spec.acoustic_dim, lite0.FEATURES))
        self.register_buffer("bias", torch.zeros(spec.acoustic_dim))

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class.

        Returns:
            ``held_out_r2`` = 1 − ‖A − Ã‖² / ‖A − mean(A)‖² over the held-out pairs and all d
            numbers, if these are not all one sound, with the λ that the other half of the clips
            chose; ``penalty`` = λ, ``held_out_images``, ``held_out_clips``, and ``held_out_low`` as
            :func:`~a2ibench.nn.held_out.ratio_figures` has it.

        Raises:
            UserError: a class has fewer than two training sources.
        """
        seen, held_out = hold_out(train, HELD_OUT, SEED)
        phi, a = degraded_features(seen.images, self.network), targets(seen.acoustic)
        phi_held = degraded_features(held_out.images, self.network)
        a_held = targets(held_out.acoustic)
        ridge = Ridge(phi, a)
        errors = []
        for penalty in PENALTIES:
            weight, bias = ridge.solve(float(penalty))
            error = np.square(a_held - phi_held @ weight - bias).sum(axis=1)
            errors.append(error.reshape(-1, len(held_out)).sum(axis=0))
        best, other = choose(-np.array(errors), held_out.source)
        ridge = Ridge(np.concatenate([phi, phi_held]), np.concatenate([a, a_held]))
        weight, bias = ridge.solve(float(PENALTIES[best]))
        self.weight.copy_(torch.from_numpy(weight.T.copy()))
        self.bias.copy_(torch.from_numpy(bias))
        spread = np.square(a_held - a_held.mean(axis=0)).sum(axis=1)
        spread = spread.reshape(-1, len(held_out)).sum(axis=0)
        explained = spread - np.array(errors)[other, np.arange(len(held_out))]
        figures = {"penalty": float(PENALTIES[best])}
        if spread.any():
            figures |= ratio_figures("held_out_r2", explained, spread, held_out.source)
        return figures

    def weights_hash(self) -> str:
        """Return the sha256 of the frozen network's weight file."""
        return lite0.WEIGHTS_SHA256

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return self.embed_from({"features": self.network.look(images)[0].cpu().numpy()})

    def embed_from(self, outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Compute Wᵀ φ + b of φ = ``outputs["features"]``, ``[n, 1280]``."""
        features = torch.from_numpy(outputs["features"]).to(self.weight.device)
        with torch.inference_mode():
            return {"acoustic": F.linear(features, self.weight, self.bias).cpu().numpy()}
