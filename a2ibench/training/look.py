"""Looking at a model while it trains, without touching the training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from a2ibench.contracts.model import Model
from a2ibench.training.average import MovingAverage

LOOKS = 6


def look_steps(steps: int, every: int) -> list[int]:
    """The steps to look at: none done, a sixteenth, an eighth, a quarter, a half of them, and all.

    Args:
        steps: of the whole training, at least 1.
        every: all but the last are multiples of it.
    """
    parts = (every * 2**k for k in range(LOOKS - 1))
    return [0, *sorted({min(steps, -(-steps // part) * every) for part in parts})]


@contextmanager
def as_if_finished(model: Model, average: MovingAverage | None) -> Iterator[None]:
    """Inside, the model is as it would be left if the training ended here.

    Afterwards everything is as it was to the last bit: weights, buffers, the modes of all modules
    and torch's random generators.
    """
    kept = [(value, value.detach().clone()) for value in (*model.parameters(), *model.buffers())]
    modes = [(module, module.training) for module in model.modules()]
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
        try:
            if average is not None:
                average.copy_to(model.generator)
            yield
        finally:
            for value, before in kept:
                value.copy_(before)
            for module, training in modes:
                module.training = training
