"""One step of an optimiser on a sum of loss terms."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class Adam(torch.optim.Adam):
    """Adam in one operation for all weights (``fused``).

    torch 2.14 takes it for granted on a processor that a weight, its gradient and its moments lie
    in memory in the same order, and mixes their numbers up where they do not, as after a
    checkpoint was loaded. So they are brought into the order of the weight first.
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        super().__init__(weights, lr=lr, betas=betas, fused=True)
        self.register_step_pre_hook(_bring_into_order)


@torch.no_grad()
def _bring_into_order(optimizer: torch.optim.Optimizer, *arguments: Any) -> None:
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is not None:
                weight.grad = _ordered_like(weight, weight.grad)
            state = optimizer.state.get(weight, {})
            for name in ("exp_avg", "exp_avg_sq"):
                if name in state:
                    state[name] = _ordered_like(weight, state[name])


def _ordered_like(weight: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    if value.stride() == weight.stride():
        return value
    return torch.empty_like(weight).copy_(value)


def descend(
    optimizer: torch.optim.Optimizer, terms: Iterable[torch.Tensor], clip: float = 0.0
) -> None:
    """Take one step on the sum of the terms, scalars with gradients.

    A gradient with a larger norm than ``clip`` is shortened to it; 0: none is.
    """
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(terms)).sum().backward()  # type: ignore[no-untyped-call]
    if clip > 0:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()
