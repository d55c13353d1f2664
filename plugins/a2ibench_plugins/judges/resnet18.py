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
from a2ibench.nn.supervised import fit_steps, to_unit_range
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
    fewest_sources = 2
    held_out = HeldOut("held_out_accuracy", "accuracy", percent=True)

    def build(self, spec: Spec) -> None:
        """Random weights from the judge's own seed."""
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
        highest, kept, waited = 0.0, (-1.0, 0.0), 0
        kept_step, kept_weights = 0, self.network.state_dict()
        kept_right = np.zeros(len(held_out), dtype=np.bool_)
        for step, _ in enumerate(training, start=1):
            if step % CHECK_EVERY:
                continue
            right, loss = self._check(held_out)
            accuracy = float(right.mean())
            if (accuracy, -loss) > kept:
                kept, kept_step, kept_right = (accuracy, -loss), step, right
                kept_weights = {
                    name: tensor.clone() for name, tensor in self.network.state_dict().items()
                }
            waited = 0 if accuracy > highest else waited + 1
            highest = max(highest, accuracy)
            if highest == 1 or waited == PATIENCE or step >= MAX_STEPS:
                break
            self.network.train()
        self.network.load_state_dict(kept_weights)
        self.network.eval()
        return {
            **classifier_figures(kept_right, held_out.label, held_out.source),
            "held_out_loss": -kept[1],
            "steps": float(kept_step),
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
        """Which of some pairs it gets right, and the mean cross-entropy on them."""
        self.network.eval()
        logits = torch.from_numpy(
            np.concatenate(
                [
                    self.embed(pairs.images[start : start + BATCH])["logits"]
                    for start in range(0, len(pairs), BATCH)
                ]
            )
        )
        label = torch.from_numpy(pairs.label)
        right = (logits.argmax(dim=1) == label).numpy()
        return right, F.cross_entropy(logits, label).item()
