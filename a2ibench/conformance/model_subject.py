"""A model under examination: made, prepared, trained and drawn from on small data."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from a2ibench.conformance import options
from a2ibench.conformance.rules import expect
from a2ibench.conformance.sample import ACOUSTIC_DIM, CLASSES, SIZE, make_batch, make_pairs
from a2ibench.conformance.side_effects import SEED, SideEffects, record_effects
from a2ibench.contracts.model import Model
from a2ibench.types import Spec

SCALE = "small"
"""The scale whose values are used: that of a study by default on a processor."""
PAIRS = 32
STEPS = 2
RESUMED = 7
"""Number of steps before and after a training is cut off: a prime, so that what is done every few
steps falls on others when their number is not kept."""

Arrays = dict[str, npt.NDArray[Any]]


class ModelSubject(options.Configured):
    """A model plug-in under examination, whose options are those of the small scale."""

    def __init__(self, plugin: type[Model], values: Mapping[str, Any]) -> None:
        super().__init__(plugin, values)
        self.pairs = make_pairs(PAIRS)

    def configure(self, **changed: Any) -> Any:
        """Make its configuration, with further options."""
        small = self.plugin.scales.get(SCALE, {})
        return super().configure(**{**small, **self.values, **changed})

    def make(self, size: int = SIZE, seed: int = SEED, **changed: Any) -> Model:
        """Make a fresh one, in training mode, as the bench makes it."""
        made = self.configure(**changed)
        torch.manual_seed(seed)
        model: Model = self.plugin(made, Spec(size, ACOUSTIC_DIM, CLASSES))
        return model.to(memory_format=torch.channels_last).train()

    def prepared(self, seed: int = SEED) -> Model:
        """Make a fresh one with the state that :meth:`Model.prepare` left in the first."""
        model = self.make(seed=seed)
        model.load_state_dict(self._life[1])
        return model

    def ablated(self, off: Mapping[str, Any]) -> Model:
        """Make and prepare one without a part."""
        model = self.make(**off)
        model.prepare(self.pairs)
        return model.train()

    @property
    def effects(self) -> SideEffects:
        """Its side effects while it was made, prepared, trained and drew."""
        return self._life[0]

    @property
    def weights(self) -> Arrays:
        """Its weights after that life."""
        return self._life[2]

    @cached_property
    def _life(self) -> tuple[SideEffects, dict[str, torch.Tensor], Arrays]:
        with record_effects() as effects:
            prepared, weights = self.live()
        return effects, prepared, weights

    def live(self) -> tuple[dict[str, torch.Tensor], Arrays]:
        """Make, prepare, train and draw once: the prepared state, and the final weights."""
        model = self.make()
        model.prepare(self.pairs)
        prepared = {name: value.clone() for name, value in model.state_dict().items()}
        model.train()
        self.train(model, STEPS)
        self.draw(model)
        return prepared, weights_of(model)

    def train(self, model: Model, steps: int) -> Mapping[str, torch.Tensor]:
        """Take some steps; return the losses of the last."""
        losses: Mapping[str, torch.Tensor] = {}
        size = max(2, min(model.sampling.batch_size, 8))
        for _ in range(steps):
            losses = model.training_step(make_batch(make_pairs(size, model.spec.image_size), size))
        return losses

    def draw(self, model: Model, rows: slice = slice(0, 4)) -> npt.NDArray[np.float32]:
        """Draw images of the first sounds, ``[n, 3, S, S]``, in evaluation mode."""
        acoustic = torch.from_numpy(self.pairs.acoustic)
        noise = torch.randn(
            len(acoustic), model.noise_dim, generator=torch.Generator().manual_seed(1)
        )
        model.eval()
        with torch.no_grad():
            image = model.generate(acoustic[rows], noise[rows])
        model.train()
        expect(isinstance(image, torch.Tensor), "a tensor", type(image).__name__)
        expect(image.is_floating_point(), "floats in [−1, 1]", f"{image.dtype}")
        return image.float().numpy()


def weights_of(module: nn.Module) -> Arrays:
    """Copy parameters and buffers to arrays."""
    return {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
