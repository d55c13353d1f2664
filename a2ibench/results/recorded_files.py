"""A folder in which only files that were written there before are written again.

A record in the folder names them with their hashes; whatever else lies there is the user's and is
neither replaced nor removed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from a2ibench.errors import UserError
from a2ibench.storage import content_key, file_sha256, read_json, write_json

SWEEP = "sweep.json"
"""The record in a sweep's folder: what was changed, and whose pictures they are."""


LONGEST = 200
"""Bytes of a safe name: a file system takes 255, and ``storage.atomic_write`` adds 42 with the
ending of a picture."""


def safe_name(text: str) -> str:
    """Return a name for a file or folder, of a text that came with data.

    It leads to no other folder, and can be printed: separators become ``_``, leading dots go. One
    that is too long ends in a hash of all of it.
    """
    kept = "".join("_" if c in "/\\" or not c.isprintable() else c for c in text)
    kept = kept.lstrip(".") or "sound"
    if len(kept.encode()) <= LONGEST:
        return kept
    end = f"-{content_key(kept)}"
    return kept.encode()[: LONGEST - len(end)].decode(errors="ignore") + end


def check_free(folder: Path, record: str, names: Sequence[str]) -> None:
    """Check that files of a folder can be written without replacing somebody else's.

    Raises:
        UserError: the path is no folder, or one of the files is there and is not in the folder's
            ``record``, or has been changed since.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"{there}: is a file; give a folder (--out)")
    own = _own(folder, record)
    for name in (record, *names):
        path = folder / name
        if os.path.lexists(path) and path not in own:
            raise UserError(
                f"{path}: is there already and was not written by this command, or was changed"
                " since; move it, or give another folder (--out)"
            )


@contextmanager
def writing(
    folder: Path, record: str, names: Sequence[str], about: Mapping[str, Any]
) -> Iterator[None]:
    """Remove what the record names, and record the files that are written within.

    The folder is made if it is missing; ``about`` is further content of the record.

    Raises:
        UserError: see :func:`check_free`.
    """
    check_free(folder, record, names)
    for path in _own(folder, record):
        path.unlink(missing_ok=True)
    # Before the first of them: what an interrupted command leaves behind is ours, too.
    write_json(folder / record, {**about, "files": dict.fromkeys(names)})
    yield
    hashes = {name: file_sha256(folder / name) for name in names}
    write_json(folder / record, {**about, "files": hashes})


def _own(folder: Path, record: str) -> set[Path]:
    """Return the files of a folder that are as the record says, and the record itself."""
    path = folder / record
    try:
        files = dict(read_json(path)["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    own = {path}
    for name, digest in files.items():
        parts = PurePosixPath(str(name)).parts
        file = folder.joinpath(*parts)
        if ".." in parts or os.path.isabs(str(name)) or file.is_symlink():  # noqa: PTH117
            continue
        if file.is_file() and (digest is None or file_sha256(file) == digest):
            own.add(file)
    return own
