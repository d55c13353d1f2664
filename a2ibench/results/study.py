"""A study's folder, opened: the only way in which results are read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError, command, unknown
from a2ibench.results import records
from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.result_file import JOBS
from a2ibench.results.rows import MINUS, Row, RowScores
from a2ibench.results.struck_metrics import find_health, usable

ABOUT = "study.json"
NAME = "study.yaml"
"""In a study's folder: what it is asked for."""
AS_RUN = "study-as-run.yaml"
"""The same, where a ``study.yaml`` that somebody wrote asks for something else."""


class DamagedStudyError(UserError):
    """A ``study.json`` is not what was written."""


@dataclass(frozen=True)
class Study:
    """A study at one budget, as far as it has results; each file is read when needed, and once.

    Attributes:
        rows: reference rows, outside systems, then arms with the budget.
        all_rows: those of every budget: what has none, then the arms, from small to large budgets.
    """

    folder: Path
    about: records.StudyRecord
    budget: int
    rows: tuple[Row, ...]
    all_rows: tuple[Row, ...]

    @property
    def budgets(self) -> tuple[int, ...]:
        """Every number of training images that its arms are trained on, in ascending order."""
        return (*sorted(map(int, self.about.smaller)), self.about.images)

    def at(self, budget: int) -> "Study":
        """Return the same study at another budget; raise a UserError where it has no such one."""
        if budget not in self.budgets:
            known = ", ".join(map(str, self.budgets))
            raise UserError(f"{self.folder}: has no budget of {budget} images; known: {known}")
        if budget == self.budget:
            return self
        rows = tuple(row for row in self.all_rows if row.budget in (None, budget))
        return Study(self.folder, self.about, budget, rows, self.all_rows)

    @property
    def dataset(self) -> str:
        """The name of its dataset, or of the folder that holds its pairs."""
        return Path(self.about.dataset).name

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, in the order of the columns."""
        return tuple(self.about.metrics)

    @property
    def jobs(self) -> list[JobState]:
        """Every job at its budget, row by row."""
        return [job for row in self.rows for job in row.jobs]

    @property
    def all_jobs(self) -> list[JobState]:
        """Every job at any budget, row by row."""
        return [job for row in self.all_rows for job in row.jobs]

    @cached_property
    def _by_key(self) -> dict[str, JobState]:
        return {job.key: job for job in self.all_jobs}

    def job(self, folder: Path) -> JobState:
        """Return the job of a folder, which need not be of one of the rows."""
        return self._by_key.setdefault(folder.name, JobState(folder))

    @cached_property
    def results(self) -> list[records.Result]:
        """Every result, row by row."""
        return [job.result for job in self.jobs if job.result is not None]

    @cached_property
    def scores(self) -> tuple[RowScores, ...]:
        """The scores of each row by the study's metrics."""
        return tuple(row.scores(self.metrics) for row in self.rows)

    @cached_property
    def usable(self) -> tuple[Metric, ...]:
        """The metrics whose judges can judge, as far as is known."""
        metrics = [registry.metrics.get(name) for name in self.metrics]
        return usable(metrics, find_health(self.scores, metrics))

    def row(self, label: str) -> Row:
        """Return the row with a label; see :func:`find_row`."""
        return find_row(label, self.rows, str(self.folder))

    def failures(self) -> list[str]:
        """Return ``"arm, seed N: reason"`` for each job that failed, or whose result is damaged."""
        return [
            f"{row.name}, seed {job.number}: {reason}"
            for row in self.all_rows
            for job in row.jobs
            if (reason := job.failure_by(self.metrics)) is not None
        ]

    def judge(self, metric: str) -> set[tuple[Any, ...]]:
        """Return what made a metric's scores, over all results: protocol, version, judge, n."""
        return {
            (result.protocol, score.version, score.judge_fingerprint, score.n)
            for result in self.results
            if (score := result.score(metric)) is not None
        }

    def definitions(self, label: str) -> list[tuple[Mapping[str, Any], str]]:
        """Return an arm's options and the hash of its code, of each result."""
        return [
            (job.result.job.config, job.result.job.source)
            for row in self.rows
            if row.label == label
            for job in row.results
            if job.result is not None
        ]


def open_study(
    folder: Path,
    budget: int | None = None,
    known: Mapping[str, JobState] = MappingProxyType({}),
) -> Study:
    """Open a study's folder.

    Args:
        budget: the one of its rows; None for the largest.
        known: jobs that were read already, by their keys: their files are not read again.

    Raises:
        DamagedStudyError: its ``study.json`` is damaged.
        UserError: it has none, or has not this budget.
    """
    path = folder / ABOUT
    if not path.is_file():
        raise UserError(f"{folder}: no study (it has no study.json); {what_to_give(folder)}")
    try:
        about = read_record(records.StudyRecord, path)
    except DamagedError as error:
        raise DamagedStudyError(f"{path}: damaged ({error}); {_what_mends(folder)}") from error
    arms = arms_of(about)

    def rows_of(jobs: records.Jobs, images: int) -> Iterator[Row]:
        for label, keys in jobs.items():
            states = tuple(
                known.get(key) or JobState(folder / JOBS / key, number)
                for number, key in enumerate(keys)
            )
            budget = images if about.smaller and label in arms else None
            yield Row(label, states, arms.get(label), budget)

    largest = tuple(rows_of(about.jobs, about.images))
    smaller = sorted((int(images), jobs) for images, jobs in about.smaller.items())
    every = (
        *(row for row in largest if row.arm is None),
        *(row for images, jobs in smaller for row in rows_of(jobs, images)),
        *(row for row in largest if row.arm is not None),
    )
    study = Study(folder, about, about.images, largest, every)
    return study if budget is None else study.at(budget)


def find_study(folder: Path) -> Study | None:
    """Open the study in a folder; None where there is none, or a damaged ``study.json``."""
    try:
        return open_study(folder)
    except UserError:
        return None


def arms_of(about: records.StudyRecord) -> dict[str, records.ArmRecord]:
    """Return the arms of a study by their labels.

    Earlier versions did not write them. Then a label tells, as it begins with the name of its
    model: ``ours − stack``, ``ours, lambda_con=0.1``.
    """
    if about.arms is not None:
        return about.arms
    found = {}
    for label in about.jobs:
        model = re.split(f"{MINUS}|, (?=[^,]+=)", label, maxsplit=1)[0]
        if model in about.models:
            change = label.removeprefix(model)
            found[label] = records.ArmRecord(model=model, change=change, config={})
    return found


def studies_inside(folder: Path) -> list[Path]:
    """Return the folders in a folder that are studies, by name; not the hidden ones."""
    return sorted(path.parent for path in folder.glob(f"[!.]*/{ABOUT}"))


def what_to_give(folder: Path) -> str:
    """Return what to give in the place of a folder that is no study."""
    if inside := studies_inside(folder):
        return f"it holds {len(inside)}: give one of them, such as {inside[0]}"
    return "give a folder that `a2ibench run` made, such as studies/arcade"


def _what_mends(folder: Path) -> str:
    file = next((folder / name for name in (AS_RUN, NAME) if (folder / name).is_file()), None)
    who = "the command that made it" if file is None else f"`{command('run', file)}`"
    return f"{who} sets it aside and makes it again from the jobs that are there"


def find_row(label: str, rows: Sequence[Row], where: str) -> Row:
    """Return the row with a label, where `` - `` stands for `` − `` too, or raise a UserError."""
    known = {row.label: row for row in rows}
    wanted = label if label in known else label.strip().replace(" - ", MINUS)
    if wanted not in known:
        raise unknown(f"arm of {where}", label, known)
    return known[wanted]
