"""Data-parallel training: several workers train one model, each on its part of every batch.

A model owns its training step, forward, backward and optimiser steps, so nothing can be wrapped
around it. Instead the workers share what they need where they need it: batch norm takes the whole
batch, and an optimiser steps along the mean of all workers' gradients. Without chance in the step,
n workers compute the same as one, up to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from a2ibench.contracts.model import Model


@dataclass(frozen=True)
class Team:
    """The workers of one training, seen from one of them.

    Torch's default process group joins them where there is more than one.

    Attributes:
        rank: this worker, from 0. The first one writes files, draws and judges.
        workers: number of workers.
    """

    rank: int = 0
    workers: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first worker."""
        return self.rank == 0

    def decide(self, answer: bool) -> bool:
        """Return the first worker's answer to all."""
        if self.workers == 1:
            return answer
        shared = torch.tensor(int(answer), device=self._device)
        dist.broadcast(shared, src=0)
        return bool(shared)

    def join(self, model: Model) -> None:
        """Give every worker the weights of the first, which has prepared it; share its steps."""
        if self.workers == 1:
            return
        for tensor in model.state_dict().values():
            whole = tensor.detach().contiguous()
            dist.broadcast(whole, src=0)
            tensor.detach().copy_(whole)
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                # In place: optimisers keep their parameters, checkpoints their names.
                module.__class__ = SharedBatchNorm
        for optimizer in model.optimizers.values():
            optimizer.register_step_pre_hook(_average_gradients)

    def seed(self, seed: int, step: int) -> None:
        """Fix the noise of a step, different for each worker, as each draws for other pairs.

        It depends on the seed, the worker and the step alone, so that a checkpoint need not hold
        the random states of all workers. A single worker keeps its one stream of noise.
        """
        if self.workers > 1:
            sequence = np.random.SeedSequence(seed, spawn_key=(self.rank, step))
            torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    def mean(self, values: Sequence[torch.Tensor]) -> list[float]:
        """Return the means of scalars over the workers."""
        if self.workers == 1 or not values:
            return [float(value) for value in values]
        stacked = torch.stack([value.detach().float().to(self._device) for value in values])
        dist.all_reduce(stacked)
        return (stacked / self.workers).tolist()

    @property
    def _device(self) -> str:
        """The device from which NCCL or gloo take tensors."""
        return "cuda" if dist.get_backend() == "nccl" else "cpu"


ALONE = Team()


class SharedBatchNorm(_BatchNorm):
    """Batch norm over the batches of all workers, which are of one size.

    Shapes: ``[n, channels, …]`` → the same.
    """

    def _check_input_dim(self, input: torch.Tensor) -> None:  # noqa: A002 - torch's name
        """Accept any shape."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's name
        """See the class."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        var, mean = torch.var_mean(x, dim=axes, correction=0)
        # Each worker's moments, not sums of squares: no large numbers that cancel.
        vars_, means = _Gather.apply(torch.stack([var, mean])).unbind(1)
        mean = means.mean(dim=0)
        var = vars_.mean(dim=0) + means.var(dim=0, correction=0)
        self._track(mean.detach(), var.detach(), dist.get_world_size() * x.numel() // x.shape[1])
        scale = torch.rsqrt(var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        shape = (1, -1, *[1] * (x.ndim - 2))
        return (x * scale.view(shape) + shift.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: torch.Tensor, var: torch.Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(var * (count / (count - 1)), momentum)


class _Gather(torch.autograd.Function):
    """A tensor → those of all workers, ``[workers, …]``; gradients return from all of them."""

    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor) -> torch.Tensor:
        every = mine.new_zeros(dist.get_world_size(), *mine.shape)
        every[dist.get_rank()] = mine
        dist.all_reduce(every)
        return every

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (gradient,) = gradients
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]


def _average_gradients(optimizer: torch.optim.Optimizer, *arguments: Any) -> None:
    """Average the gradients: the result is the gradient of the whole batch's mean loss."""
    every = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
    gradients = [gradient for gradient in every if gradient is not None]
    for dtype in dict.fromkeys(gradient.dtype for gradient in gradients):
        same = [gradient for gradient in gradients if gradient.dtype == dtype]
        flat = torch.cat([gradient.reshape(-1) for gradient in same])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        start = 0
        for gradient in same:
            gradient.copy_(flat[start : start + gradient.numel()].view(gradient.shape))
            start += gradient.numel()
