"""A job's ``result.json`` and the scores beside it: written with checksums, believed when whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.results import records
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Result
from a2ibench.storage import content_key, file_sha256, set_aside, write_json

FORMAT = 2
JOBS = "jobs"
"""In a study's folder: a folder for each job, called by its key."""
RESULT = "result.json"
STRATUM = "stratum"
"""The column of the blocks' file that says which blocks are compared with each other."""
SEGMENTS, BLOCKS = SCORES = ("segments.parquet", "blocks.parquet")
"""Beside a result: a column per metric, with a row for each test segment and for each block.

A result that is extended by other metrics comes with files of another name, which its ``files``
hold: until it is written, and for whoever reads at that moment, the earlier ones stay whole.
"""


def load_result(folder: Path) -> Result | None:
    """Read the result of a job's folder; None where it has none, or one of an earlier format.

    Raises:
        DamagedError: it, or a file that belongs to it, is not what was written.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        result = read_record(Result, path)
    except DamagedError as error:
        if _is_earlier(path):
            return None
        raise DamagedError(f"{RESULT} is damaged ({error})") from error
    if result.format != FORMAT:
        return None
    place = folder.resolve()
    if place.parent.name != JOBS:  # a copy, without all that a study keeps with it
        return result
    if "checksum" in result.plain and result.checksum != _checksum(result.plain):
        raise DamagedError(f"{RESULT} is damaged (it is not what was written)")
    if result.key != place.name:
        raise DamagedError(f"{RESULT} is that of another job ({result.key})")
    if result.job.kind == "outside" and result.outside is None:
        raise DamagedError(f"{RESULT} is damaged (it does not say where the images came from)")
    for name, digest in result.files.items():
        if not (folder / name).is_file():
            raise DamagedError(f"{name} is missing")
        if file_sha256(folder / name) != digest:
            raise DamagedError(f"{name} is not the one that {RESULT} was written with")
    return result


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Write a job's ``result.json``, with a checksum of its values."""
    plain = json.loads(json.dumps(result, allow_nan=False))  # as it will be read
    write_json(folder / RESULT, {**plain, "checksum": _checksum(plain)})


def score_path(folder: Path, result: Result | None, kind: str) -> Path:
    """Return the file of :data:`SCORES` that belongs to a result."""
    files = {} if result is None else result.files
    names = [name for name in _names(kind) if name in files]
    return folder / (names[0] if names else kind)


def next_score_path(folder: Path, result: Result | None, kind: str) -> Path:
    """Return where to write such a file for a result that takes the place of this one."""
    if result is None or not result.metrics:
        return folder / kind
    now = score_path(folder, result, kind).name
    return next(folder / name for name in _names(kind) if name != now)


def set_aside_result(folder: Path, why: str) -> str:
    """Rename a job's damaged result, and its scores; return ``why``, and where they are now."""
    # The scores of one computation: none of them is kept without the others.
    names = (RESULT, *(name for kind in SCORES for name in _names(kind)))
    moved = [set_aside(folder / name) for name in names if (folder / name).is_file()]
    return f"{why}; set aside as {', '.join(path.name for path in moved)} in {folder}"


def damaged(path: Path, error: Exception) -> UserError:
    """Return what to raise where a file beside a job's result cannot be read."""
    return UserError(
        f"{path}: damaged ({error}); remove the result.json of this job, and the study's command"
        " makes both again"
    )


def _names(kind: str) -> tuple[str, str]:
    """Return two names, which take turns."""
    return kind, kind.replace(".", "-2.")


def _checksum(result: Mapping[str, Any]) -> str:
    return content_key({name: value for name, value in result.items() if name != "checksum"})


def _is_earlier(path: Path) -> bool:
    """Return whether a file is a result of an earlier format, which knew other keys."""
    try:
        return read_record(records.Format, path).format < FORMAT
    except DamagedError:
        return False
