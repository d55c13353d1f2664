"""One task after the other, in this process."""

from collections.abc import Callable, Sequence

from a2ibench.errors import StoppedError
from a2ibench.results.job import Task
from a2ibench.runs.attempt import work
from a2ibench.runs.executors import Update
from a2ibench.study.resources import find_room, refuse_workers, this_machine
from a2ibench.training.fit import Progress


class Inline:
    """The executor without processes of its own."""

    def room(self, tasks: Sequence[Task]) -> int:
        """See :class:`a2ibench.runs.executors.Executor`."""
        refuse_workers(tasks)
        return find_room(tasks, None, [this_machine()], 1, say=lambda line: None)[1]

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """See :class:`a2ibench.runs.executors.Executor`."""
        self.room(tasks)
        for task in tasks:

            def report(progress: Progress, task: Task = task) -> None:
                tell(Update(task, progress.step, progress.steps))

            if (why := work(task, report)) is not None:
                raise StoppedError(why)
            tell(Update(task, ended=True))


run_inline = Inline()
