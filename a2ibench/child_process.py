"""Calls in a child process, one at a time, within limits.

A process that dies costs one answer, and its cause of death is reported.
"""

import contextlib
import importlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from a2ibench.freed_memory import keep_freed_memory
from a2ibench.printable import replace_what_cannot_be_encoded

T = TypeVar("T")

START = (
    "import sys; sys.path[:] = {path!r}; from a2ibench.child_process import serve; serve({pipe})"
)
PATIENCE = 10.0
"""Seconds within which a process must end after it has closed its pipe."""
KEPT = 2**26
"""Bytes of freed memory that a process keeps for its next arrays."""


def signal_name(number: int) -> str:
    """Return the name of a signal, such as ``SIGKILL``; those without one by their number."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


class Crashed(Exception):  # noqa: N818
    """A call got no answer, because its process died or exceeded a limit.

    The message completes a sentence whose subject is the thing that ran: "died of SIGSEGV
    (Segmentation fault)", "took longer than 60 s", "needed more than 2 GiB of memory".
    """


class Child:
    """A process that calls functions of modules, one after another; it starts with the first call.

    After a crash, the next call starts a new process. The standard output and error of the process
    are discarded. Threads wait for each other.

    Unlike :mod:`multiprocessing`, it does not import the caller's main module, which would run a
    script without a main guard a second time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._closed = False

    def __call__(
        self,
        function: Callable[..., T],
        *arguments: Any,
        memory: int | None = None,
        seconds: float | None = None,
    ) -> T:
        """Call a function in the process and return its answer.

        Arguments and answer are pickled; ``memory`` is a limit in bytes, where the system can
        enforce it (Linux).

        Raises:
            Crashed: the process died or exceeded a limit.
            Exception: raised by the function, with its traceback as a note.
        """
        with self._lock:
            try:
                pipe = self._connect()
                pipe.send_bytes(pickle.dumps((function, arguments, memory)))
                if not pipe.poll(seconds):
                    raise Crashed(f"took longer than {seconds:g} s")
                answer, error = pipe.recv()
                if isinstance(error, MemoryError) and memory is not None:
                    raise Crashed(f"needed more than {memory / 2**30:g} GiB of memory")
            except (EOFError, ConnectionError):
                raise Crashed(self._last_words()) from None
            except BaseException:
                self._kill()  # a late answer would be taken for the next call's
                raise
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """End the process, even in the middle of a call, and start no other."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()  # a waiting call then finds the end of the pipe
        with self._lock:
            self._kill()

    def _connect(self) -> "Connection[Any, Any]":
        if self._pipe is not None and self._process is not None:
            if self._process.poll() is None:
                return self._pipe
            self._kill()  # it died between two calls, which is not the next one's fault
        if self._closed:
            raise Crashed("was closed")
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            # Nothing is written to its standard input: its end tells it that this process died.
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, code of ours
                [sys.executable, "-c", START.format(path=sys.path, pipe=theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._pipe = ours
        if self._closed:  # meanwhile
            raise Crashed("was closed")
        return ours

    def _last_words(self) -> str:
        process = self._process
        code: int | None = None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(PATIENCE)
        self._kill()
        if code is None:
            return "stopped answering"
        if code >= 0:
            return f"ended its process with exit code {code}"
        name = signal_name(-code)
        return f"died of {name} ({signal.strsignal(-code)})"

    def _kill(self) -> None:
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        if pipe is not None:
            pipe.close()


def serve(number: int) -> None:
    """Answer the calls of a :class:`Child` in its process, through the pipe of this number."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle

    _end_after(lambda: os.read(0, 1))
    keep_freed_memory(KEPT)
    pipe: Connection[Any, Any] = Connection(number)
    while True:
        try:
            asked = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(_answer(asked))


def _answer(asked: bytes) -> bytes:
    """Make a call; return its answer or error, pickled, as text where that cannot be done."""
    try:
        function, arguments, memory = pickle.loads(asked)  # noqa: S301  # from the parent
        with _limited(memory):
            return pickle.dumps((function(*arguments), None), protocol=5)
    except Exception as error:
        error.add_note(f"In another process:\n{''.join(traceback.format_exception(error))}")
        try:
            packed = pickle.dumps((None, error))
            pickle.loads(packed)  # noqa: S301  # some fail only here
        except Exception:
            packed = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
        return packed


@contextlib.contextmanager
def _limited(memory: int | None) -> Iterator[None]:
    """Limit the memory that the process may take in the block beyond what it has."""
    try:
        resource = importlib.import_module("resource")
        taken = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        memory = None
    if memory is None:
        yield
        return
    before = _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = taken + memory
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def begin() -> None:
    """Prepare a process of :mod:`multiprocessing`: leave Ctrl-C to its parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replace_what_cannot_be_encoded()
    if (parent := multiprocessing.parent_process()) is not None:
        _end_after(parent.join)


def _end_after(wait: Callable[[], object]) -> None:
    """End this process as soon as a call returns."""

    def outlive() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=outlive, daemon=True).start()
