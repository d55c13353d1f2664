"""One step of an optimiser on a sum of loss terms."""

from collections.abc import Iterable

import torch
from torch import nn


def descend(
    optimizer: torch.optim.Optimizer, terms: Iterable[torch.Tensor], clip: float | None = None
) -> None:
    """Take one step on the sum of the terms, scalars with gradients.

    A gradient with a larger norm than ``clip`` is shortened to it.
    """
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(terms)).sum().backward()  # type: ignore[no-untyped-call]
    if clip is not None:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()
