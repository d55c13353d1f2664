"""The cache folder, atomic writes, locks, and hashes of content."""

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
MIN_FREE = 2**16
"""Free bytes below which a failed write counts as a full disk."""


def cache_dir(*parts: str) -> Path:
    """Return a folder of the cache; make it if it is missing.

    ``A2IBENCH_CACHE`` names the root, by default the platform's user cache folder.

    Raises:
        UserError: the folder cannot be made.
    """
    path = Path(os.environ.get(VARIABLE) or _own_place(), *parts)
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
            f"the cache folder {path} cannot be made ({why}); set {VARIABLE} to a writable folder"
        ) from error
    return path


def expanded(path: str) -> Path:
    """Return a path with ``~`` replaced by a home folder; without such a user, as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def with_name(folder: str) -> str:
    """Return a folder as it was given; one that ends in no name, such as ``.``, by its path."""
    nameless = folder and Path(folder).name in ("", "..")
    return str(expanded(folder).resolve()) if nameless else folder


def _own_place() -> str:
    import platformdirs

    return platformdirs.user_cache_dir("a2ibench")


def content_key(value: Any) -> str:
    """Hash plain JSON values to 20 hexadecimal digits, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:20]


def file_sha256(path: Path) -> str:
    """Return the full sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block succeeds.

    The file is written, synced and renamed, so that a reader finds it whole or not at all.

    Raises:
        OSError: with ``errno.ENOSPC`` whenever the disk was full, whatever a library raised.
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
        if is_full(error) or shutil.disk_usage(path.parent).free < MIN_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def nearest_existing(path: Path) -> Path:
    """Return a path if it exists, or the nearest folder above it that does."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that the disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as indented JSON, atomically; raise a ValueError for NaN or infinity."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as temporary:
        # A lone surrogate, as in a file name that is not UTF-8, becomes JSON's \\udc80.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Read the plain values in a JSON file; raise a ValueError where it is none, or too deep."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def set_aside(path: Path, word: str = "damaged") -> Path:
    """Rename a file to ``NAME.damaged``, or ``NAME.damaged-2`` and so on, and return its new path.

    No file is replaced.
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
    """Hold an inter-process lock beside ``path``.

    Args:
        path: the guarded file or folder, which need not exist.
        wait: whether to wait for another process that holds the lock. If not, the file of the lock
            is removed at the end.

    Raises:
        HeldError: another process holds the lock, and ``wait`` is not set.
        UnwritableError: the folder is not writable.
    """
    from filelock import FileLock, Timeout

    file = path.with_name(f".{path.name}.lock")
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(file, timeout=-1 if wait else 0))
        except Timeout:
            raise HeldError(f"{path}: another process is writing it already") from None
        except OSError as error:
            if is_full(error):
                raise
            raise UnwritableError(
                f"{path}: its folder is not writable ({error.strerror})"
            ) from error
        if not wait:
            held.callback(_remove, file)  # while it is held: afterwards it may be another process's
        yield


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # Windows removes it itself, when it is released
        file.unlink()


class HeldError(UserError):
    """Another process holds the lock."""


class UnwritableError(UserError):
    """The folder is not writable."""
