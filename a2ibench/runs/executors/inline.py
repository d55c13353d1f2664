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

            with _kept_settings():
                trial(report)
            tell(Update(trial, ended=True))


@contextmanager
def _kept_settings() -> Iterator[None]:
    """Give back the number of torch's threads, and whether its kernels are deterministic.

    The judges of the next study in this process are then trained as by another executor.
    """
    import torch

    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
