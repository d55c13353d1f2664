"""Estimate the memory and disk that a model takes, by building it once without weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import GRID_SEGMENTS
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, told
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.results.job import Task
from a2ibench.types import Spec

WORKER_BYTES = 2.0e9
"""Main memory of one worker besides its model: libraries, data, activations, judges.

Measured on trials of the small scale at 64 pixels: 1.9 GB at their peak, without the 0.5 GB of
libraries and data that processes share. Larger batches, feature maps or test splits take more: the
estimate refuses what cannot work, and promises nothing.
"""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a model takes.

    Attributes:
        memory: weights, gradients, two moments of Adam for each weight that an optimiser steps, the
            average, and the copy of all but the gradients that a checkpoint is written from.
        checkpoint: bytes of that copy.
        samples: the images that it draws.
        misfit: reason why it cannot be built for the sizes of the pairs; None if it can.
    """

    memory: float
    checkpoint: float
    samples: float
    batch_size: int
    misfit: str | None = None


def footprint(task: Task) -> Footprint:
    """Return the footprint of a task's model."""
    job, where = task.job, task.environment
    values, options = (
        json.dumps(dict(v), sort_keys=True) for v in (job.config, where.encoder_config)
    )
    return _measure(job.method, values, where.store, where.encoder, options)


@cache
def _measure(method: str, values: str, root: Path, encoder: str, encoder_values: str) -> Footprint:
    import torch

    store = PairStore(root)
    dim = registry.encoders.build(encoder, json.loads(encoder_values)).dim
    spec = Spec(store.image_size, dim, store.classes)
    test = store.counts["test"]
    samples = 3.0 * spec.image_size**2 * (test + min(test, GRID_SEGMENTS) * GRID_NOISES)
    misfit = None
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                model: Any = registry.models.build(method, json.loads(values), spec)
                break
        except UserError as error:
            misfit = str(error)
        except ValueError as error:
            misfit = (
                f"{method}: cannot be built for these pairs ({spec.image_size} ×"
                f" {spec.image_size} px): {told(error)}; if it is the size, prepare pairs with"
                " another --set image_size, or leave the model out"
            )
        except Exception:  # noqa: S112 - a broken model fails in its own trial
            continue
    else:
        return Footprint(0.0, 0.0, samples, 0, misfit)

    def size(tensors: Any) -> float:
        return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors))

    weights = size(model.state_dict().values())
    stepped = size(
        parameter
        for optimizer in model.optimizers.values()
        for group in optimizer.param_groups
        for parameter in group["params"]
    )
    average = size(model.generator.state_dict().values()) if model.ema else 0.0
    checkpoint = weights + 2 * stepped + average
    # A frozen network that is kept elsewhere is in memory, and in no checkpoint.
    kept_elsewhere = max(0.0, size(chain(model.parameters(), model.buffers())) - weights)
    memory = 2 * checkpoint + stepped + kept_elsewhere
    return Footprint(memory, checkpoint, samples, model.sampling.batch_size)


def refuse_budgets(tasks: Sequence[Task]) -> None:
    """Refuse a budget that is less than a batch, or less than a batch more than a smaller one.

    Raises:
        UserError: with the batch size of the model.
    """
    seen: dict[tuple[str, int], int] = {}
    for task in sorted(tasks, key=lambda task: task.job.images):
        job, batch = task.job, footprint(task).batch_size
        if not batch:
            continue  # it could not be measured
        steps = job.images // batch
        if not steps:
            raise UserError(
                f"--images {job.images}: less than one batch of {job.method} ({batch} pairs)"
            )
        if (same := seen.setdefault((job.training, steps), job.images)) != job.images:
            raise UserError(
                f"--images {same},{job.images}: the same number of steps, {steps}, for"
                f" {job.method} (batches of {batch} pairs)"
            )


def refuse_misfits(tasks: Sequence[Task]) -> None:
    """Refuse models that do not accept pictures or features of the sizes of the pairs.

    Raises:
        UserError: a model cannot be built; the message is the model's own.
    """
    for task in tasks:
        if (why := footprint(task).misfit) is not None:
            raise UserError(why)
