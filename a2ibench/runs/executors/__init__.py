"""Executors: how tasks are spread over the machine. The study knows them by two functions each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from a2ibench.results.job import Task

if TYPE_CHECKING:
    from a2ibench.training.fit import Progress

REPORT_EVERY = 1.0
"""Seconds between two reports of a trial in another process."""


@dataclass(frozen=True)
class Update:
    """News of a task: how far its training is; ``ended`` when nothing more will come."""

    task: Task
    step: int = 0
    steps: int = 0
    ended: bool = False


def now_and_then(send: Callable[[int, int], None]) -> Callable[["Progress"], None]:
    """Passes on how far a training is, every :data:`REPORT_EVERY` seconds and at the end.

    Args:
        send: takes the steps done, and those in all, to another process.
    """
    last = 0.0

    def report(progress: "Progress") -> None:
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY or progress.step == progress.steps:
            last = time.monotonic()
            send(progress.step, progress.steps)

    return report


class Executor(Protocol):
    """Does tasks; results and failures are in the tasks' folders."""

    def room(self, tasks: Sequence[Task]) -> int:
        """Refuses tasks that could not start, before any work that they build on.

        Returns:
            How many of them would run at once.

        Raises:
            UserError: as the call itself would.
        """

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """Returns when every task has ended.

        Raises:
            UserError: the resources that were asked for are not there; nothing was started.
            StoppedError: a task found that no other can succeed either.
            KeyboardInterrupt: the user stopped it; the tasks go on from their checkpoints next
                time.
        """
