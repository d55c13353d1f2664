"""What trials need against what is there: refused with the arithmetic, or fewer at once."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from a2ibench.data.batches import share_of
from a2ibench.errors import UserError
from a2ibench.results.job import Task
from a2ibench.runs.footprint import WORKER_BYTES, footprint

GB = 1e9


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


def check_gpus(gpus_per_trial: float | None) -> None:
    """Refuse GPUs that no trial can have.

    Raises:
        ValueError: more than one, and no whole number.
    """
    if gpus_per_trial is not None and gpus_per_trial > 1 and not gpus_per_trial.is_integer():
        raise ValueError(
            f"gpus_per_trial {gpus_per_trial:g}: expected a fraction of one, or a whole number"
        )


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
        share_of(footprint(task).batch_size, task.job.workers)
    return Need(workers, gpus, WORKER_BYTES + max(footprint(task).memory for task in tasks))


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
    states = [footprint(task) for task in tasks]
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
