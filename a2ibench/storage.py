"""Where things are kept, how a file becomes whole, and how content is hashed."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError

VARIABLE = "A2IBENCH_CACHE"
LEAST_ROOM = 2**16
"""Bytes: where less is free, a failed write is put down to that."""


def cache_dir(*parts: str) -> Path:
    """A folder of the cache, made if it is missing.

    ``A2IBENCH_CACHE`` names the root; without it the platform's user cache folder is used.

    Raises:
        UserError: it is missing and cannot be made.
    """
    import platformdirs

    path = Path(os.environ.get(VARIABLE) or platformdirs.user_cache_dir("a2ibench"), *parts)
    try:
        path = path.expanduser()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        if is_full(error):
            raise
        if isinstance(error, OSError):
            why = error.strerror
        else:
            why = "there is no such user" if isinstance(error, RuntimeError) else str(error)
        raise UserError(
            f"the cache folder {path} cannot be made ({why}); set {VARIABLE} to a folder that can"
            " be written"
        ) from error
    return path


def content_key(value: Any) -> str:
    """A hash of plain JSON values: 20 hexadecimal digits, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_sha256(path: Path) -> str:
    """The full sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that takes its place when the block succeeds.

    Written, synced, renamed: a reader finds the file whole or not at all.

    Raises:
        OSError: with ``errno.ENOSPC`` whenever there was no room, whatever a library made of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        # Libraries that write to a temporary file of their own make it readable by its owner alone.
        temporary.chmod(mode)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except Exception as error:
        if is_full(error) or shutil.disk_usage(path.parent).free < LEAST_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room on the disk, or none left in a quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, value: Any) -> None:
    """Writes plain values as indented JSON, whole or not at all; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as temporary:
        # A lone surrogate, as in a file name that is not UTF-8, becomes JSON's \\udc80.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """The plain values in a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def set_aside(path: Path, word: str = "damaged") -> Path:
    """Renames a file to ``NAME.damaged``, or ``NAME.damaged-2`` and so on: none is replaced.

    Returns:
        Its new path, beside the old one.
    """
    to = path.with_name(f"{path.name}.{word}")
    number = 1
    while to.exists():
        number += 1
        to = path.with_name(f"{path.name}.{word}-{number}")
    path.rename(to)
    return to


@contextmanager
def lock(path: Path, wait: bool = True) -> Iterator[None]:
    """Holds an inter-process lock beside ``path``: what it guards is computed once.

    Args:
        path: what is guarded; it need not be there.
        wait: for another process that holds the lock. Where nobody waits, the file of the lock is
            removed with it.

    Raises:
        HeldError: another process holds it, and ``wait`` is not set.
        UnwritableError: nothing can be written there.
    """
    from filelock import FileLock, Timeout

    file = path.with_name(f".{path.name}.lock")
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(file, timeout=-1 if wait else 0))
        except Timeout:
            raise HeldError(f"{path}: another process writes it already") from None
        except OSError as error:
            if is_full(error):
                raise
            raise UnwritableError(
                f"{path}: its folder cannot be written ({error.strerror})"
            ) from error
        if not wait:
            held.callback(_remove, file)  # while it is held: afterwards it may be another's
        yield


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # Windows removes it itself, when it is released
        file.unlink()


class HeldError(UserError):
    """A lock that another process holds."""


class UnwritableError(UserError):
    """A folder that nothing can be written to."""
