"""Decode sound files of users in a child process, so that a crashing library ends only that."""

import atexit
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from a2ibench.child_process import Child, Crashed
from a2ibench.errors import UserError
from a2ibench.media.sound_file import read_sound
from a2ibench.types import FloatArray

T = TypeVar("T")

MEMORY = 8 * 2**30
"""Bytes of memory for decoding one sound: about an hour of stereo at 48 kHz."""
SECONDS = 600.0


def decode_apart(
    function: Callable[[Path], T],
    path: Path,
    child: Child,
    memory: int = MEMORY,
    seconds: float = SECONDS,
) -> T:
    """Call a function on a file in another process.

    Args:
        function: a module's function; its :class:`UserError` names the file by its path.
        path: the file.
        child: the process.
        memory: limit in bytes.
        seconds: time limit.

    Raises:
        UserError: the function raised it, or its process died.
    """
    # The other process may be in another folder; messages name the file as it was given.
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
    with _openable(absolute) as opened:
        try:
            return child(function, opened, memory=memory, seconds=seconds)
        except UserError as error:
            raise UserError(str(error).replace(str(opened), str(path))) from None
        except Crashed as crash:
            raise UserError(
                f"{path}: the decoder {crash}; convert the sound to another format, or cut it"
            ) from None


@contextmanager
def _openable(path: Path) -> Iterator[Path]:
    """Yield a path that every library can open: some refuse names that are not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with TemporaryDirectory() as folder:
            link = Path(folder, f"sound{path.suffix}" if path.suffix.isascii() else "sound")
            link.symlink_to(path)
            yield link
    else:
        yield path


def read_sound_apart(path: Path) -> tuple[FloatArray, int]:
    """Call :func:`~a2ibench.media.sound_file.read_sound` in a process kept for that.

    Returns:
        float32 ``[T]``, mono, and its sample rate.

    Raises:
        UserError: the file cannot be read, or the decoder crashed or exceeded :data:`MEMORY` or
            :data:`SECONDS`.
    """
    return decode_apart(read_sound, path, _child_of(os.getpid()))


def load_decoders() -> None:
    """Import the decoders, so that later calls in this process are quick."""
    import av  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401


@functools.cache
def _child_of(pid: int) -> Child:
    """The decoding process of this process; a forked copy must not share its parent's."""
    child = Child()
    atexit.register(child.close)
    return child
