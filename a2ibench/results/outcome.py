"""What a job left in its folder: its result, or why it failed."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.errors import UserError
from a2ibench.printable import printable
from a2ibench.results import records
from a2ibench.results.job import Task
from a2ibench.results.records import DamagedError
from a2ibench.storage import content_key, file_sha256, set_aside, write_json

FORMAT = 2
JOBS = "jobs"
"""In a study's folder: a folder for each job, called by its key."""
RESULT = "result.json"
SEGMENTS, BLOCKS = SCORES = ("segments.parquet", "blocks.parquet")
"""Beside a result: a column per metric, with a row for each test segment and for each block.

A result that is extended by other metrics comes with files of another name, which its ``files``
hold: until it is written, and for whoever reads at that moment, the earlier ones stay whole.
"""
FAILURE = "failure.json"
PLUGINS = "plugins"
"""In the folder of a model's job: the user's plug-in files that it was trained with."""
SPENT = ("preparation_seconds", "training_seconds", "evaluation_seconds")
"""Of a result: what its job took; the parts that it has."""


def is_done(task: Task) -> bool:
    """Whether the result is there, with every metric that is asked for as it is defined now."""
    stored = read_result(task.folder)
    return stored is not None and not missing(task, stored)


def is_complete(result: Mapping[str, Any] | None, metrics: Iterable[str]) -> bool:
    """Whether a result has every metric that is asked for, as it is defined now.

    The same as :func:`is_done` where no task says which judges see the pictures: scores of another
    judge count. So do those of a metric that is not installed here.
    """
    if result is None:
        return False
    return all(
        (score := result["metrics"].get(name)) is not None
        and (name not in registry.metrics or score["version"] == registry.metrics.get(name).version)
        for name in metrics
    )


def missing(task: Task, stored: Mapping[str, Any]) -> list[str]:
    """The metrics of a task that its result lacks, as they are defined now."""
    return [name for name in task.metrics if not is_current(task, name, stored)]


def is_current(task: Task, name: str, stored: Mapping[str, Any]) -> bool:
    """Whether a result holds a metric in its present version, seen by the present judge.

    Scores of two versions, or of two judges, are never in one table.
    """
    metric = registry.metrics.get(name)
    score = stored["metrics"].get(name)
    return score is not None and (score["version"], score["judge_fingerprint"]) == (
        metric.version,
        task.judges.get(metric.judge, OWN),
    )


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a job's folder; None where it has none (yet), or a damaged one."""
    try:
        return _read_result(folder)
    except DamagedError:
        return None


def damage(folder: Path) -> str | None:
    """What is wrong with the result of a job's folder, in one line; None where nothing is."""
    try:
        _read_result(folder)
    except DamagedError as error:
        return str(error)
    return None


def _read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a job's folder; None where it has none, or one of an earlier format.

    Raises:
        DamagedError: it, or a file that belongs to it, is not what was written.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        result: Any = records.read(records.Result, path)
    except DamagedError as error:
        if _is_earlier(path):
            return None
        raise DamagedError(f"{RESULT} is damaged ({error})") from error
    if result["format"] != FORMAT:
        return None
    place = folder.resolve()
    if place.parent.name != JOBS:  # a copy, without all that a study keeps with it
        return dict(result)
    if "checksum" in result and result["checksum"] != _checksum(result):
        raise DamagedError(f"{RESULT} is damaged (it is not what was written)")
    if result["key"] != place.name:
        raise DamagedError(f"{RESULT} is that of another job ({result['key']})")
    if result["job"]["kind"] == "outside" and "outside" not in result:
        raise DamagedError(f"{RESULT} is damaged (it does not say where the images came from)")
    for name, digest in result.get("files", {}).items():
        if not (folder / name).is_file():
            raise DamagedError(f"{name} is missing")
        if file_sha256(folder / name) != digest:
            raise DamagedError(f"{name} is not the one that {RESULT} was written with")
    return dict(result)


def score_path(folder: Path, result: Mapping[str, Any], kind: str) -> Path:
    """The file of :data:`SCORES` that belongs to a result."""
    names = [name for name in _names(kind) if name in result.get("files", ())]
    return folder / (names[0] if names else kind)


def next_score_path(folder: Path, result: Mapping[str, Any], kind: str) -> Path:
    """Where to write such a file for a result that takes the place of this one."""
    if not result["metrics"]:
        return folder / kind
    now = score_path(folder, result, kind).name
    return next(folder / name for name in _names(kind) if name != now)


def _names(kind: str) -> tuple[str, str]:
    """Two, which take turns."""
    return kind, kind.replace(".", "-2.")


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Writes a job's ``result.json``, with a checksum of its values."""
    plain = json.loads(json.dumps(result, allow_nan=False))  # as it will be read
    write_json(folder / RESULT, {**plain, "checksum": _checksum(plain)})


def _checksum(result: Mapping[str, Any]) -> str:
    return content_key({name: value for name, value in result.items() if name != "checksum"})


def _is_earlier(path: Path) -> bool:
    """Whether a file is a result of an earlier format, which knew other keys."""
    try:
        return records.read(records.Format, path)["format"] < FORMAT
    except DamagedError:
        return False


def set_aside_damage(folder: Path) -> str | None:
    """Renames a job's damaged result, and the scores beside it, so that it is computed again.

    Returns:
        What was wrong and where the files are now, in one line; None where nothing was.
    """
    if (why := damage(folder)) is None:
        return None
    # The scores of one computation: none of them is kept without the others.
    names = (RESULT, *(name for kind in SCORES for name in _names(kind)))
    moved = [set_aside(folder / name) for name in names if (folder / name).is_file()]
    return f"{why}; set aside as {', '.join(path.name for path in moved)} in {folder}"


def damaged(path: Path, error: Exception) -> UserError:
    """What to raise where a file beside a job's result cannot be read."""
    return UserError(
        f"{path}: damaged ({error}); remove the result.json of this job, and the study's command"
        " makes both again"
    )


def read_failure(folder: Path) -> str | None:
    """Why the job of a folder has no result though it ended, in one line; None otherwise.

    It failed, or its result is damaged: the study's command computes it again.
    """
    if (why := damage(folder)) is not None:
        return f"{why}; the study's command computes it again"
    path = folder / FAILURE
    if not path.is_file():
        return None
    try:
        reason = records.read(records.Failure, path)["reason"]
    except DamagedError as error:
        return f"{FAILURE} is damaged ({error})"
    return " ".join(printable(reason).split())


def failure_of(folder: Path, metrics: Iterable[str]) -> str | None:
    """Why a job has no scores by all metrics that are asked for now; None where it has them, or
    where nothing failed. What failed under an earlier command counts no more."""
    return None if is_complete(read_result(folder), metrics) else read_failure(folder)


def write_failure(folder: Path, reason: str, trace: str | None = None) -> None:
    """Marks the job of a folder as failed; ``trace`` is for whoever mends the code."""
    write_json(folder / FAILURE, {"reason": reason, "trace": trace})
