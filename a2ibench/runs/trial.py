"""A trial: a training whose tasks are tried until each has a result or a reason for its failure."""

import gc
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from a2ibench import registry
from a2ibench.contracts.executor import Report
from a2ibench.errors import PLUGIN_FAILURES, StoppedError, UserError
from a2ibench.results.job import Task
from a2ibench.results.job_state import FAILURE, is_done, write_failure
from a2ibench.runs.compute import compute
from a2ibench.runs.memory_estimate import WORKER_BYTES, Footprint, footprint
from a2ibench.storage import is_full, lock
from a2ibench.training.fit import DivergedError


@dataclass(frozen=True)
class Trial(Task):
    """A training as executors see it; see :class:`a2ibench.contracts.executor.Trial`.

    It is the task of its largest budget, which comes last.

    Attributes:
        before: its tasks with smaller budgets, in ascending order.
    """

    before: tuple[Task, ...] = ()

    @classmethod
    def of(cls, *tasks: Task) -> "Trial":
        """Make the trial of one task, or of those of one training."""
        *before, last = sorted(tasks, key=lambda task: task.job.images)
        smaller = tuple(replace(task, goal=last.job.images) for task in before)
        return cls(last.job, last.folder, last.environment, last.earlier, before=smaller)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Its tasks in ascending order of their budgets."""
        return (*self.before, self)

    @property
    def retries(self) -> int:
        """Number of times to try again after a crash."""
        return self.environment.retries

    @property
    def workers(self) -> int:
        """Number of processes that train its model together."""
        return self.job.workers

    @property
    def footprint(self) -> Footprint:
        """Memory and disk space that its model takes."""
        return footprint(self)

    @property
    def memory(self) -> float:
        """Bytes of main memory that each of its processes needs."""
        return WORKER_BYTES + self.footprint.memory

    @property
    def plugins(self) -> frozenset[type]:
        """Classes that it uses."""
        return frozenset(
            [
                registry.models.get(self.job.method),
                registry.encoders.get(self.environment.encoder),
                *(type(registry.metrics.get(name)) for name in self.metrics),
                *map(registry.judges.get, self.judges),
            ]
        )

    def __call__(
        self,
        report: Report = lambda step, steps: None,
        compute: Callable[[Task, Report], Any] = compute,
    ) -> None:
        """Run the trial. Afterwards each folder holds a result, or the reason for a failure.

        Only one process at a time runs a job. A second one waits for the first, which may be left
        over from a study that was killed. After a crash, the trial resumes from the last
        checkpoint. Losses that are not finite do not count as a crash, since the same steps would
        lead there again; the larger budgets have failed then, too.

        Raises:
            StoppedError: no other trial can succeed either, as on a full disk.
        """
        try:
            for task in self.tasks:
                with lock(task.folder / "job"):
                    _try(task, report, compute)
        except DivergedError as error:
            self.fail(str(error))
        except OSError as error:
            if not is_full(error):
                raise
            place = error.filename or self.folder
            raise StoppedError(f"no space left on the disk of {place}") from error

    def fail(self, reason: str, trace: str | None = None) -> None:
        """Record why there is no result, for each task without one."""
        for task in self.tasks:
            if not is_done(task):
                write_failure(task.folder, reason, trace)


def trials_of(tasks: Iterable[Task]) -> list[Trial]:
    """Return the trials of some tasks: those of one training are one trial."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.job.training, []).append(task)
    return [Trial.of(*same) for same in found.values()]


def _try(task: Task, report: Report, compute: Callable[[Task, Report], Any]) -> None:
    (task.folder / FAILURE).unlink(missing_ok=True)
    retries = task.environment.retries
    for left in reversed(range(retries + 1)):
        try:
            for path in task.environment.plugins:
                registry.load_plugin_file(path)
            if not is_done(task):
                compute(task, report)
            return
        except DivergedError:
            raise
        except UserError as error:
            write_failure(task.folder, str(error))
            return
        except PLUGIN_FAILURES as error:  # a plug-in may even call sys.exit
            if is_full(error):
                raise
            if not left:
                attempts = f" ({retries + 1} attempts)" if retries else ""
                reason = f"{type(error).__name__}: {error}{attempts}"
                write_failure(task.folder, reason, traceback.format_exc())
        _free_memory()


def _free_memory() -> None:
    """Free the memory that a crashed attempt held, since the next one may need it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
