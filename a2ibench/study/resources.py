"""What trials need against what is there: refused with the arithmetic, or fewer at once."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.metric import GRID_SEGMENTS
from a2ibench.data.batches import share_of
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, told
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.results.job import Task
from a2ibench.types import Spec

GB = 1e9
WORKER_BYTES = 2.0e9
"""Main memory of one worker beside the states below: libraries, data, activations, judges.

Measured on trials of the small scale at 64 pixels: 1.9 GB at their peak, without the 0.5 GB of
libraries and data that processes share. Larger batches, feature maps or test splits take more: this
refuses what cannot go well and promises nothing.
"""


@dataclass(frozen=True)
class Machine:
    """What one machine offers.

    Attributes:
        cpus: processors that this study may use.
        gpus: likewise.
        memory: bytes of main memory that are available.
    """

    cpus: float
    gpus: float
    memory: float


@dataclass(frozen=True)
class Need:
    """What one trial needs.

    Attributes:
        workers: processes, with one processor each.
        gpus: for each worker.
        memory: bytes of main memory for each worker.
    """

    workers: int
    gpus: float
    memory: float

    def __str__(self) -> str:
        each = f"1 CPU, {self.gpus:g} GPU, {self.memory / GB:.1f} GB of memory"
        return each if self.workers == 1 else f"{self.workers} workers, each with {each}"


def this_machine() -> Machine:
    """The machine that this process runs on."""
    import joblib
    import psutil

    return Machine(joblib.cpu_count(), len(visible_gpus()), psutil.virtual_memory().available)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    import torch

    count = torch.cuda.device_count()
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or [str(i) for i in range(count)])[:count]


def refuse_workers(tasks: Sequence[Task]) -> None:
    """Only Ray joins several workers to one trial.

    Raises:
        UserError: a task wants more than one.
    """
    if any(task.job.workers > 1 for task in tasks):
        raise UserError("more than one GPU a trial needs --executor ray")


def need_of(
    tasks: Sequence[Task], gpus_per_trial: float | None, machines: Sequence[Machine]
) -> Need:
    """The need of the largest of several trials.

    Args:
        tasks: model jobs with one number of workers.
        gpus_per_trial: None for one GPU a worker where there is any GPU.
        machines: where they will run.

    Raises:
        UserError: the number of GPUs cannot be shared by the workers, or a batch cannot.
    """
    workers = max(task.job.workers for task in tasks)
    if gpus_per_trial is None:
        gpus = 1.0 if any(machine.gpus for machine in machines) else 0.0
    else:
        gpus = gpus_per_trial / workers
        if workers > 1 and gpus not in (0, 1):
            raise UserError(
                f"--gpus-per-trial {gpus_per_trial:g} with {workers} workers: expected one GPU a"
                " worker"
            )
    for task in tasks:
        share_of(_state(task).batch_size, task.job.workers)
    return Need(workers, gpus, WORKER_BYTES + max(_state(task).memory for task in tasks))


def sharers(gpus: float) -> int:
    """How many trials share one GPU, each with a fraction of it; 1 or more GPUs are not shared."""
    return max(1, int(1 / gpus + 1e-9))


def trials_at_once(
    need: Need, machines: Sequence[Machine], trials: int, say: Callable[[str], None]
) -> int:
    """How many trials can run at once, at most ``trials``; says so where memory makes it fewer.

    Raises:
        UserError: not even one.
    """

    def room(machine: Machine, memory: bool) -> int:
        limits = [machine.cpus]
        if need.gpus >= 1:
            limits.append(machine.gpus // need.gpus)
        elif need.gpus:
            limits.append(int(machine.gpus) * sharers(need.gpus))
        if memory:
            limits.append(machine.memory // need.memory)
        return int(min(limits))

    def trials_in(memory: bool) -> int:
        return sum(room(machine, memory) for machine in machines) // need.workers

    at_once, without = min(trials, trials_in(True)), min(trials, trials_in(False))
    there = " + ".join(
        f"{machine.cpus:g} CPUs, {machine.gpus:g} GPUs, {machine.memory / GB:.1f} GB available"
        for machine in machines
    )
    if at_once < 1:
        raise UserError(
            f"a trial needs {need}; there are {there or 'no machines'}: no trial could start"
        )
    if at_once < without:
        say(
            f"{_count(at_once)} at once instead of {without}: each needs"
            f" {need.workers * need.memory / GB:.1f} GB of memory; there are {there}"
        )
    return at_once


def find_room(
    tasks: Sequence[Task],
    gpus_per_trial: float | None,
    machines: Sequence[Machine],
    most: int,
    say: Callable[[str], None],
) -> tuple[Need, int]:
    """The need of each of some trials, and how many of them can run at once, at most ``most``.

    Raises:
        UserError: not even one, by :func:`need_of`, :func:`trials_at_once` or :func:`check_disk`.
    """
    need = need_of(tasks, gpus_per_trial, machines)
    at_once = trials_at_once(need, machines, most, say)
    check_disk(tasks, at_once)
    return need, at_once


def refuse_misfits(tasks: Sequence[Task]) -> None:
    """Refuses a model that does not take pictures or features of the pairs' size.

    Raises:
        UserError: one of the tasks' models cannot be built; the message is the model's.
    """
    for task in tasks:
        if (why := _state(task).misfit) is not None:
            size = PairStore(task.store).image_size
            raise UserError(
                f"{task.job.method}: cannot be built for these pairs ({size} × {size} px): {why};"
                " prepare pairs of another --set image_size, or leave the model out"
            )


def check_disk(tasks: Sequence[Task], at_once: int) -> None:
    """Whether the folder of the study has room for what the tasks will leave in it.

    That is a checkpoint and the samples of each. A checkpoint is written beside the old one, so for
    each trial that runs at once there is one more for a moment.

    Raises:
        UserError: it has not.
    """
    folder = tasks[0].folder
    while not folder.exists():
        folder = folder.parent
    states = [_state(task) for task in tasks]
    kept = sum(
        state.samples
        + (0 if (task.folder / "checkpoint.safetensors").exists() else state.checkpoint)
        for task, state in zip(tasks, states, strict=True)
    )
    beside = min(at_once, len(tasks)) * max(state.checkpoint for state in states)
    free = shutil.disk_usage(folder).free
    if kept + beside > free:
        raise UserError(
            f"{folder}: {_count(len(tasks))} would leave {kept / GB:.2f} GB of checkpoints and"
            f" samples and need {beside / GB:.2f} GB while they write; {free / GB:.2f} GB are"
            " free: nothing was started"
        )


def _count(trials: int) -> str:
    return f"{trials} trial{'s' if trials > 1 else ''}"


@dataclass(frozen=True)
class _State:
    """Bytes of what a model keeps.

    Attributes:
        memory: weights, gradients, two moments of Adam for each weight that an optimiser steps, the
            average, and the copy of all but the gradients that a checkpoint is written from.
        checkpoint: that copy.
        samples: the images that it draws.
        batch_size: pairs per batch.
        misfit: why it cannot be built for the pairs' sizes; None where it can.
    """

    memory: float
    checkpoint: float
    samples: float
    batch_size: int
    misfit: str | None = None


def _state(task: Task) -> _State:
    job = task.job
    values = json.dumps(dict(job.config), sort_keys=True)
    encoder = json.dumps(dict(task.encoder_config), sort_keys=True)
    return _measure(job.method, values, task.store, task.encoder, encoder)


@cache
def _measure(method: str, values: str, root: Path, encoder: str, encoder_values: str) -> _State:
    """Builds a model once, without memory for its weights where that works."""
    import torch

    plugin = registry.encoders.get(encoder)
    dim = plugin(config.build(plugin.Config, json.loads(encoder_values), encoder)).dim
    store = PairStore(root)
    spec = Spec(store.image_size, dim, store.classes)
    test = store.counts["test"]
    samples = 3.0 * spec.image_size**2 * (test + min(test, GRID_SEGMENTS) * GRID_NOISES)
    model_class = registry.models.get(method)
    misfit = None
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                model: Any = model_class(
                    config.build(model_class.Config, json.loads(values), method), spec
                )
                break
        except (UserError, ValueError) as error:
            misfit = told(error)
        except Exception:  # noqa: S112 - a model that is broken fails in its own trial
            continue
    else:
        return _State(0.0, 0.0, samples, 0, misfit)

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
    return _State(2 * checkpoint + stepped, checkpoint, samples, model.sampling.batch_size)
