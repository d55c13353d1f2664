"""Say that files are absent without a look at each: a folder is read once."""

import os
import unicodedata
from pathlib import Path

MAX_LENGTH = 1000
"""Largest length of a path that is followed."""


class FolderListing:
    """The names in the folders below a root, each read when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._read: dict[str, frozenset[str] | None] = {}

    def may_hold(self, file: str) -> bool:
        """Return False where there is no such file, and True where one has to look.

        Args:
            file: path relative to the root, with ``/``. Case and the composition of letters do not
                count, since not every file system tells them apart.
        """
        parts = [part for part in file.split("/") if part not in ("", ".")]
        if file.startswith("/") or ".." in parts or len(file) > MAX_LENGTH or "\0" in file:
            return True
        folder = self._root
        for part in parts:
            if (names := self._names(folder)) is None:
                return True
            if _key(part) not in names:
                return False
            folder = f"{folder}/{part}"
        return True

    def _names(self, folder: str) -> frozenset[str] | None:
        """The names in a folder, none if it is no folder; None if it cannot be read."""
        if folder not in self._read:
            try:
                self._read[folder] = frozenset(_key(entry.name) for entry in os.scandir(folder))
            except (FileNotFoundError, NotADirectoryError):
                self._read[folder] = frozenset()
            except (OSError, ValueError):  # forbidden, too long, a NUL, a loop of links
                self._read[folder] = None
        return self._read[folder]


def _key(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
