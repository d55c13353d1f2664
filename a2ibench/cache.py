"""Cache entries: computed once, and checked against their checksum whenever they are read.

Beside each file lies ``NAME.sha256``, in the format of ``sha256sum``. A file that does not verify
is removed and made again, with a warning; one that merely cannot be read is left as it is. One that
verifies is read without a lock, so that a read-only cache is used as far as it is complete.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from a2ibench.errors import UserError
from a2ibench.storage import VARIABLE, UnwritableError, atomic_write, file_sha256, lock

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class DamagedEntryError(Exception):
    """A cached file has other content than was written, or cannot be decoded."""


def cached(path: Path, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """Read a file of the cache; make it first if it is missing or damaged.

    What ``read`` raises on an existing file counts as damage, except for a shortage of memory and
    failures of the system.

    Raises:
        UserError: the file is missing or damaged, and the cache is not writable; or the file is
            not readable.
        OSError: the system failed to read the file, which is left as it is.
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
                f"{why}, and the cache is read-only: {error}; set {VARIABLE} to a writable folder,"
                " or complete the cache where it is writable"
            ) from error
        try:
            return _read(path, read)  # another process may have made it meanwhile
        except FileNotFoundError:
            pass
        except DamagedEntryError as error:
            LOG.warning("cache: %s is damaged (%s): it is removed and made again", path, error)
            path.unlink(missing_ok=True)
        with atomic_write(path) as temporary:
            make(temporary)
            digest = file_sha256(temporary)
        with atomic_write(checksum_file(path)) as temporary:
            temporary.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
        return read(path)


def find(path: Path, read: Callable[[Path], T]) -> T | None:
    """Read a file of the cache as :func:`cached` does; return None if it is missing or damaged."""
    try:
        return _read(path, read)
    except (FileNotFoundError, DamagedEntryError):
        return None


def checksum_file(path: Path) -> Path:
    """Return the path of the checksum of a file of the cache."""
    return path.with_name(f"{path.name}.sha256")


def _read(path: Path, read: Callable[[Path], T]) -> T:
    """Verify and read a file; raise FileNotFoundError without one."""
    try:
        if path.stat().st_size == 0:
            raise DamagedEntryError("it is empty")
        found, expected = file_sha256(path), _expected(checksum_file(path))
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
    """Read a checksum; return an empty one if there is none."""
    try:
        return file.read_text(encoding="utf-8").partition(" ")[0]
    except (FileNotFoundError, ValueError):
        return ""


def _decode(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except MemoryError:
        raise
    except Exception as error:  # of any kind, as a file of another shape or format may cause
        if isinstance(error, OSError) and error.errno is not None:
            raise  # from the system; libraries that refuse a file's content give no number
        raise DamagedEntryError(str(error) or type(error).__name__) from error
