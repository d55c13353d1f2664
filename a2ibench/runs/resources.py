"""Compare the needs of trials with the resources: refuse them, or run fewer at once."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from a2ibench.config import option
from a2ibench.contracts.executor import Executor
from a2ibench.data.batches import share_of
from a2ibench.errors import UserError
from a2ibench.results.job_state import JobState
from a2ibench.runs.trial import Trial
from a2ibench.storage import nearest_existing

GB = 1e9
Say = Callable[[str], None]


def quiet(line: str) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class Machine:
    """Resources of one machine.

    Attributes:
        cpus: number of processors that this study may use.
        gpus: number of GPUs that it may use.
        memory: bytes of main memory that are available.
    """

    cpus: float
    gpus: float
    memory: float


@dataclass(frozen=True)
class Need:
    """Needs of one trial.

    Attributes:
        workers: number of processes, with one processor each.
        gpus: number of GPUs per worker.
        memory: bytes of main memory per worker.
    """

    workers: int
    gpus: float
    memory: float

    def __str__(self) -> str:
        each = f"1 CPU, {self.gpus:g} GPU, {self.memory / GB:.1f} GB of memory"
        return each if self.workers == 1 else f"{self.workers} workers, each with {each}"


def this_machine() -> Machine:
    """Return the resources of the machine that this process runs on."""
    import joblib
    import psutil

    return Machine(joblib.cpu_count(), len(visible_gpus()), psutil.virtual_memory().available)


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, in the terms of ``CUDA_VISIBLE_DEVICES``."""
    import torch

    count = torch.cuda.device_count()
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or [str(i) for i in range(count)])[:count]


def refuse_workers(trials: Sequence[Trial]) -> None:
    """Refuse several workers per trial, which only Ray supports."""
    if any(trial.job.workers > 1 for trial in trials):
        raise UserError("more than one GPU per trial needs --executor ray")


@dataclass(frozen=True)
class SharedGPUs:
    """The options of an executor that gives GPUs to trials.

    Raises:
        ValueError: more than one GPU, but not a whole number.
    """

    gpus_per_trial: float | None = option(
        None,
        "0; a fraction, which shares a GPU (its memory is not divided); 2, 3, … train one model"
        " together (Ray); none: 1 where there is a GPU",
        minimum=0,
    )

    def __post_init__(self) -> None:
        gpus = self.gpus_per_trial
        if gpus is not None and gpus > 1 and not float(gpus).is_integer():
            raise ValueError(
                f"gpus_per_trial {gpus:g}: expected a fraction of one, or a whole number"
            )


class GPUExecutor(Executor[Trial]):
    """An executor whose options are :class:`SharedGPUs`."""

    Config = SharedGPUs

    @property
    def workers(self) -> int:
        """Number of processes that train one model together: one per GPU."""
        return max(1, int(self.config.gpus_per_trial or 1))

    def find_room(
        self, trials: Sequence[Trial], machines: Sequence[Machine], say: Say = quiet
    ) -> tuple["Need", int]:
        """See :func:`find_room`."""
        return find_room(trials, self.config.gpus_per_trial, machines, len(trials), say)


def need_of(
    trials: Sequence[Trial], gpus_per_trial: float | None, machines: Sequence[Machine]
) -> Need:
    """Return the need of the largest of several trials.

    Args:
        trials: trials of models, all with the same number of workers.
        gpus_per_trial: None for one GPU per worker if there is any GPU.

    Raises:
        UserError: the GPUs or a batch cannot be divided evenly among the workers.
    """
    workers = max(trial.job.workers for trial in trials)
    if gpus_per_trial is None:
        gpus = 1.0 if any(machine.gpus for machine in machines) else 0.0
    else:
        gpus = gpus_per_trial / workers
        if workers > 1 and gpus not in (0, 1):
            raise UserError(
                f"--gpus-per-trial {gpus_per_trial:g} with {workers} workers: expected one GPU per"
                " worker"
            )
    for trial in trials:
        share_of(trial.footprint.batch_size, trial.job.workers)
    return Need(workers, gpus, max(trial.memory for trial in trials))


def sharers(gpus: float) -> int:
    """Return the number of trials that share one GPU: 1 if each takes whole GPUs."""
    return max(1, int(1 / gpus + 1e-9))


def trials_at_once(need: Need, machines: Sequence[Machine], trials: int, say: Say) -> int:
    """Return how many trials can run at once, at most ``trials``; say so if memory allows fewer.

    Raises:
        UserError: not even one trial can run.
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
    trials: Sequence[Trial],
    gpus_per_trial: float | None,
    machines: Sequence[Machine],
    most: int,
    say: Say = quiet,
) -> tuple[Need, int]:
    """Return the need of each trial, and how many can run at once, at most ``most``.

    Raises:
        UserError: not even one can run, as :func:`need_of`, :func:`trials_at_once` or
            :func:`check_disk` says.
    """
    need = need_of(trials, gpus_per_trial, machines)
    at_once = trials_at_once(need, machines, most, say)
    check_disk(trials, at_once)
    return need, at_once


def check_disk(trials: Sequence[Trial], at_once: int) -> None:
    """Refuse trials whose files would not fit on the disk of the study's folder.

    Each trial leaves a checkpoint and samples for every budget. A new checkpoint is written beside
    the old one, so every running trial needs room for one more.
    """
    folder = nearest_existing(trials[0].folder)
    states = [trial.footprint for trial in trials]
    kept = sum(
        state.samples + (0 if JobState(task.folder).begun else state.checkpoint)
        for trial, state in zip(trials, states, strict=True)
        for task in trial.tasks
    )
    beside = min(at_once, len(trials)) * max(state.checkpoint for state in states)
    free = shutil.disk_usage(folder).free
    if kept + beside > free:
        raise UserError(
            f"{folder}: {_count(len(trials))} would leave {kept / GB:.2f} GB of checkpoints and"
            f" samples and need {beside / GB:.2f} GB while they write; {free / GB:.2f} GB are"
            " free: nothing was started"
        )


def _count(trials: int) -> str:
    return f"{trials} trial{'s' if trials > 1 else ''}"
