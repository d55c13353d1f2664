"""A frozen network without its batch norms."""

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Folded:
    """A frozen network in evaluation mode, each batch norm folded into the convolution before it.

    The same function with a third of the layers gone. It follows the network: it is folded again
    when a weight of it has changed. In mixed precision its weights are converted then, once.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._state: Any = None
        self._folded = network

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the network."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        tensors = (*self._network.parameters(), *self._network.buffers())
        state = (dtype, [(tensor.data_ptr(), tensor._version) for tensor in tensors])
        if state != self._state:
            self._folded = fold(self._network).requires_grad_(False).to(dtype)
            self._state = state
        return self._folded(x)


def fold(network: nn.Module) -> nn.Module:
    """Copy a network for evaluation, its batch norms folded into the convolutions before them.

    A batch norm belongs to the convolution that its parent module registered before it.
    """
    network = copy.deepcopy(network).eval()
    for parent in list(network.modules()):
        for (before, conv), (name, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, before, fuse_conv_bn_eval(conv, norm))
                setattr(parent, name, nn.Identity())
    return network
