"""Previews of a model while it trains, which leave the training untouched."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from a2ibench.contracts.model import Model
from a2ibench.training.ema import MovingAverage

FACTOR = 4


def preview_steps(steps: int, every: int) -> list[int]:
    """Return the steps of the previews: 0, ``every``, four times, sixteen times that, …, the last.

    Those of a longer training are the same, but for the last of the shorter one.
    """
    found = [0]
    step = every
    while step < steps:
        found.append(step)
        step *= FACTOR
    return [*found, steps]


@contextmanager
def as_if_finished(model: Model, average: MovingAverage | None) -> Iterator[None]:
    """Put the model into the state it would be left in if the training ended here.

    Afterwards everything is as before, to the last bit: weights, buffers, the modes of all modules
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
