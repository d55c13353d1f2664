"""Executor: how work is spread over processors, GPUs and machines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from a2ibench.parallel import MEMORY, Pool, Processes

Report = Callable[[int, int], None]
"""Takes the steps done and the steps in total."""


class Trial(Protocol):
    """One training as an executor sees it: picklable, and the same numbers wherever it is called.

    Its files go to :attr:`folder`, which every machine that calls it must reach.
    """

    @property
    def folder(self) -> Path:
        """Folder of its files."""

    @property
    def retries(self) -> int:
        """Number of times to call it again where the process that did it died."""

    @property
    def workers(self) -> int:
        """Number of processes that train its model together."""

    @property
    def memory(self) -> float:
        """Bytes of main memory that each of its processes needs, by a cautious estimate."""

    def __call__(self, report: Report) -> None:
        """Train, draw and judge; a result, or the reason for a failure, is in the folder then.

        What is there already is not computed again, and a training continues from its checkpoint.

        Raises:
            StoppedError: no other trial can succeed either, as on a full disk.
        """

    def fail(self, reason: str, trace: str | None = None) -> None:
        """Write down why there is no result, where its process could not: it was killed."""


T = TypeVar("T", bound=Trial)


@dataclass(frozen=True)
class Update(Generic[T]):
    """News of a trial: the steps of its training that are done, and in total, 0 if not yet known.

    With ``ended``, nothing more will come.
    """

    trial: T
    step: int = 0
    steps: int = 0
    ended: bool = False


@dataclass(frozen=True)
class NoOptions:
    """The configuration of an executor without options."""


class Executor(ABC, Generic[T]):
    """Calls trials; their results and failures are in the trials' folders.

    It also chooses the workers that prepare pairs, encode sounds and embed images (:meth:`pool`).
    ``a2ibench run --executor NAME`` chooses one, ``--set NAME.option=value`` sets its options.
    Without a ``config``, the defaults apply; ``say`` prints a line for the user.
    """

    name: ClassVar[str]
    Config: ClassVar[type] = NoOptions

    def __init__(self, config: Any = None, say: Callable[[str], None] = lambda line: None) -> None:
        self.config: Any = self.Config() if config is None else config
        self.say = say

    @property
    def workers(self) -> int:
        """Number of processes that train one model together; part of a job's identity."""
        return 1

    def check(self) -> None:
        """Try what can be tried before any data are read.

        Raises:
            UserError: it cannot work here, as where no cluster answers.
        """

    def room(self, trials: Sequence[T]) -> int:
        """Return how many of some trials would run at once; start nothing.

        Raises:
            UserError: what they need is not there, as the call itself would.
        """
        return 1

    @contextmanager
    def pool(self, memory: int = MEMORY) -> Iterator[Pool]:
        """Hold the workers of data in a block, by default one process per processor.

        Args:
            memory: bytes that a worker may take for one call.

        Raises:
            UserError: they cannot work here.
        """
        yield Processes(memory=memory)

    @abstractmethod
    def __call__(self, trials: Sequence[T], tell: Callable[[Update[T]], None]) -> None:
        """Call every trial, and return when all have ended.

        Args:
            trials: at least one.
            tell: called in this process with what the trials report, and once with ``ended`` for
                each of them.

        Raises:
            UserError: what the trials need is not there; nothing was started.
            StoppedError: a trial raised it.
            KeyboardInterrupt: the user stopped it. No process is left.
        """
