"""The moving average of a generator's weights."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """Exponential moving average of a module's parameters and buffers.

    The decay after t updates is min(``decay``, (1 + t) / (10 + t)). As long as the second one is
    the lower, the average is over a fixed share of the training so far, half of its weight on the
    last 7 %: nearly the power function of Karras et al. (2024) with σ_rel = 0.09, at which 1 − β is
    9 / t. So it fits any budget, and what it is after t updates does not depend on how many are to
    follow. From t = 9 / (1 − decay) on it is over a fixed number of updates, half of its weight on
    the last log 2 / (1 − decay).

    ``decay``, in (0, 1), is the decay in the long run.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        @torch.no_grad()
        def update(
            average: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor
        ) -> None:
            if not average[0].is_floating_point():  # batch norm's counter of batches
                for kept, new in zip(average, current, strict=True):
                    kept.copy_(new)
                return
            t = int(count)
            torch._foreach_lerp_(average, current, 1 - min(decay, (1 + t) / (10 + t)))

        super().__init__(module, multi_avg_fn=update, use_buffers=True)  # type: ignore[arg-type]

    def copy_to(self, module: nn.Module) -> None:
        """Put the averaged weights into a module of the same shape."""
        module.load_state_dict(copy.deepcopy(self.module.state_dict()))
