"""The status of a study, read from its files while another process may be at work on it."""

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from a2ibench.results.job_state import JobState
from a2ibench.results.progress import ProgressRecord, TrialProgress, is_at_work, read_progress
from a2ibench.results.study import Study, open_study

State = Literal["done", "running", "waiting", "interrupted", "failed"]
STATES: tuple[State, ...] = ("done", "running", "waiting", "interrupted", "failed")


@dataclass(frozen=True)
class JobStatus:
    """One job.

    Attributes:
        label: its row, with the budget where there are several.
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
    """The status of a study: its jobs, row by row, the last command, and whether it still runs."""

    folder: Path
    jobs: tuple[JobStatus, ...]
    progress: ProgressRecord | None
    at_work: bool

    def count(self, state: State, label: str | None = None) -> int:
        """Return the number of jobs in a state, in one row or in all."""
        return sum(job.state == state and label in (None, job.label) for job in self.jobs)

    @property
    def labels(self) -> list[str]:
        """Labels of the rows."""
        return list(dict.fromkeys(job.label for job in self.jobs))

    @property
    def seconds(self) -> float:
        """Seconds spent on all jobs: preparation, training and evaluation."""
        return sum(job.seconds for job in self.jobs)

    @property
    def left(self) -> float | None:
        """Estimated seconds until all is done, as many at once as are running now."""
        open_jobs = [job for job in self.jobs if job.state not in ("done", "failed")]
        if any(job.left is None for job in open_jobs):
            return None
        return sum(job.left or 0.0 for job in open_jobs) / max(1, self.count("running"))


def read_status(folder: Path) -> Status:
    """Read how far a study is; raise a UserError where there is none, or a damaged one."""
    study = open_study(folder)
    progress = read_progress(folder)
    at_work = progress is not None and is_at_work(progress)
    running = progress.trials if progress is not None and at_work else {}
    trainings: dict[tuple[str, int], list[tuple[int, JobState]]] = {}
    for row in study.all_rows:
        for job in row.jobs:
            trainings.setdefault((row.label, job.number), []).append((row.budget or 0, job))
    spent = {key: cost for jobs in trainings.values() for key, cost in _spent(jobs)}
    # The best guess for a row of which no seed is done is what trained models took.
    models = [
        spent[job.key]
        for row in study.all_rows
        for job in row.jobs
        if job.result is not None and job.result.job.kind == "model"
    ]
    looks = [
        job.result.evaluation_seconds or 0.0
        for row in study.all_rows
        for job in row.jobs
        if job.result is not None
    ]
    judging = sum(looks) / len(looks) if looks else None
    jobs = []
    for row in study.all_rows:
        usual = [spent[job.key] for job in row.jobs if job.key in spent] or models
        whole = sum(usual) / len(usual) if usual else None
        for job in row.jobs:
            training = trainings[row.label, job.number]
            trial = next((running[one.key] for _, one in training if one.key in running), None)
            cost = spent.get(job.key, 0.0)
            state: State = "waiting"
            left, reason = whole, None
            if job.has_all(study.metrics) or job.key in study.about.kept:
                state, left = "done", 0.0
            elif (
                trial is not None
                and not trial.ended
                and job is _present(training, trial, study, running)
            ):
                jobs.append(_running(row.name, job.number, trial))
                continue
            elif (not at_work or trial is not None) and job.failure is not None:
                state, left, reason = "failed", 0.0, job.failure
            elif job.result is not None:  # it is trained, and lacks a metric
                left = judging
            else:
                if trial is not None and not trial.ended:
                    left = 0.0  # in that of the smaller budget, which the same training is at
                if job.begun and not at_work:
                    state = "interrupted"
            jobs.append(JobStatus(row.name, job.number, state, cost, left, reason=reason))
    return Status(folder, tuple(jobs), progress, at_work)


def _spent(training: Sequence[tuple[int, JobState]]) -> Iterator[tuple[str, float]]:
    """Yield what each budget of a training has cost beyond the smaller ones."""
    before = 0.0
    for _, job in training:
        if (result := job.result) is not None:
            yield job.key, max(0.0, result.seconds - before)
            before = (result.preparation_seconds or 0.0) + (result.training_seconds or 0.0)


def _present(
    training: Sequence[tuple[int, JobState]],
    trial: TrialProgress,
    study: Study,
    running: Container[str],
) -> JobState | None:
    """Return the job that a training is at: the first that lacks something, and is not behind."""
    largest = max(budget for budget, job in training if job.key in running)
    ahead = (job for budget, job in training if budget * trial.steps >= trial.step * largest)
    return next((job for job in ahead if not job.has_all(study.metrics)), None)


def _running(label: str, number: int, trial: TrialProgress) -> JobStatus:
    now = time.time()
    spent, done = now - trial.begun, trial.step - (trial.resumed or 0)
    since = now - (trial.begun if trial.first is None else trial.first)
    left = since / done * (trial.steps - trial.step) if done > 0 else None
    return JobStatus(label, number, "running", spent, left, trial.step, trial.steps)
