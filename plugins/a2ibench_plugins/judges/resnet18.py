"""ResNet-18, trained on the real training images: the judge of classification accuracy."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.holdout import hold_out
from a2ibench.nn.held_out import classifier_figures
from a2ibench.nn.resnet import ResNet18
from a2ibench.nn.supervised import fit_steps, keep_best, to_unit_range
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Pairs, Spec

SEED = 20_150_512
"""Its own, so that every job is judged by the same network."""
HELD_OUT = 0.2
LEARNING_RATE = 1e-3
CHECK_EVERY = 20
PATIENCE = 3
MAX_STEPS = 1_000
BATCH = 64


class ResNet18Classifier(Judge):
    """ResNet-18 (He et al. 2016) at the images' own size, from random weights.

    Cross-entropy on 80 % of the training sources of each class; every 20 steps of 32 images its
    accuracy on the others is measured, until it is 1, or has not risen three times in a row, or for
    1,000 steps. The most accurate weights are kept, of equally accurate ones those of the least
    cross-entropy. No test image is seen.

    Outputs: ``"logits"`` ``[n, classes]``, ``"features"`` ``[n, 512]``.
    """

    name = "resnet18"
    outputs = ("features", "logits")
    trained = True
    encoder_free = True
    fewest_sources = 2
    held_out = HeldOut("held_out_accuracy", "accuracy", percent=True)

    def build(self, spec: Spec) -> None:
        """Make random weights from the judge's own seed."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(SEED)
            network = ResNet18(len(spec.classes))
        self.network = network.to(memory_format=torch.channels_last).eval()

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class.

        Returns:
            Of the weights that are kept: those of
            :func:`~a2ibench.nn.held_out.classifier_figures`, ``held_out_loss`` (in nats),
            ``steps``.

        Raises:
            UserError: a class has fewer than two training sources.
        """
        seen, held_out = hold_out(train, HELD_OUT, SEED)
        training = fit_steps(
            self.network,
            seen.images,
            torch.from_numpy(seen.label),
            F.cross_entropy,
            seed=SEED,
            learning_rate=LEARNING_RATE,
        )

        def scores() -> tuple[float, float]:
            right, loss = self._check(held_out)
            return float(right.mean()), -loss

        steps = keep_best(
            self.network,
            training,
            scores,
            check_every=CHECK_EVERY,
            patience=PATIENCE,
            max_steps=MAX_STEPS,
            bounds=(0.0, 1.0),
        )
        right, loss = self._check(held_out)
        return {
            **classifier_figures(right, held_out.label, held_out.source),
            "held_out_loss": loss,
            "steps": float(steps),
        }

    def weights_hash(self) -> str:
        """Hash the seed that its random weights come from."""
        return content_key(["ResNet18", SEED])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            maps = self.network.stages(self.network.stem(to_unit_range(images, device)))
            features = maps.mean(dim=(2, 3))
            logits = self.network.head(features)
        return {"features": features.cpu().numpy(), "logits": logits.cpu().numpy()}

    def _check(self, pairs: Pairs) -> tuple[npt.NDArray[np.bool_], float]:
        """Return which of some pairs it gets right, and the mean cross-entropy on them."""
        parts = [
            self.embed(pairs.images[start : start + BATCH])["logits"]
            for start in range(0, len(pairs), BATCH)
        ]
        logits = torch.from_numpy(np.concatenate(parts))
        label = torch.from_numpy(pairs.label)
        right = (logits.argmax(dim=1) == label).numpy()
        return right, F.cross_entropy(logits, label).item()
