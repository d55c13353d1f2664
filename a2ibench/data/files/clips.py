"""Datasets made of files: the part that all layouts on disk share.

A layout lists clips; this cuts them in their order, on many workers, and resumes an interrupted
preparation. A file that cannot be used is rejected with the reason.
"""

import errno
import hashlib
import json
import os
import socket
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from a2ibench.contracts.dataset import Dataset
from a2ibench.data.files.clip import Clip, ClipConfig
from a2ibench.data.files.clip_part import part_of
from a2ibench.data.files.folder_listing import FolderListing
from a2ibench.data.files.lengths import too_short
from a2ibench.data.files.listing import (
    as_utf8,
    at_most,
    check_names,
    check_sources,
    without_conflicts,
)
from a2ibench.data.files.splits import assign
from a2ibench.errors import UserError
from a2ibench.media.container import open_media
from a2ibench.media.cutting import Cut, Cutting, cut, cut_with_picture
from a2ibench.parallel import Crashed, current_pool, in_order
from a2ibench.storage import file_sha256
from a2ibench.types import Missing, Pair, Part, Rejected, RejectedError, Split

PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT})
"""Failures of the system that say nothing about a file."""


class _AbsentError(RejectedError):
    """The file is not there."""


@dataclass(frozen=True)
class _Unseen:
    """The answer of a worker that does not see a file."""

    file: str
    host: str


