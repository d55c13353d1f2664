"""The training loop: batches in, a trained generator out."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from a2ibench.contracts.model import Model
from a2ibench.data.batches import Batches
from a2ibench.data.types import Pairs
from a2ibench.training.average import MovingAverage
from a2ibench.training.checkpoint import TrainingState
from a2ibench.training.device import autocast
from a2ibench.training.look import as_if_finished, look_steps

CHECK_EVERY = 20
"""Steps between two looks at the losses: a GPU is not stopped at each of them."""
SAVE_EVERY = 30.0
"""Seconds between two checkpoints: what an interruption costs at most. It is not written when the
interruption comes, since that can be in the middle of a step."""


class DivergedError(Exception):
    """A loss became NaN or infinite: the trial has failed, the study goes on."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step: steps done.
        steps: steps in all.
        images_per_second: training images taken in, over the whole training so far.
        losses: means since the last report.
    """

    step: int
    steps: int
    images_per_second: float
    losses: Mapping[str, float]


def fit(
    model: Model,
    train: Pairs,
    *,
    steps: int,
    seed: int,
    checkpoint: Path,
    report: Callable[[Progress], None] = lambda progress: None,
    look: Callable[[int], None] | None = None,
) -> TrainingState:
    """Trains a model, or goes on where its checkpoint stands; leaves the averaged weights in it.

    Args:
        model: freshly made, on its device.
        train: the training pairs.
        steps: steps in all, one batch each.
        seed: of the batches.
        checkpoint: the file that keeps the state: read if it is there, written every
            :data:`SAVE_EVERY` seconds and at the end.
        report: called every :data:`CHECK_EVERY` steps.
        look: called at a few steps (:func:`~a2ibench.training.look.look_steps`), while the model is
            as if the training had ended there; it may draw, and its time is not counted.

    Returns:
        The final state; ``model.generator`` holds the averaged weights, where the model keeps an
        average, and the checkpoint file holds both.

    Raises:
        DivergedError: a loss became NaN or infinite.
        UserError: the checkpoint cannot be read.
    """
    device = next(model.parameters()).device
    model.train()
    preparation = 0.0
    if not checkpoint.exists():
        begun = time.monotonic()
        model.prepare(train)
        preparation = time.monotonic() - begun
        # The same noise for every arm, however much chance its weights and preparation took.
        torch.manual_seed(seed)
    average = MovingAverage(model.generator, model.ema) if model.ema else None
    state = TrainingState(model, average, model.optimizers, preparation_seconds=preparation)
    if checkpoint.exists():
        state.load(checkpoint)
    resumed_at = state.step
    batches = Batches(train, model.sampling, seed, device)
    looked_at = look_steps(steps, CHECK_EVERY)
    if look is not None and state.step == 0:
        with as_if_finished(model, average):
            look(0)
    started = saved = time.monotonic()
    spent_before = state.seconds
    seen: dict[str, list[torch.Tensor]] = {}
    while state.step < steps:
        with autocast(device):
            losses = model.training_step(batches.batch(state.step))
        if average is not None:
            average.update_parameters(model.generator)
        for name, value in losses.items():
            seen.setdefault(name, []).append(value)
        state.step += 1
        if state.step % CHECK_EVERY and state.step != steps:
            continue
        means = _means(seen, state.step)
        seen = {}
        now = time.monotonic()
        state.seconds = spent_before + now - started
        state.curve.append({"step": state.step, **means})
        rate = state.step * model.sampling.batch_size / state.seconds
        if look is not None and state.step in looked_at:
            # Before the checkpoint: a training that is resumed behind this step has been looked at.
            with as_if_finished(model, average):
                look(state.step)
            started += time.monotonic() - now
        if now - saved > SAVE_EVERY:
            state.save(checkpoint)
            saved = now
        report(Progress(state.step, steps, rate, means))
    if state.step > resumed_at:
        state.save(checkpoint)
    if average is not None:
        average.copy_to(model.generator)
    return state


def _means(seen: Mapping[str, list[torch.Tensor]], step: int) -> dict[str, float]:
    means = {name: float(torch.stack(values).mean()) for name, values in seen.items()}
    for name, value in means.items():
        if not math.isfinite(value):
            raise DivergedError(f"loss {name} is {value} before step {step}")
    return means
