"""The training loop: batches in, a trained generator out."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from a2ibench.contracts.model import Model
from a2ibench.data.batches import Batches
from a2ibench.storage import set_aside
from a2ibench.training.checkpoint import DamagedError, TrainingState, read_checkpoint
from a2ibench.training.data_parallel import ALONE, Team
from a2ibench.training.device import autocast
from a2ibench.training.ema import MovingAverage
from a2ibench.training.preview import as_if_finished, preview_steps
from a2ibench.types import ImageArray, Images, IntArray, Pairs

CHECK_EVERY = 20
"""Steps between two readings of the losses, each of which makes a GPU wait."""
SAVE_SHARE = 0.02
"""Share of a training's time for its checkpoints, which sets their interval. An interruption writes
none, since it can come in the middle of a step."""
MIN_SAVE_INTERVAL = 1.0
"""Minimum number of seconds between two checkpoints."""


class DivergedError(Exception):
    """A loss became NaN or infinite: the trial has failed, the study continues."""


@dataclass(frozen=True)
class Progress:
    """The progress of a training.

    Attributes:
        step: number of steps done.
        steps: total number of steps.
        images_per_second: mean rate of training images so far.
        losses: means since the last report.
    """

    step: int
    steps: int
    images_per_second: float
    losses: Mapping[str, float]


class CountedImages:
    """Images that count how many of them were read.

    Attributes:
        count: number of images so far, repeated ones counted each time.
    """

    def __init__(self, images: Images) -> None:
        self._images = images
        self.count = 0

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: IntArray | slice) -> ImageArray:
        found = self._images[index]
        self.count += len(found)
        return found


def fit(
    model: Model,
    train: Pairs,
    *,
    steps: int,
    seed: int,
    checkpoint: Path,
    report: Callable[[Progress], None] = lambda progress: None,
    team: Team = ALONE,
    preview: Callable[[int], None] | None = None,
    earlier: Sequence[Path] = (),
) -> TrainingState:
    """Train a model, resuming from its checkpoint if there is one; leave it with averaged weights.

    Nothing in a step depends on ``steps``: the state after n steps of a longer training is that of
    a training of n steps.

    Args:
        model: freshly made, on its device.
        train: the training pairs.
        steps: total number of steps, one batch each.
        seed: of the batches.
        checkpoint: the file of the state: read if it exists, written at intervals
            (:data:`SAVE_SHARE`) and at the end. A damaged one is set aside, and the training starts
            from the beginning, or from one of ``earlier``.
        report: called every :data:`CHECK_EVERY` steps.
        team: the workers that share each batch; each of them calls this function, with files
            that all of them see.
        preview: called at :func:`~a2ibench.training.preview.preview_steps`, with the model in the
            state it would have at the end; it may draw, and its time is not counted.
        earlier: checkpoints of the same training after fewer steps, the best first: without one of
            its own it goes on from there.

    Returns:
        The final state; ``model.generator`` holds the averaged weights, where the model keeps an
        average, and the checkpoint file holds both.

    Raises:
        DivergedError: a loss became NaN or infinite.
        UserError: the checkpoint is of another model or format; the workers cannot share a batch
            evenly.
    """
    device = next(model.parameters()).device
    model.train()
    damage: list[str] = []
    start = next(
        (
            path
            for path in (checkpoint, *earlier)
            if team.decide(team.leads and _is_whole(path, checkpoint, damage))
        ),
        None,
    )
    begins = start is None
    preparation, read = 0.0, CountedImages(train.images)
    if begins and team.leads:
        begun = time.monotonic()
        model.prepare(replace(train, images=read))
        preparation = time.monotonic() - begun
    team.join(model)
    if begins:
        # The same noise for every arm, however much chance its weights and preparation took.
        torch.manual_seed(seed)
    average = MovingAverage(model.generator, model.ema) if model.ema else None
    state = TrainingState(
        model,
        average,
        model.optimizers,
        preparation_seconds=preparation,
        preparation_images=read.count,
    )
    if start is not None:
        state.load(start)
    for one in damage:
        since = "the beginning" if start is None else f"step {state.step}"
        state.notes = [*state.notes, f"{one}, trained from {since}"]
    saved_at = state.step if start == checkpoint else -1
    batches = Batches(train, model.sampling, seed, device, team.rank, team.workers)
    previewed = preview_steps(steps, CHECK_EVERY)
    if preview is not None and state.step == 0:
        with as_if_finished(model, average):
            preview(0)
    started = saved = time.monotonic()
    wait = MIN_SAVE_INTERVAL
    spent_before = state.seconds
    seen: dict[str, list[torch.Tensor]] = {}
    while state.step < steps:
        team.seed(seed, state.step)
        with autocast(device):
            losses = model.training_step(batches.batch(state.step))
        if average is not None:
            average.update_parameters(model.generator)
        for name, value in losses.items():
            seen.setdefault(name, []).append(value.detach())
        state.step += 1
        if state.step % CHECK_EVERY and state.step != steps:
            continue
        means = _means(seen, state.step, team)
        seen = {}
        now = time.monotonic()
        state.seconds = spent_before + now - started
        state.curve.append({"step": state.step, **means})
        rate = state.step * model.sampling.batch_size / state.seconds
        if preview is not None and state.step in previewed:
            # Before the checkpoint: a training that is resumed behind this step has its preview.
            with as_if_finished(model, average):
                preview(state.step)
            paused = time.monotonic() - now
            started, now = started + paused, now + paused
        if team.leads and now - saved > wait:
            state.save(checkpoint)
            saved = time.monotonic()
            wait = max(MIN_SAVE_INTERVAL, (saved - now) / SAVE_SHARE)
        report(Progress(state.step, steps, rate, means))
    if team.leads and state.step > saved_at:
        state.save(checkpoint)
    if average is not None:
        average.copy_to(model.generator)
    return state


def _is_whole(path: Path, own: Path, damage: list[str]) -> bool:
    """Return whether a checkpoint is there to begin with; note a damaged one, and move one of the
    training itself out of the way."""
    if not path.exists():
        return False
    try:
        read_checkpoint(path)
        return True
    except DamagedError:
        if path == own:
            aside = set_aside(path)
            damage.append(f"its checkpoint was damaged: set aside as {aside.name}")
        else:
            damage.append(f"the checkpoint of job {path.parent.name} was damaged")
        return False


def _means(seen: Mapping[str, list[torch.Tensor]], step: int, team: Team) -> dict[str, float]:
    each = [torch.stack(values).mean() for values in seen.values()]
    means = dict(zip(seen, team.mean(each), strict=True))
    for name, value in means.items():
        if not math.isfinite(value):
            raise DivergedError(f"loss {name} is {value} before step {step}")
    return means
