"""The progress of the command at work on a study: ``progress.json``."""

import os
import socket
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Count, Record, Seconds
from a2ibench.storage import write_json

PROGRESS = "progress.json"
SILENT = 600.0
"""Seconds without news after which a process on another machine counts as gone."""


class TrialProgress(Record):
    """The progress of one trial of the present command."""

    step: Count
    steps: Count
    begun: Seconds
    resumed: Count | None
    ended: bool
    first: Seconds | None = None
    """When it told its first step: until then it imports, prepares and resumes."""


class ProgressRecord(Record):
    """``progress.json``: the command that is, or was last, at work on a study."""

    pid: Annotated[int, Field(ge=1, lt=2**31)]
    host: str
    started: Seconds
    updated: Seconds
    ended: Literal["done", "interrupted", "stopped"] | None
    trials: dict[str, TrialProgress]


def read_progress(folder: Path) -> ProgressRecord | None:
    """Read the progress of the last command; None without one, or where it cannot be read."""
    try:
        return read_record(ProgressRecord, folder / PROGRESS)
    except (OSError, DamagedError):
        return None


def write_progress(folder: Path, content: dict[str, Any]) -> None:
    """Write ``progress.json``, whose content is that of a :class:`ProgressRecord`."""
    write_json(folder / PROGRESS, content)


def is_at_work(progress: ProgressRecord) -> bool:
    """Return whether the command that left this still runs."""
    if progress.ended is not None:
        return False
    if progress.host != socket.gethostname():
        return time.time() - progress.updated < SILENT
    try:
        os.kill(progress.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process
    return True
