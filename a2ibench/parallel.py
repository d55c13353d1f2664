"""Work on one process a processor, answered in order; a process that dies costs one answer."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from a2ibench.printable import replace_what_cannot_be_encoded

T = TypeVar("T")


class Crashed:
    """The answer of a call whose process died."""


def in_order(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], workers: int | None = None
) -> Iterator[T | Crashed]:
    """Calls a module's function for each tuple of arguments and yields the answers in order.

    At most two answers a process wait to be taken, so memory stays flat in their number.

    Args:
        function: importable in another process.
        arguments: of each call; they and the answers are pickled.
        workers: processes; by default one for each processor that this one may use.
    """
    import joblib

    workers = min(workers or joblib.cpu_count(), len(arguments))
    if workers == 0:
        return
    pool = _pool(workers)
    waiting: deque[Future[T]] = deque()
    sent = 0
    try:
        for i in range(len(arguments)):
            try:
                while sent < len(arguments) and len(waiting) <= 2 * workers:
                    waiting.append(pool.submit(function, *arguments[sent]))
                    sent += 1
                answer: T | Crashed = waiting.popleft().result()
            except BrokenProcessPool:
                # Which call did it is not known: this one is tried again by itself.
                pool.shutdown(wait=False, cancel_futures=True)
                answer = _alone(function, arguments[i])
                pool = _pool(workers)
                waiting.clear()
                sent = i + 1
            yield answer
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _alone(function: Callable[..., T], arguments: tuple[Any, ...]) -> T | Crashed:
    with _pool(1) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            return Crashed()


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned: a forked copy of a process that runs threads can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=begin)


def begin() -> None:
    """What a worker process does first: Ctrl-C is the parent's to handle, and without a parent
    there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replace_what_cannot_be_encoded()
    parent = multiprocessing.parent_process()
    if parent is not None:

        def outlive() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=outlive, daemon=True).start()