class ClipDataset(Dataset):
    """A dataset of files in a folder; a layout is a subclass with :meth:`clips`.

    Args:
        config: a :class:`~a2ibench.data.files.clip.ClipConfig`, or more.
        source: the folder (for some layouts: a list in it) that the user names.

    Raises:
        UserError: no such folder.
    """

    unit: ClassVar[Literal["pairs", "files"]] = "files"
    version: ClassVar[int] = 2
    config: ClipConfig
    listed: int | None = None
    """Number of different clips on the list; set by :meth:`clips` of a layout that reads one."""

    def __init__(self, config: ClipConfig, source: Path) -> None:
        super().__init__(config)
        if not source.exists():
            raise UserError(f"{source}: no such file or folder")
        source = source.resolve()
        self.source = source
        self.root = source if source.is_dir() else source.parent
        self._listing = FolderListing(self.root)
        self._rejected: list[Rejected] = []
        self._missing: list[Missing] = []
        self._notes: list[str] = []
        self._clips = self._usable(self.clips())
        if not self._clips:
            why = "".join(f"; {note}" for note in self.notes())
            if self._rejected:
                first = self._rejected[0]
                at = "" if first.start is None else f" at {first.start:g} s"
                why += f"; {first.file}{at}: {first.reason}"
            raise UserError(f"{source}: nothing to cut in it (layout {self.name}){why}")
        self._given = self._given_sides()
        self._sides = self.sides([(clip.source, clip.label) for clip in self._clips])

    @abstractmethod
    def clips(self) -> Iterable[Clip]:
        """List the files to cut; pass unusable ones to :meth:`reject`.

        Raises:
            UserError: the folder is not of this layout.
        """

    def reject(self, file: str, reason: str, start: float | None = None) -> None:
        """Record something that is left out."""
        self._rejected.append(Rejected(as_utf8(file), as_utf8(reason), start))

    def miss(
        self,
        clip: str,
        label: str,
        split: Split | None = None,
        starts: tuple[float, ...] = (),
        expected: Sequence[str] = (),
    ) -> None:
        """Record a clip of the list that is not there; see :class:`~a2ibench.types.Missing`."""
        names = tuple(map(as_utf8, expected or (clip,)))
        self._missing.append(Missing(as_utf8(clip), as_utf8(label), split, starts, names))

    def note(self, text: str) -> None:
        """Record something that the user should know before anything is cut."""
        self._notes.append(as_utf8(text))

    @property
    def missing(self) -> tuple[Missing, ...]:
        """See the contract."""
        return tuple(dict.fromkeys(self._missing))

    def notes(self, sources: Sequence[Mapping[str, Any]] = ()) -> tuple[str, ...]:
        """See the contract."""
        notes = [*self._notes]
        if self.listed is not None:
            missing = {one.clip: one for one in self._missing}
            held = f"held {self.listed - len(missing):,} of {self.listed:,} listed clips"
            if missing:
                first = self._missing[0]
                held += (
                    f"; the others are in missing.csv, for example {first.clip}"
                    f" (expected {' or '.join(first.expected)})"
                )
            notes.insert(0, held)
        if short := too_short(sources, self.config.seconds):
            notes.append(short)
        return tuple(notes)

    def inside(self, file: str) -> Path:
        """Resolve a path relative to the folder.

        Raises:
            RejectedError: the file is missing, not a file, or outside the folder, be it by ``..``
                or by a symbolic link.
        """
        if not self._listing.may_hold(file):
            raise _AbsentError("no such file")
        try:
            path = (self.root / file).resolve()
            if not path.is_relative_to(self.root):
                raise RejectedError("it lies outside the folder")
            if not path.exists():
                raise _AbsentError("no such file")
            if not path.is_file():
                raise RejectedError("not a file")
        except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, a loop of links
            raise RejectedError(f"not a path of a file ({error})") from error
        return path

    def files(self) -> Iterator[str]:
        """Yield the files in the folder and below, as relative paths; hidden ones are passed over.

        Links to folders are not followed; they, and folders that cannot be read, are rejected.
        """

        def refuse(error: OSError) -> None:
            name = Path(error.filename or self.root).relative_to(self.root).as_posix()
            self.reject(name, f"the folder cannot be read ({error.strerror})")

        for folder, folders, files in os.walk(self.root, onerror=refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                if Path(folder, name).is_symlink():
                    link = Path(folder, name).relative_to(self.root).as_posix()
                    self.reject(link, "a symbolic link to a folder, which is not followed")
            for name in sorted(files):
                if not name.startswith("."):
                    yield Path(folder, name).relative_to(self.root).as_posix()

    def is_file(self, file: str) -> bool:
        """Return whether there is a file, relative to the folder; cheap where there is none."""
        return self._listing.may_hold(file) and (self.root / file).is_file()

    def _usable(self, clips: Iterable[Clip]) -> list[Clip]:
        usable = []
        for clip in sorted(clips, key=lambda clip: (clip.file, clip.label, clip.starts or ())):
            try:
                check_names(clip)
                path = self.inside(clip.file)
                self._check_picture(clip.picture)
                if clip.unseen and self.config.unseen == "drop":
                    raise RejectedError(f"its class {clip.label} is not seen (unseen=drop)")
            except RejectedError as error:
                if self.listed is not None and isinstance(error, _AbsentError):
                    self.miss(clip.file, clip.label, clip.split, clip.starts or ())
                else:
                    self.reject(clip.file, str(error))
            else:
                if clip.source == clip.file:  # whatever its name, a file is one source
                    clip = replace(clip, source=path.relative_to(self.root).as_posix())
                usable.append((path, clip))
        kept, notes = without_conflicts(usable, self.config, self.reject)
        self._notes += notes
        check_sources(usable, self.root, self.config.seconds)
        real = {clip.file: path for path, clip in usable}
        return at_most(self.config.most, [(real[clip.file], clip) for clip in kept])

    def _check_picture(self, picture: str | None) -> None:
        try:
            if picture is not None:
                self.inside(picture)
        except RejectedError as error:
            raise RejectedError(f"its picture {picture}: {error}") from error

    def _given_sides(self) -> dict[str, Split]:
        """The sources whose side the layout fixes."""
        given: dict[str, Split] = {}
        for clip in self._clips:
            if clip.split and given.setdefault(clip.source, clip.split) != clip.split:
                raise UserError(
                    f"{self.source}: source {clip.source!r} is given as train and as test:"
                    " that leaks one clip into both sides"
                )
        return given

    def sides(self, clips: Sequence[tuple[str, str]]) -> Mapping[str, Split]:
        """See the contract; the sides follow from the seed and the usable sources alone."""
        config = self.config
        free = [(source, label) for source, label in clips if source not in self._given]
        return {**assign(free, config.folds, config.fold, config.seed), **self._given}

    def __len__(self) -> int:
        """Number of files."""
        return len(self._clips) + bool(self._rejected)

    def provenance(self) -> dict[str, Any]:
        """A hash of the list of files: names, sizes, labels, given sides."""
        digest = hashlib.sha256()
        for clip in self._clips:
            size = (self.root / clip.file).stat().st_size
            line = [clip.stated, size]
            digest.update(json.dumps(line, sort_keys=True).encode())
        return {"files": len(self._clips), "list_sha256": digest.hexdigest()}

    def pairs(self) -> Iterator[Pair]:
        """See the contract."""
        for part in self.parts():
            yield from part.pairs

    def parts(self, done: int = 0) -> Iterator[Part]:
        """Yield one part per file; the last one is what the layout itself rejected."""
        config = self.config
        cutting = Cutting(
            seconds=config.seconds,
            hop=config.hop,
            frames=config.frames,
            at=config.at,
            most=config.most,
            image_size=config.image_size,
            sample_rate=self.sample_rate,
            audio_track=config.audio_track,
        )
        left = self._clips[done:]
        some = left[:: max(1, len(left) // 3)]
        current_pool().check_sees([self.root / clip.file for clip in some])
        arguments = ((self.root, clip, cutting) for clip in left)
        for clip, answer in zip(left, in_order(_cut, arguments), strict=True):
            if isinstance(answer, Crashed):
                yield part_of(clip, self._sides[clip.source], f"the decoder {answer}", {})
                continue
            result, facts = answer
            if isinstance(result, _Unseen):
                if (self.root / result.file).is_file():  # good, and must not be left out
                    raise UserError(
                        f"{self.root / result.file}: not seen by the worker on {result.host};"
                        " every node must see the folder under the same path, as on a shared disk;"
                        " then run the same command again to resume"
                    )
                result = "it is no longer there"
            yield part_of(clip, self._sides[clip.source], result, facts)
        if self._rejected and done <= len(self._clips):
            yield Part((), tuple(self._rejected))


def _cut(root: Path, clip: Clip, cutting: Cutting) -> tuple[Cut | _Unseen | str, dict[str, Any]]:
    """Cut one file; return its segments, or the reason for none, and facts on the file."""
    path = root / clip.file
    facts: dict[str, Any] = {}
    for file in filter(None, (clip.file, clip.picture)):
        if not (root / file).exists():
            return _Unseen(file, socket.gethostname()), facts
    if clip.track:
        cutting = replace(cutting, audio_track=clip.track)
    try:
        facts = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        if clip.picture is not None:
            return cut_with_picture(path, root / clip.picture, cutting), facts
        return cut(path, cutting, clip.starts, clip.frames), facts
    except RejectedError as error:
        return str(error), {**facts, **_declared_length(path)}
    except PermissionError:
        return "it may not be read (permission denied)", facts
    except MemoryError as error:  # reported by whoever set the limit
        raise MemoryError(str(error)) from None
    except Exception as error:  # a damaged file makes libraries raise anything; the rest goes on
        if isinstance(error, OSError) and error.errno in PASSING:
            raise UserError(
                f"{path}: cannot be read at present ({os.strerror(error.errno)});"
                " run the same command again to resume"
            ) from error
        return f"it cannot be decoded ({type(error).__name__}: {error})", facts


def _declared_length(path: Path) -> dict[str, float]:
    try:
        with open_media(path) as container:
            return {"seconds": container.duration / 1e6} if container.duration else {}
    except Exception:  # the file has been rejected already, for a better reason
        return {}
