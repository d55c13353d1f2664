"""DiffAugment (Zhao et al. 2020): differentiable random changes of an image."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

Policy = Literal["color", "translation", "cutout"]


def diffaugment(image: torch.Tensor, policy: Sequence[Policy]) -> torch.Tensor:
    """Change each image ``[n, 3, S, S]`` at random; for real and generated images alike.

    ``color``: brightness ±½, saturation × 0..2, contrast × ½..1½. ``translation``: up to S/8 each
    way, zeros move in. ``cutout``: a square of S/2 becomes 0.
    """
    for name in policy:
        image = _CHANGES[name](image)
    return image


def _uniform(image: torch.Tensor) -> torch.Tensor:
    return torch.rand(len(image), 1, 1, 1, device=image.device)


def _color(image: torch.Tensor) -> torch.Tensor:
    image = image + (_uniform(image) - 0.5)
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (image - grey) * (_uniform(image) * 2.0)
    middle = image.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (image - middle) * (_uniform(image) + 0.5)


def _translation(image: torch.Tensor) -> torch.Tensor:
    n, _, size, _ = image.shape
    most = size // 8
    dy, dx = torch.randint(0, 2 * most + 1, (2, n, 1), device=image.device)
    padded = F.pad(image, (most, most, most, most))
    line = torch.arange(size, device=image.device)
    each = torch.arange(n, device=image.device)[:, None, None]
    # Indexing by image, row and column puts the channels last.
    moved = padded.permute(0, 2, 3, 1)[each, (line + dy)[:, :, None], (line + dx)[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _cutout(image: torch.Tensor) -> torch.Tensor:
    n, _, size, _ = image.shape
    half = size // 4
    centre = torch.randint(0, size, (2, n, 1), device=image.device)
    near = (torch.arange(size, device=image.device) - centre).add(half)
    inside = (near >= 0) & (near < 2 * half)
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return image.masked_fill(hole[:, None], 0.0)


_CHANGES = {"color": _color, "translation": _translation, "cutout": _cutout}
