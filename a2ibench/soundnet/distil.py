"""Distillation: SoundNet learns to predict from sounds what a teacher sees in their images."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench.media.audio import fit_length
from a2ibench.nn.descent import descend
from a2ibench.soundnet.network import SoundNet
from a2ibench.training.checkpoint import TrainingState
from a2ibench.training.fit import DivergedError
from a2ibench.types import FloatArray, IntArray

SAVE_EVERY = 30.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class Budget:
    """The budget of a training: Adam's learning rate, and the seed of weights, order and cuts."""

    steps: int
    batch_size: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class Lessons:
    """Sounds, and the teacher's posterior on the image of each.

    Attributes:
        waveform: position → float32 ``[T]``, mono, in [−1, 1], at SoundNet's sample rate.
        posterior: float32 ``[n, k]``, ``g(y)``: rows of probabilities.
    """

    waveform: Callable[[int], FloatArray]
    posterior: FloatArray

    def __len__(self) -> int:
        return len(self.posterior)


def divergence(posterior: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """Compute D_KL(g(y) ‖ f(x)) in nats, SoundNet's objective (Aytar et al. 2016, §3.2).

    f(x), the head's posterior on a sound, is the softmax of each of its frames, averaged over
    them, as in the encoder.

    Shapes: posterior float ``[n, k]``, frames (the head's logits) ``[n, k, frames]`` → ``[n]``.
    """
    log_f = torch.logsumexp(frames.log_softmax(dim=1), dim=2) - math.log(frames.shape[2])
    return F.kl_div(log_f, posterior, reduction="none").sum(dim=1)


def mean_divergence(
    network: SoundNet,
    lessons: Lessons,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Return the mean of :func:`divergence` over whole sounds, as the encoder takes them.

    The network, up to a head, is put into evaluation mode; there is at least one lesson.
    """
    device = next(network.parameters()).device
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for i in range(len(lessons)):
            sound = fit_length(lessons.waveform(i), network.min_samples)
            frames = network(torch.tensor(sound[np.newaxis], device=device))
            posterior = torch.tensor(lessons.posterior[i : i + 1], device=device)
            total += float(divergence(posterior, frames))
            report(i + 1, len(lessons))
    return total / len(lessons)


def distil(
    network: SoundNet,
    lessons: Lessons,
    budget: Budget,
    *,
    samples: int,
    checkpoint: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingState:
    """Train with Adam, as the paper does; resume from the checkpoint if there is one.

    A batch depends on the seed and its step alone, so that an interrupted training ends with the
    same weights. Everything is float32: bfloat16 would round the waveform to 8 bits.

    Args:
        network: freshly made, up to a head, on its device.
        lessons: the training pairs.
        budget: of the whole training.
        samples: length of the sounds in a batch, at least the network's minimum; longer ones are
            cut at a random place, shorter ones tiled.
        checkpoint: the file of the state, written every :data:`SAVE_EVERY` seconds and at the end.
        report: called with the steps done and in total.

    Raises:
        DivergedError: the loss became NaN or infinite.
        UserError: the checkpoint cannot be read.
    """
    device = next(network.parameters()).device
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=budget.learning_rate)
    state = TrainingState(network, None, {"adam": optimizer})
    if checkpoint.exists():
        state.load(checkpoint)
    saved = time.monotonic()
    report(state.step, budget.steps)
    while state.step < budget.steps:
        rows = _rows(len(lessons), budget, state.step)
        rng = np.random.default_rng([budget.seed, 1, state.step])
        sounds = np.stack([_cut(lessons.waveform(int(row)), samples, rng) for row in rows])
        posterior = torch.from_numpy(lessons.posterior[rows]).to(device)
        loss = divergence(posterior, network(torch.from_numpy(sounds).to(device))).mean()
        if not math.isfinite(value := loss.item()):
            raise DivergedError(f"the divergence is {value} at step {state.step + 1}")
        descend(optimizer, [loss])
        state.step += 1
        if state.step == budget.steps or time.monotonic() - saved > SAVE_EVERY:
            state.save(checkpoint)
            saved = time.monotonic()
        report(state.step, budget.steps)
    return state


def _rows(n: int, budget: Budget, step: int) -> IntArray:
    """Return the pairs of one step: each once per epoch, in the epoch's own order."""
    positions = range(step * budget.batch_size, (step + 1) * budget.batch_size)
    orders = {
        epoch: np.random.default_rng([budget.seed, 0, epoch]).permutation(n)
        for epoch in {position // n for position in positions}
    }
    return np.array([orders[position // n][position % n] for position in positions], dtype=np.int64)


def _cut(waveform: FloatArray, samples: int, rng: np.random.Generator) -> FloatArray:
    whole = fit_length(waveform, samples)
    start = int(rng.integers(len(whole) - samples + 1))
    return whole[start : start + samples]
