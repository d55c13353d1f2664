"""Time limits of calls to a tracking server.

A socket's own limit starts again with every byte that arrives, so a server that sends one now and
then would hold up a study for ever.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

CALL = 60.0
"""Seconds for one call."""
LIVE = 180.0
"""Seconds for all calls at once while a running study waits for them."""
BYTES_PER_SECOND = 1e5
"""Slowest speed of an upload that gets, on top of that, the time it needs."""
UPLOADS = ("log_artifact", "log_model_artifacts")
"""Methods of MLflow's client whose second argument is a file or folder to send."""


class SlowServerError(Exception):
    """A call did not end in time."""


class Limited:
    """An object whose methods must end in time.

    Each call is made in a thread, since nothing else interrupts a call that waits for a network.
    A late call is abandoned: its thread ends with the call, or with this process.

    Args:
        target: the object whose methods are called.
        call: seconds for one call.
        together: seconds for all calls since :meth:`begin`; None for no such limit.
    """

    def __init__(self, target: Any, call: float, together: float | None = None) -> None:
        self._target = target
        self._call = call
        self._together = together
        self._left = together

    def begin(self) -> None:
        """Start counting the time of all calls together."""
        self._left = self._together

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method

        def limited(*args: Any, **kwargs: Any) -> Any:
            allowed = self._call if self._left is None else min(self._call, self._left)
            more = _size(Path(args[1])) / BYTES_PER_SECOND if name in UPLOADS else 0.0
            started = time.monotonic()
            try:
                return _in_time(lambda: method(*args, **kwargs), allowed + more, name)
            finally:
                if self._left is not None:
                    self._left -= max(0.0, time.monotonic() - started - more)

        return limited


def _in_time(call: Callable[[], Any], seconds: float, name: str) -> Any:
    """Return what a call returns, or raise what it raises.

    Raises:
        SlowServerError: the call has not ended after that many seconds.
    """
    future: Future[Any] = Future()
    seconds = max(0.0, seconds)

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised again by the caller
            future.set_exception(error)

    threading.Thread(target=work, daemon=True, name=f"mlflow {name}").start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise SlowServerError(f"{name} did not end within {seconds:.0f} s") from None


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
