"""Cache entries: computed once, and checked against their own checksum whenever they are read.

Beside each file lies ``NAME.sha256``, as ``sha256sum`` writes it. A file that does not verify is
removed and made again, and that is said; one that just cannot be read is left as it is. One that
verifies is read without a lock: a cache that cannot be written is used as far as it is complete.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from a2ibench.errors import UserError
from a2ibench.storage import VARIABLE, UnwritableError, file_sha256, lock, whole_file

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class DamagedEntryError(Exception):
    """A cached file that is not what was written, or cannot be decoded."""


def cached(path: Path, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """Reads a file of the cache; where it is missing or damaged, it is made first.

    Args:
        path: the file, in a folder of :func:`~a2ibench.storage.cache_dir`.
        make: writes it to the path that it is given.
        read: reads it; whatever it raises of a file that was there before counts as damage, but
            not that memory is short or that the system failed.

    Raises:
        UserError: the file is missing or damaged, and the cache cannot be written; or it may not
            be read.
        OSError: the system failed to read it; it is left as it is.
    """
    try:
        return _read(path, read)
    except FileNotFoundError:
        why = "a file of the cache is missing"
    except DamagedEntryError as error:
        why = f"a file of the cache is damaged ({error})"
    with ExitStack() as held:
        try:
            held.enter_context(lock(path))
        except UnwritableError as error:
            raise UserError(
                f"{why}, and the cache is read-only: {error}; set {VARIABLE} to a folder that can"
                " be written, or complete the cache where it can"
            ) from error
        try:
            return _read(path, read)  # another process may have made it meanwhile
        except FileNotFoundError:
            pass
        except DamagedEntryError as error:
            LOG.warning("cache: %s is damaged (%s): removed, and made again", path, error)
            path.unlink(missing_ok=True)
        with whole_file(path) as temporary:
            make(temporary)
            digest = file_sha256(temporary)
        with whole_file(checksum_file(path)) as temporary:
            temporary.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
        return read(path)


def find(path: Path, read: Callable[[Path], T]) -> T | None:
    """Reads a file of the cache; None where it is missing or damaged.

    Raises:
        UserError, OSError: see :func:`cached`.
    """
    try:
        return _read(path, read)
    except (FileNotFoundError, DamagedEntryError):
        return None


def checksum_file(path: Path) -> Path:
    """Where the checksum of a file of the cache lies."""
    return path.with_name(f"{path.name}.sha256")


def _read(path: Path, read: Callable[[Path], T]) -> T:
    """Reads a file that verifies.

    Raises:
        FileNotFoundError: it is not there.
        DamagedEntryError: it is empty, its checksum is another, or it cannot be decoded.
        UserError: it may not be read.
        OSError: the system failed to read it: what is in it is not known.
    """
    try:
        if path.stat().st_size == 0:
            raise DamagedEntryError("it is empty")
        found = file_sha256(path)
        expected = _expected(checksum_file(path))
        if found != expected:
            raise DamagedEntryError(
                f"expected sha256 {expected[:12]}…, got {found[:12]}…"
                if expected
                else "no checksum"
            )
        return _decode(path, read)
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise UserError(
            f"{error.filename or path}: a file of the cache that cannot be read"
            f" ({error.strerror}); make it readable, or set {VARIABLE} to another folder"
        ) from error


def _expected(file: Path) -> str:
    """The checksum in a file; empty where there is none."""
    try:
        return file.read_text(encoding="utf-8").partition(" ")[0]
    except (FileNotFoundError, ValueError):
        return ""


def _decode(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except MemoryError:
        raise
    except Exception as error:  # whatever a file of another shape or format makes a library raise
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's; libraries that refuse what is in a file give no number
        raise DamagedEntryError(str(error) or type(error).__name__) from error
