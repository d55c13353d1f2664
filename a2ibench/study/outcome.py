"""What a job left in its folder: its result, or why it failed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.errors import UserError
from a2ibench.storage import write_json
from a2ibench.study.job import Task

FORMAT = 2
FAILURE = "failure.json"
PLUGINS = "plugins"
"""In the folder of a model's job: the user's plug-in files that it was trained with."""
SPENT = ("preparation_seconds", "training_seconds", "evaluation_seconds")
"""Of a result: what its job took; the parts that it has."""


def is_done(task: Task) -> bool:
    """Whether the result is there, with every metric that is asked for as it is defined now."""
    stored = read_result(task.folder)
    return stored is not None and not missing(task, stored)


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
    """The result of a job's folder; None where it has none (yet)."""
    path = folder / "result.json"
    if not path.is_file():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = result["format"] == FORMAT and bool(result["job"]["kind"])
        return result if known else None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it to compute it again") from error


def damaged(path: Path, error: Exception) -> UserError:
    """What to raise where a file beside a job's result cannot be read."""
    return UserError(
        f"{path}: damaged ({error}); remove the result.json of this job, and the study's command"
        " makes both again"
    )


def read_failure(folder: Path) -> str | None:
    """Why the job of a folder failed, in one line; None where it did not."""
    path = folder / FAILURE
    if not path.is_file():
        return None
    try:
        reason = str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it") from error
    return " ".join(reason.split())


def write_failure(folder: Path, reason: str, trace: str | None = None) -> None:
    """Marks the job of a folder as failed; ``trace`` is for whoever mends the code."""
    write_json(folder / FAILURE, {"reason": reason, "trace": trace})
