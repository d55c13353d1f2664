"""A convolution of a map together with a vector that is the same at each of its places."""

import torch
import torch.nn.functional as F
from torch import nn


class TiledConv2d(nn.Conv2d):
    """A 3×3 convolution of ``cat([map, tiled vector, other map])``, zero padding 1 and no bias.

    The part of the vector is the same at all places but the borders, where the padding takes taps
    away: a map of 3×3 places holds all the cases there are. So the vector is never tiled, and costs
    9 places instead of H·W: the same sums.

    Shapes: map ``[n, before, H, W]``, vector ``[n, vector]``, other map ``[n, after, H, W]`` or
    None where ``after`` is 0 → ``[n, outputs, H, W]``; H, W ≥ 3.
    """

    def __init__(self, before: int, vector: int, after: int, outputs: int) -> None:
        super().__init__(before + vector + after, outputs, 3, padding=1, bias=False)
        self._parts = (before, vector, after)

    def forward(  # type: ignore[override]
        self, before: torch.Tensor, vector: torch.Tensor, after: torch.Tensor | None = None
    ) -> torch.Tensor:
        """See the class."""
        of_before, of_vector, of_after = self.weight.split(self._parts, dim=1)  # type: ignore[no-untyped-call]
        maps, weight = before, of_before
        if after is not None:
            maps, weight = torch.cat([before, after], 1), torch.cat([of_before, of_after], 1)
        cases = F.conv2d(vector[:, :, None, None].expand(-1, -1, 3, 3), of_vector, padding=1)
        for axis in (2, 3):
            first, middle, last = cases.split(1, dim=axis)  # type: ignore[no-untyped-call]
            sizes = [-1] * 4
            sizes[axis] = before.shape[axis] - 2
            cases = torch.cat([first, middle.expand(sizes), last], dim=axis)
        return F.conv2d(maps, weight, padding=1) + cases
