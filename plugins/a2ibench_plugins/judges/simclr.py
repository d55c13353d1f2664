"""A network that learns to tell the real pictures apart: the judge of quality with resolution."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import HeldOut, Judge
from a2ibench.data.holdout import hold_out
from a2ibench.nn.held_out import classifier_figures
from a2ibench.nn.resnet import ResNet18
from a2ibench.nn.supervised import to_unit_range
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Pairs, Spec

SEED = 20_200_213
"""Seed of the weights, the held-out sources, the order, and the views."""
HELD_OUT = 0.2
SIZE = 128
"""Larger images are averaged down to so many pixels a side."""
WIDTH, OUTPUTS = 16, 128
"""Channels of the first stage, and numbers that the views are compared by."""
BATCH = 64
BLOCK = 1024
"""Held-out pictures that are compared with all others at once."""
STEPS = 300
LEARNING_RATE = 2e-3
"""The highest; it rises and falls once (Smith and Topin 2018)."""
TEMPERATURE = 0.2
SMALLEST_CROP = 0.5
"""Side of the smallest crop, as a share of the image's: one that still shows which image it is."""
BRIGHTNESS, COLOUR = 0.2, 0.1
"""Largest change of the contrast, and of the level of a channel, of the range [−1, 1]."""


class SimCLR(Judge):
    """A narrow ResNet-18 trained by contrast (SimCLR, Chen et al. 2020) on real pictures.

    Two views of each picture, cropped and tinted at random, are to be nearer to each other than to
    the views of all others of the batch (equation 1; temperature 0.2; 300 steps of 64 pictures). No
    class and no sound is used, and no view is blurred, compressed or noisy: the network has to see
    what tells one moment from another, which pictures of classes and ImageNet do not ask for.

    Outputs: ``"features"`` ``[n, 128]``, the mean of the last map, standardised by the real
    training pictures.
    """

    name = "simclr"
    outputs = ("features",)
    trained = True
    encoder_free = True
    fewest_sources = 2
    held_out = HeldOut("held_out_nearer", "own views nearer than others", True, chance=0.5)
    mean: torch.Tensor
    std: torch.Tensor

    def build(self, spec: Spec) -> None:
        """Make random weights from the judge's own seed."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(SEED)
            network = ResNet18(OUTPUTS, WIDTH)
        self.network = network.to(memory_format=torch.channels_last).eval()
        features = network.head.in_features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, train: Pairs) -> Mapping[str, float]:
        """See the class.

        Returns:
            ``held_out_nearer``, how often a view of a held-out picture is nearer to the other view
            of it than to those of other held-out pictures (chance: ½), if there are others; its
            lower end over clips and their number, as
            :func:`~a2ibench.nn.held_out.classifier_figures` computes them; and ``steps``.

        Raises:
            UserError: a class has fewer than two training sources.
        """
        seen, held_out = hold_out(train, HELD_OUT, SEED)
        rng = np.random.default_rng(SEED)
        chance = torch.Generator().manual_seed(SEED)
        optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=1e-4, foreach=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
        self.network.train()
        for _ in range(STEPS):
            rows = np.sort(rng.choice(len(seen), min(BATCH, len(seen)), replace=False))
            images = self._look(seen.images[rows])
            answers = self.network(torch.cat([_view(images, chance), _view(images, chance)]))
            optimizer.zero_grad(set_to_none=True)
            contrast(answers).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        self.network.eval()
        features = torch.cat([self._features(train.images[rows]) for rows in _batches(len(train))])
        self.mean.copy_(features.mean(dim=0))
        variance = features.var(dim=0)
        # A feature that hardly varies must not decide.
        self.std.copy_((variance + 1e-3 * variance.mean()).sqrt())
        one, other = (
            torch.cat([self._view_of(held_out.images[rows], chance) for rows in batches])
            for batches in [_batches(len(held_out))] * 2
        )
        # Pictures of one clip are hardly to be told apart, so a rank says more than the nearest.
        ranks = [_farther(one, other, slice(i, i + BLOCK)) for i in range(0, len(one), BLOCK)]
        farther = (torch.cat(ranks) / max(1, len(held_out) - 1)).cpu().numpy()
        figures = dict(classifier_figures(farther, held_out.label, held_out.source))
        del figures["held_out_chance"]  # that of a class, which is not asked for
        nearer = figures.pop("held_out_accuracy")
        if len(held_out) > 1:
            figures["held_out_nearer"] = nearer
        return {**figures, "steps": float(STEPS)}

    def weights_hash(self) -> str:
        """Hash the seed that its random weights come from."""
        return content_key(["ResNet18", WIDTH, SEED])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        features = (self._features(images) - self.mean) / self.std
        return {"features": features.cpu().numpy()}

    def _look(self, images: ImageArray) -> torch.Tensor:
        """Return images as the network takes them, larger ones averaged down."""
        seen = to_unit_range(images, self.mean.device)
        if seen.shape[-1] <= SIZE:
            return seen
        return F.interpolate(seen, size=(SIZE, SIZE), mode="area")

    @torch.inference_mode()
    def _features(self, images: ImageArray) -> torch.Tensor:
        return self.network.stages(self.network.stem(self._look(images))).mean(dim=(2, 3))

    @torch.inference_mode()
    def _view_of(self, images: ImageArray, chance: torch.Generator) -> torch.Tensor:
        return F.normalize(self.network(_view(self._look(images), chance)), dim=1)


def contrast(answers: torch.Tensor) -> torch.Tensor:
    """Compute NT-Xent, equation 1 of Chen et al. (2020).

    Rows i and n + i of ``answers``, ``[2n, k]``, belong to two views of one picture.
    """
    n = len(answers) // 2
    directions = F.normalize(answers.float(), dim=1)
    likeness = directions @ directions.T / TEMPERATURE
    itself = torch.eye(2 * n, dtype=torch.bool, device=answers.device)
    other = torch.arange(2 * n, device=answers.device).roll(n)
    return F.cross_entropy(likeness.masked_fill(itself, -torch.inf), other)


def _view(images: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Crop each of ``[n, 3, S, S]`` at random, scale the crop to S, and tint it."""
    n, device = len(images), images.device

    def uniform(*shape: int) -> torch.Tensor:  # drawn on the processor: equal on every device
        return (2 * torch.rand(n, *shape, generator=chance) - 1).to(device)

    share = 1 - (1 - SMALLEST_CROP) * (uniform(1) + 1) / 2
    place = torch.zeros(n, 2, 3, device=device)
    place[:, 0, 0] = place[:, 1, 1] = share[:, 0]
    place[:, :, 2] = uniform(2) * (1 - share)
    grid = F.affine_grid(place, list(images.shape), align_corners=False)
    cropped = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    tinted = cropped * (1 + BRIGHTNESS * uniform(1, 1, 1)) + 2 * COLOUR * uniform(3, 1, 1)
    return tinted.contiguous(memory_format=torch.channels_last)


def _batches(n: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, n, BATCH)]


def _farther(one: torch.Tensor, other: torch.Tensor, rows: slice) -> torch.Tensor:
    """Count, for some rows of two views ``[n, k]``, the other pictures' views that are less like a
    view than that of its own picture."""
    alike = one[rows] @ other.T
    own = alike.diagonal(offset=rows.start).unsqueeze(1)
    return (alike < own).sum(dim=1)
