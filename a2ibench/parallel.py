"""Calls on many workers: processes of this machine, or those of other machines.

Whatever makes pairs, features or outputs of judges calls :func:`in_order`. Who runs it chooses the
workers once, for all that happens in a block, by :func:`spread_over`.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from queue import LifoQueue
from typing import Any, ClassVar, Protocol, TypeVar

from a2ibench.child_process import Child
from a2ibench.child_process import Crashed as Crashed

T = TypeVar("T")

MEMORY = 4 * 2**30
"""Bytes of memory that a call may take, by default, beyond what its process has."""


class Call(Protocol):
    """A call on some worker, from any thread."""

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """Call a module's function, and return what hands its answer over when it is wanted.

        Arguments and answer are pickled.

        Raises:
            Crashed: its process died or needed too much memory.
            Exception: raised by the function.
        """


class Pool(ABC):
    """Workers, each of which makes one call at a time in a child process.

    Args:
        memory: bytes that a call may take beyond what its process has, where the system can
            enforce it (Linux).
    """

    elsewhere: ClassVar[bool] = False
    """Whether there are workers on other machines."""

    def __init__(self, memory: int = MEMORY) -> None:
        self.memory = memory

    @abstractmethod
    def opened(self) -> AbstractContextManager[tuple[int, Call]]:
        """Return a context with the number of calls to have under way at once, and the call."""

    @property
    def single(self) -> bool:
        """Whether there is one worker alone, on this machine."""
        return False

    def sized(self, each: int) -> "Pool":
        """Return as many of these workers as the memory of this machine holds at so many bytes."""
        return self

    def check_sees(self, files: Sequence[Path]) -> None:
        """Check that every machine sees some files as this process does.

        Raises:
            UserError: one does not; the message names it.
        """

    def in_order(
        self, function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[T | Crashed]:
        """See :func:`in_order`."""
        waiting: deque[Future[Callable[[], T] | Crashed]] = deque()
        with self.opened() as (at_once, call):

            def ask(given: tuple[Any, ...]) -> Callable[[], T] | Crashed:
                try:
                    return call(function, *given)
                except Crashed as crash:
                    return crash

            def take() -> T | Crashed:
                answer = waiting.popleft().result()
                try:
                    return answer if isinstance(answer, Crashed) else answer()
                except Crashed as crash:
                    return crash

            threads = ThreadPoolExecutor(at_once)
            try:
                for given in arguments:
                    waiting.append(threads.submit(ask, given))
                    if len(waiting) > 2 * at_once:
                        yield take()
                while waiting:
                    yield take()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)


class Processes(Pool):
    """Child processes of this one.

    Args:
        workers: number of processes; None for one per processor available to this process.
        memory: see :class:`Pool`.
    """

    def __init__(self, workers: int | None = None, memory: int = MEMORY) -> None:
        super().__init__(memory)
        self.workers = workers

    @property
    def single(self) -> bool:
        """See :attr:`Pool.single`."""
        return self._count() == 1

    def sized(self, each: int) -> Pool:
        """See :meth:`Pool.sized`."""
        import psutil

        most = psutil.virtual_memory().available // each
        return Processes(max(1, min(self._count(), most)), self.memory)

    def _count(self) -> int:
        import joblib

        return self.workers or int(joblib.cpu_count())

    @contextmanager
    def opened(self) -> Iterator[tuple[int, Call]]:
        """See :meth:`Pool.opened`."""
        workers = self._count()
        children = [Child() for _ in range(workers)]  # each starts with its first call
        idle: LifoQueue[Child] = LifoQueue()
        for child in children:
            idle.put(child)

        def call(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
            child = idle.get()
            try:
                answer = child(function, *arguments, memory=self.memory)
            finally:
                idle.put(child)
            return lambda: answer

        try:
            yield workers, call
        finally:
            for child in children:
                child.close()


_POOL: ContextVar[Pool | None] = ContextVar("pool", default=None)


@contextmanager
def spread_over(pool: Pool) -> Iterator[None]:
    """Use these workers in the block."""
    before = _POOL.set(pool)
    try:
        yield
    finally:
        _POOL.reset(before)


def current_pool() -> Pool:
    """Return the workers of the innermost :func:`spread_over`, by default :class:`Processes`."""
    return _POOL.get() or Processes()


def in_order(
    function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[T | Crashed]:
    """Call a module's function for each tuple of arguments, on the current workers.

    At most a few answers per worker are held back, and arguments are taken as they are needed, so
    memory stays flat in their number. Arguments and answers are pickled.

    Yields:
        The answers, in the order of the arguments; :class:`~a2ibench.child_process.Crashed` for a
        call whose process died or needed too much memory.

    Raises:
        Exception: raised by the function.
    """
    return current_pool().in_order(function, arguments)
