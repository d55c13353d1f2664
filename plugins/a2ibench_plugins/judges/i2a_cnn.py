"""Image → acoustic space by a small convolutional network: a second opinion on R-precision."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.holdout import hold_out
from a2ibench.nn.degrade import degrade
from a2ibench.nn.held_out import ratio_figures
from a2ibench.nn.supervised import fit_steps, keep_best, to_unit_range
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Images, IntArray, Pairs, Spec

SEED = 20_170_903
"""Seed of the weights, the held-out sources, the order, and how images are degraded."""
HELD_OUT = 0.2
SIZE = 64
"""Larger images are averaged down to so many pixels a side."""
WIDTHS = (32, 64, 128, 128)
DROPOUT = 0.5
AS_IT_IS = 1 / 3
"""Share of the images that are not degraded."""
LEARNING_RATE = 1e-3
CHECK_EVERY = 20
PATIENCE = 3
MAX_STEPS = 240
BATCH = 64


class CNNImageToAudio(Judge):
    """I2A(I) by four strided convolutions, from random weights.

    Each is followed by batch norm and ReLU; the last map is averaged to 4×4 and read by one linear
    layer, so that where something stands is not lost. It minimises the mean squared error of the
    standardised acoustic features on 80 % of the training sources of each class; two thirds of the
    images are degraded at random, another way each time
    (:func:`~a2ibench.nn.degrade.degrade`). Every 20 steps of 32 images the error on the other
    sources is measured, until it has not fallen three times in a row, or for 240 steps; the weights
    of the least error are kept. It shares neither features nor method with ``i2a_lite0``, and
    neither architecture nor seed with a model's own network: where both judges agree, the finding
    is not one judge's taste.

    Outputs: ``"acoustic"`` ``[n, d]``, in the space of the standardised acoustic features.
    """

    name = "i2a_cnn"
    outputs = ("acoustic",)
    trained = True
    fewest_sources = 2
    held_out = HeldOut("held_out_r2", "r²", chance=0.0)

    def build(self, spec: Spec) -> None:
        """Make random weights from the judge's own seed."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(SEED)
            network = _network(spec.acoustic_dim)
        self.network = network.to(memory_format=torch.channels_last).eval()

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class.

        Returns:
            Of the weights that are kept: ``held_out_r2`` = 1 − ‖A − Ã‖² / ‖A − mean(A)‖² over the
            held-out pairs as they are and all d numbers, ``held_out_images``, ``held_out_clips``
            and ``held_out_low`` as :func:`~a2ibench.nn.held_out.ratio_figures` has them; ``steps``.

        Raises:
            UserError: a class has fewer than two training sources.
        """
        seen, held_out = hold_out(train, HELD_OUT, SEED)
        torch.manual_seed(SEED)  # of the dropout
        training = fit_steps(
            self.network,
            Degraded(seen.images, np.random.default_rng(SEED)),
            torch.from_numpy(seen.acoustic),
            F.mse_loss,
            seed=SEED,
            learning_rate=LEARNING_RATE,
            flip=False,
        )
        steps = keep_best(
            self.network,
            training,
            lambda: (-float(self._errors(held_out).sum()),),
            check_every=CHECK_EVERY,
            patience=PATIENCE,
            max_steps=MAX_STEPS,
        )
        spread = np.square(held_out.acoustic - held_out.acoustic.mean(axis=0)).sum(axis=1)
        figures = {"steps": float(steps)}
        if spread.any():
            explained = spread - self._errors(held_out)
            figures |= ratio_figures("held_out_r2", explained, spread, held_out.source)
        return figures

    def weights_hash(self) -> str:
        """Hash the seed that its random weights come from."""
        return content_key(["CNN", SEED])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            return {"acoustic": self.network(to_unit_range(images, device)).cpu().numpy()}

    def _errors(self, pairs: Pairs) -> npt.NDArray[np.float64]:
        """Return the summed squared error on each of some pairs."""
        parts = [slice(start, start + BATCH) for start in range(0, len(pairs), BATCH)]
        errors = [
            np.square(self.embed(pairs.images[rows])["acoustic"] - pairs.acoustic[rows])
            for rows in parts
        ]
        return np.concatenate(errors).sum(axis=1, dtype=np.float64)


@dataclass(frozen=True)
class Degraded:
    """Images that are degraded whenever they are read: :class:`~a2ibench.types.Images`."""

    images: Images
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: IntArray | slice, /) -> ImageArray:
        """Read images: two thirds of those that are asked for degraded, the others as they are."""
        images = self.images[index]
        as_it_is = self.rng.random(len(images)) < AS_IT_IS
        return np.where(as_it_is[:, None, None, None], images, degrade(images, self.rng))


class _Shrink(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[-1] <= SIZE:
            return image
        return F.interpolate(image, size=(SIZE, SIZE), mode="area")


def _network(outputs: int) -> nn.Sequential:
    """Make a network: float ``[n, 3, S, S]`` in [−1, 1] → ``[n, outputs]``."""
    layers: list[nn.Module] = [_Shrink()]
    before = 3
    for i, width in enumerate(WIDTHS):
        kernel = 5 if i == 0 else 3
        layers += [
            nn.Conv2d(before, width, kernel, stride=2, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        before = width
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(DROPOUT),
        nn.Linear(16 * before, outputs),
    )
