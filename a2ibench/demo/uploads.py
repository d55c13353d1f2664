"""The folder in which a server keeps a sound while it is decoded."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "a2ibench-demo-"


class Uploads:
    """A temporary folder that stays locked as long as its process lives.

    The lock distinguishes the folders of running servers from those of killed ones, which are
    removed when a new one is made.
    """

    def __init__(self) -> None:
        _remove_leftovers()
        while True:
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            # Another server may take it for a leftover before it is locked.
            with contextlib.suppress(FileNotFoundError):
                self._lock = os.open(self.folder, os.O_RDONLY)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                if self.folder.exists():
                    return
                os.close(self._lock)

    @contextmanager
    def keep(self, content: bytes) -> Iterator[Path]:
        """Write an upload to a file under a fixed name, and remove it afterwards."""
        path = self.folder / "sound"
        try:
            path.write_bytes(content)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _remove_leftovers() -> None:
    """Remove the unlocked folders of this user's servers."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # it belongs to somebody else, is a link, or is gone
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.getuid():
                    shutil.rmtree(path)
            finally:
                os.close(lock)
