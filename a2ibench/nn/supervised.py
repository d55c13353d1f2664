"""Supervised training of a network on real images, for judges and pretrained parts."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from a2ibench.types import ImageArray, Images


def to_unit_range(images: ImageArray, device: torch.device | str = "cpu") -> torch.Tensor:
    """Convert uint8 ``[n, S, S, 3]`` to float32 ``[n, 3, S, S]`` in [−1, 1], channels last."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return tensor.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def fit_steps(
    network: nn.Module,
    images: Images,
    target: torch.Tensor,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    *,
    seed: int,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-4,
    flip: bool = True,
) -> Iterator[float]:
    """Train with AdamW, one step per item that is taken; yield the loss of each.

    Args:
        network: maps float ``[n, 3, S, S]`` in [−1, 1] to ``[n, k]``; left in training mode.
        images: the training images.
        target: ``[len(images), ...]``, on any device; the loss compares with its rows.
        loss: ``loss(output, target) -> scalar``.
        seed: fixes the order of the images and the flips.
        flip: horizontal flips with probability ½.
    """
    device = next(network.parameters()).device
    target = target.to(device)
    rng = np.random.default_rng(seed)
    # The same bits as one weight after another, in half the time.
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, foreach=True
    )
    network.train()
    order: list[int] = []
    while True:
        while len(order) < batch_size:
            order += rng.permutation(len(images)).tolist()
        rows = np.array(order[:batch_size], dtype=np.int64)
        del order[:batch_size]
        image = to_unit_range(images[rows], device)
        if flip:
            mirrored = torch.from_numpy(rng.random(len(rows)) < 0.5).to(device)
            image = torch.where(mirrored[:, None, None, None], image.flip(3), image)
        value = loss(network(image), target[torch.from_numpy(rows).to(device)])
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield value.item()


def keep_best(
    network: nn.Module,
    training: Iterator[float],
    scores: Callable[[], tuple[float, ...]],
    *,
    check_every: int,
    patience: int,
    max_steps: int,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> int:
    """Train until a score on held-out images stops rising, and keep the best weights.

    Args:
        network: the network; left in evaluation mode with the weights that are kept.
        training: its :func:`fit_steps`.
        scores: returns the score, and more numbers by which the best of equal ones is chosen. It is
            called in evaluation mode.
        check_every: number of steps between two scores.
        patience: number of scores without a rise, in a row, that end the training.
        max_steps: maximum number of steps.
        bounds: lowest and highest possible score; the highest ends the training.

    Returns:
        The step of the weights that are kept.
    """
    (highest, limit), waited = bounds, 0
    best: tuple[float, ...] = (-math.inf,)
    best_step, best_weights = 0, network.state_dict()
    for step, _ in enumerate(training, start=1):
        if step % check_every:
            continue
        network.eval()
        found = scores()
        if found > best:
            best, best_step = found, step
            best_weights = {name: value.clone() for name, value in network.state_dict().items()}
        waited = 0 if found[0] > highest else waited + 1
        highest = max(highest, found[0])
        if highest == limit or waited == patience or step >= max_steps:
            break
        network.train()
    network.load_state_dict(best_weights)
    network.eval()
    return best_step
