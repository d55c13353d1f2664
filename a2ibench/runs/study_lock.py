"""Lock a study's folder for one command, and publish the command's progress."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from a2ibench.contracts.executor import Update
from a2ibench.errors import UserError, command
from a2ibench.results.progress import (
    ProgressRecord,
    TrialProgress,
    read_progress,
    write_progress,
)
from a2ibench.results.study import Study, find_study
from a2ibench.storage import nearest_existing

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"
WRITE_EVERY = 2.0
"""Seconds between two writes of the progress."""

Ending = Literal["done", "interrupted", "stopped"]


class Board:
    """The progress of the present command, kept up to date in ``progress.json``.

    Times are seconds since 1970. A trial's ``steps`` is 0 until it is known, and ``resumed`` is the
    number of steps that existed when it started.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        now, host = time.time(), socket.gethostname()
        self._progress = ProgressRecord(
            pid=os.getpid(), host=host, started=now, updated=now, ended=None, trials={}
        )

    def note(self, update: Update[Any]) -> None:
        """Record news of a trial; write it now and then, but its start and end at once."""
        key, trials = update.trial.job.key, self._progress.trials
        if begins := key not in trials:
            trials[key] = TrialProgress(
                step=0, steps=0, begun=time.time(), resumed=None, ended=False
            )
        news: dict[str, Any] = {"ended": update.ended}
        if update.steps:
            resumed = trials[key].resumed
            news |= {"step": update.step, "steps": update.steps}
            if resumed is None:
                news |= {"resumed": update.step, "first": time.time()}
        trials[key] = trials[key].model_copy(update=news)
        if begins or update.ended or time.time() - self._progress.updated > WRITE_EVERY:
            self.write()

    def write(self, ended: Ending | None = None) -> None:
        """Write the file; at the end, also how the command ended."""
        news = {"updated": time.time(), "ended": ended}
        self._progress = self._progress.model_copy(update=news)
        write_progress(self._folder, self._progress.model_dump())


@contextmanager
def at_work(folder: Path) -> Iterator[Board]:
    """Hold a study's folder for one command; the board informs others.

    The operating system holds the lock, so it is released however the process ends.

    Raises:
        UserError: another command is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _acquire(folder)
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
        try:
            board.write(ending)
        finally:
            lock.release()


def refuse_changed(folder: Path, read: Study | None) -> None:
    """Refuse to go on with a study that another command has changed since it was read.

    Args:
        folder: which this command holds.
        read: the study as it was before the folder was held; None for no study.

    Raises:
        UserError: it has other rows now; they would be written over.
    """
    before, now = (
        None if study is None else (study.about.jobs, study.about.smaller, study.about.kept)
        for study in (read, find_study(folder))
    )
    if before != now:
        raise UserError(
            f"{folder}: another command changed this study while this one prepared its data; run"
            " this one again (what it prepared is in the cache)"
        )


def refuse_folder(folder: Path) -> None:
    """Refuse a folder that a study could not be written to, without creating anything.

    Raises:
        UserError: the folder is a file or below one, it is not writable, or another command is at
            work there.
    """
    there = nearest_existing(folder)
    if not there.is_dir():
        raise UserError(f"{there}: not a folder; choose one for the study with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{there}: not writable; choose another folder for the study with --out")
    if (folder / LOCK).is_file():
        _acquire(folder).release()


def _acquire(folder: Path) -> "BaseFileLock":
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(_busy(folder)) from None
    return lock


def _busy(folder: Path) -> str:
    there = read_progress(folder)
    who = ""
    if there is not None:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(there.started))
        who = f" (process {there.pid} on {there.host}, since {since})"
    return (
        f"{folder}: another command is at work there{who}; wait for it"
        f" (`{command('status', folder)}`), or choose another folder for this one"
    )
