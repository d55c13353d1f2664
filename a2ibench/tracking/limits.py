"""A tracking server's time to answer: a limit for each call, whatever the server does meanwhile.

A socket's own time limit begins again with every byte that arrives, so a server that sends one now
and then would hold a study for ever.
"""

import threading
import time
from pathlib import Path
from typing import Any

CALL = 60.0
"""Seconds for one call."""
LIVE = 180.0
"""Seconds for all that is told at once while a study runs and waits for it."""
BYTES_PER_SECOND = 1e5
"""The slowest upload that is waited for, on top of that."""
UPLOADS = ("log_artifact", "log_model_artifacts")
"""Methods of MLflow's client that are given a run or model, and a file or folder to send."""


class SlowServerError(Exception):
    """A call that did not end in its time."""


class Limited:
    """An object whose methods must end in time.

    Each call is made in a thread, since nothing else interrupts a call that waits for a network.
    One that is late is given up: its thread ends with the call, or with this process.

    Args:
        target: whose methods are called.
        call: seconds for one call.
        together: seconds for all calls since :meth:`begin`; None for no such limit.
    """

    def __init__(self, target: Any, call: float, together: float | None = None) -> None:
        self._target = target
        self._call = call
        self._together = together
        self._left = together

    def begin(self) -> None:
        """Begins to count the time of all calls together."""
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


def _in_time(call: Any, seconds: float, name: str) -> Any:
    """Calls it, in a thread.

    Raises:
        SlowServerError: it has not ended after so many seconds.
        BaseException: whatever it raised.
    """
    ended: list[tuple[Any, BaseException | None]] = []

    def work() -> None:
        try:
            ended.append((call(), None))
        except BaseException as error:  # raised again by the caller
            ended.append((None, error))

    thread = threading.Thread(target=work, daemon=True, name=f"mlflow {name}")
    thread.start()
    thread.join(max(0.0, seconds))
    if not ended:
        raise SlowServerError(f"{name} did not end within {seconds:.0f} s")
    answer, error = ended[0]
    if error is not None:
        raise error
    return answer


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
