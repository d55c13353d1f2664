"""Workers of a Ray cluster for data: each makes its calls in a child process of its own.

A call that crashes its child process is answered as on one machine. A call whose worker or node is
lost is made again elsewhere.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from a2ibench import __version__
from a2ibench.child_process import Crashed
from a2ibench.errors import StoppedError, UserError, counted
from a2ibench.parallel import Call, Pool
from a2ibench.runs.executors.ray_cluster import ask_nodes, living_nodes, lost
from a2ibench.runs.executors.ray_worker import answer, sizes

T = TypeVar("T")

OVERHEAD = 2**29
"""Bytes of a worker and its child process before any call."""
TRIES = 4
"""Number of workers that may be lost in a row with one call."""
LOOK = 5.0
"""Seconds between two looks at whether any node is left."""


class RayPool(Pool):
    """The workers of the cluster that this process has joined, one per processor.

    Each reserves one processor and its memory, so a node has no more of them than fit.

    Args:
        memory: see :class:`a2ibench.parallel.Pool`.
        say: prints a line for the user.

    Raises:
        UserError: no node has room for a worker.
    """

    elsewhere = True

    def __init__(self, memory: int, say: Callable[[str], None] = lambda line: None) -> None:
        super().__init__(memory)
        self._say = say
        self._told = threading.Lock()
        self._ends: set[Callable[[], None]] = set()
        if not (rooms := self._rooms()):
            there = ", ".join(
                f"{node['NodeManagerAddress']} ({node['Resources'].get('CPU', 0):g} CPUs,"
                f" {node['Resources'].get('memory', 0) / 2**30:.1f} GiB)"
                for node in living_nodes()
            )
            raise UserError(
                f"no node of the Ray cluster has room for a worker, which needs 1 CPU and"
                f" {(memory + OVERHEAD) / 2**30:g} GiB of memory: {there};"
                " `ray start --memory` gives a node more, `a2ibench data prepare --worker-memory`"
                " asks for less"
            )
        say(
            f"{counted(sum(rooms.values()), 'worker')} on {counted(len(rooms), 'node')}, with"
            f" {memory / 2**30:g} GiB of memory each"
        )

    def _rooms(self) -> dict[str, int]:
        """Return the number of workers that each living node has room for, by its id."""
        rooms = {}
        for node in living_nodes():
            has = node["Resources"]
            room = min(has.get("CPU", 0), has.get("memory", 0) // (self.memory + OVERHEAD))
            if room >= 1:
                rooms[node["NodeID"]] = int(room)
        return rooms

    @contextmanager
    def opened(self) -> Iterator[tuple[int, Call]]:
        """See :meth:`a2ibench.parallel.Pool.opened`."""
        import ray

        remote: Any = ray.remote(answer).options(
            num_cpus=1,
            memory=self.memory + OVERHEAD,
            num_returns=2,
            max_retries=0,  # they are counted here, together with those after a shortage of memory
            scheduling_strategy="SPREAD",
        )
        gone = lost()
        under_way: set[Any] = set()
        closed = threading.Event()

        def end() -> None:
            closed.set()
            for asked in list(under_way):
                ray.cancel(asked, force=True)

        def once(function: Callable[..., T], arguments: tuple[Any, ...]) -> Any:
            """Make a call; return the reference of its answer, which stays on its node."""
            asked, found = remote.remote(__version__, self.memory, function, arguments)
            under_way.add(asked)
            try:
                while not ray.wait([asked], timeout=LOOK)[0]:
                    if closed.is_set():
                        raise Crashed("was closed")
                    if not self._rooms():
                        raise StoppedError(
                            "no node of the Ray cluster is left; what is finished is kept: run the"
                            " same command again when there are nodes"
                        )
                error = ray.get(asked)
            finally:
                under_way.discard(asked)
            if error is not None:
                raise error
            return found

        def call(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
            why = "lost"
            for _ in range(TRIES):
                if closed.is_set():
                    raise Crashed("was closed")
                try:
                    held = once(function, arguments)
                    break
                except gone:
                    if closed.is_set():  # which ends the workers' calls
                        raise Crashed("was closed") from None
                    why = "lost"
                    self._tell_of_loss()
                except ray.exceptions.OutOfMemoryError:
                    why = "stopped because its node ran out of memory"
            else:
                raise Crashed(f"was {why} {TRIES} times in a row, together with its worker")

            def take() -> T:
                try:
                    found: T = ray.get(held)
                    return found
                except gone:  # with the node that held it
                    self._tell_of_loss()
                    return call(function, *arguments)()

            return take

        self._ends.add(end)
        try:
            # Twice as many as can run, so that none waits for this process.
            yield 2 * max(1, sum(self._rooms().values())), call
        finally:
            if end in self._ends:
                self._ends.remove(end)
                end()

    def _tell_of_loss(self) -> None:
        """Say once that work is done again."""
        if self._told.acquire(blocking=False):
            self._say("a worker of the Ray cluster was lost; what it did is done again by others")

    def close(self) -> None:
        """End all calls, before this process leaves the cluster."""
        while self._ends:
            self._ends.pop()()

    def check_sees(self, files: Sequence[Path]) -> None:
        """See :meth:`a2ibench.parallel.Pool.check_sees`."""
        here, rooms = sizes(files), self._rooms()
        nodes = [node for node in living_nodes() if node["NodeID"] in rooms]
        for node, there in ask_nodes(nodes, sizes, files):
            for file, size, found in zip(files, here, there, strict=True):
                if size != found:
                    what = (
                        "is not there" if found is None else f"has {found:,} bytes, here {size:,}"
                    )
                    raise UserError(
                        f"node {node['NodeManagerAddress']} of the Ray cluster: {file} {what};"
                        " every node must see the same folder under the same path, as on a shared"
                        " disk"
                    )
