"""Pictures of two folders, paired by file name; the class and the clip that a name tells."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError, counted
from a2ibench.evaluation.picture_files import FORMATS, is_inside, some
from a2ibench.evaluation.statistics import MIN_CLIPS
from a2ibench.types import IntArray

LAST_NUMBER = re.compile(r"[_-]\d+$")
"""Part of a name that tells the segments of a clip apart, as in ``dam_12``."""
EVERY = "all"
"""Class of all pictures, where there are no classes."""


@dataclass(frozen=True)
class Groups:
    """Classes and clips of some pictures.

    Attributes:
        label: int64 ``[n]``, indices into ``classes``.
        classes: names of the sub-folders; one for all pictures where they tell no class.
        source: ``[n]``, the clip of each picture.
        said: where the clips come from, in words.
    """

    label: IntArray
    classes: tuple[str, ...]
    source: npt.NDArray[np.str_]
    said: str

    def take(self, rows: IntArray) -> "Groups":
        """Return those of some pictures, int64 ``[m]``."""
        return replace(self, label=self.label[rows], source=self.source[rows])


def find_files(folder: Path, suffixes: Collection[str], what: str) -> tuple[dict[str, Path], str]:
    """Find the files of some kinds in a folder and its sub-folders.

    Hidden files and folders are passed over.

    Args:
        folder: where to look.
        suffixes: the suffixes to take, in lower case.
        what: a noun for these files (``"picture"``).

    Returns:
        Name → file, sorted. A name is the path in the folder without the suffix, parts joined by
        ``/``. Then a note on what was passed over; empty where nothing was.

    Raises:
        UserError: there is no such folder, or no such file in it; a folder in it is a link, or
            cannot be read; a link leaves the folder; or several files have one name.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of {what}s")
    found: dict[str, list[Path]] = defaultdict(list)
    others, linked = [], []

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})")

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        linked += [Path(place, one) for one in folders if Path(place, one).is_symlink()]
        for file in sorted(one for one in files if not one.startswith(".")):
            path = Path(place, file)
            name = path.relative_to(folder).with_suffix("").as_posix()
            if path.suffix.lower() in suffixes:
                found[name].append(path)
            else:
                others.append(path.relative_to(folder).as_posix())
    if linked:
        names = some([path.relative_to(folder).as_posix() for path in linked])
        raise UserError(f"{folder}: links to folders, which are not followed ({names}); copy them")
    if outside := [p for paths in found.values() for p in paths if not is_inside(p, folder)]:
        raise UserError(f"{folder}: links that leave the folder ({some(outside)}); copy the files")
    several = [" and ".join(p.name for p in paths) for paths in found.values() if len(paths) > 1]
    if several:
        raise UserError(
            f"{folder}: several files of one name ({some(several, '; ')}); keep one of each"
        )
    if not found:
        kinds = ", ".join(sorted(suffixes))
        raise UserError(f"{folder}: no {what} in it (expected files that end in {kinds})")
    note = f"{counted(len(others), 'other file')} passed over ({some(others)})" if others else ""
    return {name: paths[0] for name, paths in sorted(found.items())}, note


def pair_names(sides: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names that all sides have in common, sorted, and a note for each with others.

    ``sides`` holds the names of each, by what it is called.

    Raises:
        UserError: they have no name in common.
    """
    names = {side: set(one) for side, one in sides.items()}
    common = set.intersection(*names.values())
    if not common:
        shown = "; ".join(f"{side}: {some(sorted(one))}" for side, one in names.items())
        raise UserError(
            "files are paired by their names, with the sub-folder and without the suffix, and no"
            f" name is on all sides ({shown})"
        )
    notes = []
    for side, own in names.items():
        if alone := sorted(own - common):
            others = " or ".join(other for other in names if other != side)
            count = counted(len(alone), "file")
            notes.append(f"{side}: {count} without a partner in {others}, left out ({some(alone)})")
    return tuple(sorted(common)), notes


def group(names: Sequence[str], clips: str | None) -> Groups:
    """Tell classes by the first folder of names, and clips by a pattern or by what names share.

    There are classes where every picture lies in a sub-folder, and there are two of these or more.
    Where a name ends in ``_`` or ``-`` and a number, the rest names its clip, if that makes at
    least ``MIN_CLIPS`` clips, two in every class; otherwise each picture is a clip of its own.

    Args:
        names: as in :func:`find_files`.
        clips: a regular expression that is searched in each name: its first group, or all that
            matches, names the clip. None for the rule above.

    Raises:
        UserError: ``clips`` is no regular expression, or matches not every name.
    """
    tops = [name.split("/")[0] if "/" in name else "" for name in names]
    known = sorted(set(tops))
    if len(known) < 2 or "" in known:
        tops, known = [EVERY] * len(names), [EVERY]
    label = np.searchsorted(known, tops).astype(np.int64)
    source, said = _clips(names, tops, clips)
    return Groups(label, tuple(known), np.array(source), said)


def _clips(names: Sequence[str], tops: Sequence[str], clips: str | None) -> tuple[list[str], str]:
    if clips is not None:
        try:
            found = [re.search(clips, name) for name in names]
        except re.error as error:
            raise UserError(f"--clips {clips!r}: not a regular expression ({error})") from None
        if missed := [name for name, one in zip(names, found, strict=True) if one is None]:
            raise UserError(f"--clips {clips!r}: does not match {some(missed)}")
        matched = [one for one in found if one is not None]
        return [one[1] or "" if one.re.groups else one[0] for one in matched], "by --clips"
    before = [LAST_NUMBER.sub("", name) for name in names]
    in_class = Counter(top for top, _ in set(zip(tops, before, strict=True)))
    if MIN_CLIPS <= len(set(before)) < len(names) and min(in_class.values()) > 1:
        return before, "by their names without the last number; --clips REGEX says it otherwise"
    return list(names), "each picture taken for one of its own; --clips REGEX says it otherwise"


def common_side(
    folders: Mapping[str, Mapping[str, Path]], resize: bool, given: int | None = None
) -> int:
    """Return the side at which pictures are compared, in pixels; refuse what would be resized.

    It is the smallest of the folders' usual shorter sides, so that nothing usual is enlarged.

    Args:
        folders: name of a folder → its files.
        resize: whether pictures may be resized.
        given: the side that it has to be; None for the rule.

    Raises:
        UserError: no file can be read, or pictures have another size and ``resize`` is not set.
    """
    usual = {name: size for name, files in folders.items() if (size := _usual_size(files))}
    if not usual:
        files = next(iter(folders.values()))
        raise UserError(f"no file can be read as a picture, such as {next(iter(files.values()))}")
    side = given or min(map(min, usual.values()))
    if not resize and any(size != (side, side) for size in usual.values()):
        found = ", ".join(f"{name} {wide} × {high}" for name, (wide, high) in usual.items())
        raise UserError(
            f"expected pictures of {side} × {side} px, got {found}: --resize reads the middle"
            f" square of all of them at {side} px (Lanczos, antialiased)"
        )
    return side


def _usual_size(files: Mapping[str, Path]) -> tuple[int, int] | None:
    """Return the most frequent width and height of pictures; None where none can be read."""
    from PIL import Image

    sizes: Counter[tuple[int, int]] = Counter()
    for path in files.values():
        try:
            with Image.open(path, formats=[FORMATS[path.suffix.lower()]]) as opened:
                sizes[opened.size] += 1
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # named when it is read
    return sizes.most_common(1)[0][0] if sizes else None
