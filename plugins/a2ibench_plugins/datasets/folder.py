"""A folder of your own: one folder a class, videos in it, or sounds beside their pictures."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from a2ibench.config import option
from a2ibench.data.files.clips import (
    PICTURES,
    SOUNDS,
    VIDEOS,
    Clip,
    ClipConfig,
    ClipDataset,
    source_of,
)


@dataclass(frozen=True)
class FolderConfig(ClipConfig):
    """Options of :class:`Folder`.

    Raises:
        ValueError: a pattern that is no regular expression with a group.
    """

    source_pattern: str = option(
        "",
        "regular expression on a file's path whose first group is the source clip, where several"
        " files were cut from one: `([^/]+)_\\d+\\.mp4$`",
    )

    def __post_init__(self) -> None:
        check_pattern(self.source_pattern)


def check_pattern(pattern: str) -> None:
    """Whether it can name a source.

    Raises:
        ValueError: it is no regular expression, or has no group.
    """
    try:
        if pattern and not re.compile(pattern).groups:
            raise ValueError(f"source_pattern {pattern!r}: expected a group in parentheses")
    except re.error as error:
        raise ValueError(f"source_pattern {pattern!r}: {error}") from error


class Folder(ClipDataset):
    """``SOURCE/<class>/…/<file>``: a video, or a sound and the one picture of the same name.

    The first folder of a path is the class. A file is a source of its own unless
    ``source_pattern`` says otherwise. Hidden files are passed over; whatever else is no video,
    sound or picture is reported.
    """

    name = "folder"
    Config = FolderConfig
    config: FolderConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract."""
        pictures: dict[str, list[str]] = {}
        sounds: list[str] = []
        for file in self._files():
            kind = Path(file).suffix.lower()
            if "/" not in file:
                self.reject(file, "not in the folder of a class (expected SOURCE/<class>/<file>)")
            elif kind in VIDEOS:
                yield self._clip(file)
            elif kind in SOUNDS:
                sounds.append(file)
            elif kind in PICTURES:
                pictures.setdefault(_stem(file), []).append(file)
            else:
                self.reject(
                    file, f"neither a video nor a sound nor a picture ({kind or 'no suffix'})"
                )
        for file in sounds:
            beside = pictures.pop(_stem(file), [])
            if len(beside) == 1:
                yield self._clip(file, beside[0])
            else:
                found = f"{len(beside)} of them" if beside else "none"
                self.reject(file, f"a sound needs one picture of the same name beside it; {found}")
        for files in pictures.values():
            for file in files:
                self.reject(file, "a picture without a sound of the same name")

    def _clip(self, file: str, picture: str | None = None) -> Clip:
        source = source_of(file, self.config.source_pattern)
        return Clip(file, file.partition("/")[0], source, picture=picture)

    def _files(self) -> Iterable[str]:
        """Relative paths; hidden ones are passed over, links to folders are not followed."""
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                if Path(folder, name).is_symlink():
                    link = Path(folder, name).relative_to(self.root).as_posix()
                    self.reject(link, "a symbolic link to a folder, which is not followed")
            for name in sorted(files):
                if not name.startswith("."):
                    yield Path(folder, name).relative_to(self.root).as_posix()


def _stem(file: str) -> str:
    return file.rpartition(".")[0]
