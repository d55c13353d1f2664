"""One task after the other, in this process."""

from collections.abc import Callable, Sequence

from a2ibench.errors import StoppedError
from a2ibench.study.attempt import work
from a2ibench.study.executors import Update
from a2ibench.study.job import Task
from a2ibench.study.resources import (
    check_disk,
    need_of,
    refuse_workers,
    this_machine,
    trials_at_once,
)
from a2ibench.training.fit import Progress


def run_inline(tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
    """See :class:`a2ibench.study.executors.Executor`."""
    refuse_workers(tasks)
    machine = this_machine()
    trials_at_once(need_of(tasks, None, [machine]), [machine], 1, say=lambda line: None)
    check_disk(tasks, at_once=1)
    for task in tasks:

        def report(progress: Progress, task: Task = task) -> None:
            tell(Update(task, progress.step, progress.steps))

        if (why := work(task, report)) is not None:
            raise StoppedError(why)
        tell(Update(task, ended=True))
