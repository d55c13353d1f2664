"""A folder of your own: one folder per class, with videos, or sounds beside their pictures."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from a2ibench.config import option
from a2ibench.data.files.clip import PICTURES, SOUNDS, VIDEOS, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError, counted


@dataclass(frozen=True)
class FolderConfig(ClipConfig):
    """Options of :class:`Folder`.

    Raises:
        ValueError: the pattern is not a regular expression with a group, or is given together with
            ``group_by=folder``.
    """

    group_by: Literal["file", "folder"] = option(
        "file",
        "one source per file, or per folder below that of the class, which holds all files cut from"
        " one recording",
    )

    source_pattern: str = option(
        "",
        "regular expression on a file's path whose first group is the source clip, if several"
        " files were cut from one: `([^/]+)_\\d+\\.mp4$`",
    )

    def __post_init__(self) -> None:
        check_pattern(self.source_pattern)
        if self.source_pattern and self.group_by == "folder":
            raise ValueError("group_by=folder and source_pattern: expected one of the two")


def check_pattern(pattern: str) -> None:
    """Check that a pattern can name a source.

    Raises:
        ValueError: it is not a regular expression, or has no group.
    """
    try:
        if pattern and not re.compile(pattern).groups:
            raise ValueError(f"source_pattern {pattern!r}: expected a group in parentheses")
    except re.error as error:
        raise ValueError(f"source_pattern {pattern!r}: {error}") from error


class Folder(ClipDataset):
    """``SOURCE/<class>/…/<file>``: a video, or a sound and the one picture of the same name.

    A sound or picture beside a video of the same name is left out: it is taken to be from it. The
    first folder of a path is the class. A file is a source of its own unless ``group_by`` or
    ``source_pattern`` says otherwise. Hidden files are ignored; any other file that is not a
    video, sound or picture is reported.
    """

    name = "folder"
    Config = FolderConfig
    config: FolderConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract.

        Raises:
            UserError: SOURCE is a file, or groups were asked for and there are none.
        """
        if not self.source.is_dir():
            raise UserError(
                f"{self.source}: expected a folder SOURCE/<class>/<file>, or a table of clips that"
                " ends in .csv or .parquet"
            )
        self._grouped: dict[str, int] = {}
        self._alone: list[str] = []
        videos: dict[str, str] = {}
        pictures: dict[str, list[str]] = {}
        sounds: dict[str, list[str]] = {}
        for file in self.files():
            kind = Path(file).suffix.lower()
            if "/" not in file:
                self.reject(file, "not in the folder of a class (expected SOURCE/<class>/<file>)")
            elif kind in VIDEOS:
                videos[_stem(file)] = file
                yield self._clip(file)
            elif kind in SOUNDS:
                sounds.setdefault(_stem(file), []).append(file)
            elif kind in PICTURES:
                pictures.setdefault(_stem(file), []).append(file)
            else:
                self.reject(
                    file, f"neither a video nor a sound nor a picture ({kind or 'no suffix'})"
                )
        for stem, video in videos.items():  # its own sound, or a still of it
            for file in (*sounds.pop(stem, ()), *pictures.pop(stem, ())):
                self.reject(file, f"{video} has the same name, and is cut")
        for stem, (file, *more) in sounds.items():
            beside = pictures.pop(stem, [])
            if len(beside) == 1:
                yield self._clip(file, beside[0])
            else:
                found = f"{len(beside)} of them" if beside else "none"
                self.reject(file, f"a sound needs one picture of the same name beside it; {found}")
            for other in more:
                self.reject(other, f"{file} has the same name; a name is one sound")
        for files in pictures.values():
            for file in files:
                self.reject(file, "a picture without a sound of the same name")
        self._check_groups()

    def _clip(self, file: str, picture: str | None = None) -> Clip:
        group = self._group(file)
        if group is None:
            self._alone.append(file)
        else:
            self._grouped.setdefault(group, 0)
            self._grouped[group] += 1
        source = file if group is None else group
        return Clip(file, file.partition("/")[0], source, picture=picture)

    def _group(self, file: str) -> str | None:
        """The source that a file shares with others; None if it is a source of its own."""
        if self.config.group_by == "folder":
            folder = file.rpartition("/")[0]
            return folder if "/" in folder else None
        found = re.search(self.config.source_pattern, file) if self.config.source_pattern else None
        return (found.group(1) or None) if found else None

    def _check_groups(self) -> None:
        """Report the grouped files.

        Raises:
            UserError: the user asked for groups, but there are none.
        """
        config = self.config
        if not config.source_pattern and config.group_by == "file":
            return
        grouped, alone = sum(self._grouped.values()), self._alone
        if config.source_pattern:
            asked, wrong = f"source_pattern '{config.source_pattern}'", "it matches none of the"
        else:
            asked, wrong = "group_by=folder", "no folder below that of a class holds any of the"
        if alone and not grouped:
            raise UserError(f"{asked}: {wrong} {len(alone):,} files, for example {alone[0]}")
        text = f"{asked}: {grouped:,} of {grouped + len(alone):,} files belong to"
        text += f" {counted(len(self._grouped), 'source')}"
        if alone:
            text += f"; each of the others counts as a source, for example {alone[0]}"
        self.note(text)


def _stem(file: str) -> str:
    return file.rpartition(".")[0]
