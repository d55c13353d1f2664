"""The lock of a study's folder: one command at a time, and others see how far it is."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from a2ibench.contracts.executor import Update
from a2ibench.errors import UserError, command
from a2ibench.results.progress import read_progress, write_progress

LOCK = ".lock"
WRITE_EVERY = 2.0
"""Seconds between two writings."""

Ending = Literal["done", "interrupted", "stopped"]


@dataclass
class TrialProgress:
    """The progress of one trial of the present command.

    Attributes:
        step: steps done.
        steps: in all; 0 until it is known.
        begun: when it started, seconds since 1970.
        resumed: steps that were there when it started.
        ended: whether nothing more will come.
    """

    step: int = 0
    steps: int = 0
    begun: float = field(default_factory=time.time)
    resumed: int | None = None
    ended: bool = False


@dataclass
class Board:
    """The content of ``progress.json``, kept up to date.

    Attributes:
        folder: of the study.
        pid: the process at work.
        host: where it runs.
        started: seconds since 1970.
        updated: when it was last written.
        ended: how the command ended; None while it runs, or if it was killed.
        trials: by job, those that have started.
    """

    folder: Path
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    started: float = field(default_factory=time.time)
    updated: float = 0.0
    ended: Ending | None = None
    trials: dict[str, TrialProgress] = field(default_factory=dict)

    def note(self, update: Update[Any]) -> None:
        """Keeps the news of a trial; writes them now and then, its start and end at once."""
        begins = update.trial.job.key not in self.trials
        trial = self.trials.setdefault(update.trial.job.key, TrialProgress())
        if update.steps:
            if trial.resumed is None:
                trial.resumed = update.step
            trial.step, trial.steps = update.step, update.steps
        trial.ended = update.ended
        if begins or update.ended or time.time() - self.updated > WRITE_EVERY:
            self.write()

    def write(self) -> None:
        """Writes ``progress.json``."""
        self.updated = time.time()
        content: dict[str, Any] = asdict(self)
        del content["folder"]
        write_progress(self.folder, content)


@contextmanager
def at_work(folder: Path) -> Iterator[Board]:
    """Holds a study's folder for one command; its board tells others.

    The lock is the operating system's: it is gone with the process, however that ends.

    Raises:
        UserError: another command is at work there.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(_busy(folder)) from None
    board = Board(folder)
    ending: Ending = "stopped"
    try:
        board.write()
        yield board
        ending = "done"
    except KeyboardInterrupt:
        ending = "interrupted"
        raise
    finally:
        board.ended = ending
        try:
            board.write()
        finally:
            lock.release()


def refuse_folder(folder: Path) -> None:
    """Refuses a folder that a study could not be written to; makes nothing.

    Raises:
        UserError: it is a file, or below one, it may not be written to, or another command is at
            work there.
    """
    from filelock import FileLock, Timeout

    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{there}: not a folder; --out names one for the study")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{there}: may not be written to; --out names another folder for the study")
    if (folder / LOCK).is_file():
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(_busy(folder)) from None
        lock.release()


def _busy(folder: Path) -> str:
    there = read_progress(folder)
    who = ""
    if there is not None:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(there.started))
        who = f" (process {there.pid} on {there.host}, since {since})"
    return (
        f"{folder}: another command is at work there{who}; wait for it"
        f" (`{command('status', folder)}`), or give this one a folder of its own"
    )
