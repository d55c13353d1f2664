"""How far the command at work on a study is, as ``progress.json`` says it."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from a2ibench.results import records
from a2ibench.results.records import DamagedError, Progress
from a2ibench.storage import write_json

PROGRESS = "progress.json"
SILENT = 600.0
"""Seconds without news after which a process on another machine counts as gone."""


def read_progress(folder: Path) -> Progress | None:
    """Read how far the last command is; None where there was none, or its file cannot be read."""
    try:
        return records.read(Progress, folder / PROGRESS)
    except (OSError, DamagedError):
        return None


def write_progress(folder: Path, content: dict[str, Any]) -> None:
    """Write ``progress.json``; its content is that of a :class:`~.records.Progress`."""
    write_json(folder / PROGRESS, content)


def is_at_work(progress: Progress) -> bool:
    """Whether the command that left this still runs."""
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
