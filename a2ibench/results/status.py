"""How far a study is: read from its files, by anybody, while another process is at work on it."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from a2ibench.results.board import Board, Trial, read_board
from a2ibench.results.finished import read_study
from a2ibench.results.outcome import SPENT, is_complete, read_failure, read_result

State = Literal["done", "running", "waiting", "interrupted", "failed"]
STATES: tuple[State, ...] = ("done", "running", "waiting", "interrupted", "failed")

SILENT = 600.0
"""Seconds without news after which a process on another machine counts as gone."""


@dataclass(frozen=True)
class JobStatus:
    """One job.

    Attributes:
        label: its row.
        number: its place among the seeds of the row.
        state: ``"interrupted"`` has a checkpoint and nobody at work on it.
        seconds: spent on it so far; 0 where that is not known.
        left: estimated seconds; None where there is nothing to estimate from.
        step: steps done, of a running one.
        steps: in all; 0 where that is not known.
        reason: why it failed.
    """

    label: str
    number: int
    state: State
    seconds: float
    left: float | None
    step: int = 0
    steps: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Status:
    """A study.

    Attributes:
        folder: where it is.
        jobs: in the order of the rows.
        board: of the last command; None where none left one.
        at_work: whether it still runs.
    """

    folder: Path
    jobs: tuple[JobStatus, ...]
    board: Board | None
    at_work: bool

    def count(self, state: State, label: str | None = None) -> int:
        """How many jobs, of a row or in all, are in a state."""
        return sum(job.state == state and label in (None, job.label) for job in self.jobs)

    @property
    def labels(self) -> list[str]:
        """The rows."""
        return list(dict.fromkeys(job.label for job in self.jobs))

    @property
    def seconds(self) -> float:
        """Spent on all jobs: preparation, training and evaluation."""
        return sum(job.seconds for job in self.jobs)

    @property
    def left(self) -> float | None:
        """Estimated seconds until all is done, as many at once as are running now."""
        open_jobs = [job for job in self.jobs if job.state not in ("done", "failed")]
        if any(job.left is None for job in open_jobs):
            return None
        return sum(job.left or 0.0 for job in open_jobs) / max(1, self.count("running"))


def read_status(folder: Path) -> Status:
    """How far a study is.

    Raises:
        UserError: no study, or a damaged one.
    """
    about = read_study(folder)
    rows: Mapping[str, Sequence[str]] = about["jobs"]
    board = read_board(folder)
    at_work = board is not None and is_at_work(board)
    running = board.trials if board is not None and at_work else {}
    results = {key: read_result(folder / "jobs" / key) for keys in rows.values() for key in keys}
    spent = {key: _spent(result) for key, result in results.items() if result is not None}
    jobs = []
    for label, keys in rows.items():
        usual = [spent[key] for key in keys if key in spent] or list(_models(results, spent))
        whole = sum(usual) / len(usual) if usual else None
        for number, key in enumerate(keys):
            result = results[key]
            if is_complete(result, about["metrics"]):
                jobs.append(JobStatus(label, number, "done", spent[key], 0.0))
            elif key in running and not running[key].ended:
                jobs.append(_running(label, number, running[key]))
            elif (not at_work or key in running) and (
                reason := read_failure(folder / "jobs" / key)
            ) is not None:
                cost = spent.get(key, 0.0)
                jobs.append(JobStatus(label, number, "failed", cost, 0.0, reason=reason))
            else:
                begun = (folder / "jobs" / key / "checkpoint.safetensors").exists()
                state: State = "interrupted" if begun and not at_work else "waiting"
                jobs.append(JobStatus(label, number, state, 0.0, whole))
    return Status(folder, tuple(jobs), board, at_work)


def is_at_work(board: Board) -> bool:
    """Whether the command that left a board still runs."""
    if board.ended is not None:
        return False
    if board.host != socket.gethostname():
        return time.time() - board.updated < SILENT
    try:
        os.kill(board.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process
    return True


def _spent(result: Mapping[str, Any]) -> float:
    return float(sum(result.get(part, 0.0) for part in SPENT))


def _models(
    results: Mapping[str, Mapping[str, Any] | None], spent: Mapping[str, float]
) -> list[float]:
    """What trained models took: the best guess for one of which no seed is done."""
    return [
        spent[key]
        for key, result in results.items()
        if result is not None and result["job"]["kind"] == "model"
    ]


def _running(label: str, number: int, trial: Trial) -> JobStatus:
    spent = time.time() - trial.begun
    done = trial.step - (trial.resumed or 0)
    left = spent / done * (trial.steps - trial.step) if done > 0 else None
    return JobStatus(label, number, "running", spent, left, trial.step, trial.steps)
