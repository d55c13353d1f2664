"""One trial after another, in this process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from a2ibench.contracts.executor import Executor, Update
from a2ibench.parallel import MEMORY, Pool, Processes
from a2ibench.runs.resources import find_room, refuse_workers, this_machine
from a2ibench.runs.trial import Trial


class Inline(Executor[Trial]):
    """One trial after another, in this process."""

    name = "inline"

    def room(self, trials: Sequence[Trial]) -> int:
        """See :meth:`a2ibench.contracts.executor.Executor.room`."""
        refuse_workers(trials)
        return find_room(trials, None, [this_machine()], 1)[1]

    @contextmanager
    def pool(self, memory: int = MEMORY) -> Iterator[Pool]:
        """Hold a single process, which a crashing decoder does not take this one along with."""
        yield Processes(1, memory)

    def __call__(self, trials: Sequence[Trial], tell: Callable[[Update[Trial]], None]) -> None:
        """See :class:`a2ibench.contracts.executor.Executor`."""
        self.room(trials)
        for trial in trials:

            def report(step: int, steps: int, trial: Trial = trial) -> None:
                tell(Update(trial, step, steps))

            trial(report)
            tell(Update(trial, ended=True))
