"""The part of a worker of a Ray cluster; it imports little, as many of them may start."""

import atexit
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from a2ibench import __version__
from a2ibench.child_process import Child
from a2ibench.errors import UserError

T = TypeVar("T")


def answer(
    version: str, memory: int, function: Callable[..., T], arguments: tuple[Any, ...]
) -> tuple[Exception | None, T | None]:
    """Make a call in the child process of this worker; return its error, and its answer."""
    try:
        if version != __version__:
            raise UserError(
                f"a node that has joined the Ray cluster: a2ibench is version {__version__}, where"
                f" the command was given it is {version}; install the same on every node"
            )
        return None, _child()(function, *arguments, memory=memory)
    except Exception as error:
        return error, None


@functools.cache
def _child() -> Child:
    child = Child()
    atexit.register(child.close)
    return child


def sizes(files: Sequence[Path]) -> list[int | None]:
    """Return the size of each file; None where it is not there."""
    return [file.stat().st_size if file.is_file() else None for file in files]
