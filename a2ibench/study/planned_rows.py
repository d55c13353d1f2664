"""The rows of a command, each with the tasks that compute it, and those that a study holds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from a2ibench.results.job import Environment, Job, Task
from a2ibench.results.job_state import ORIGIN, JobState
from a2ibench.results.result_file import JOBS
from a2ibench.results.rows import name_of_row
from a2ibench.results.study import Study


@dataclass(frozen=True)
class Entry:
    """One arm or reference of a study with the tasks that compute it, one per seed.

    Attributes:
        label: as printed.
        model: the registered name of the model or reference.
        full: label of the full model, for an ablation.
        tasks: in the order of the seeds.
        budget: training images of each, where the study has several budgets.
    """

    label: str
    model: str
    full: str | None
    reference: bool
    tasks: tuple[Task, ...]
    budget: int | None = None

    @property
    def name(self) -> str:
        """Its label, with the budget where its study has several."""
        return name_of_row(self.label, self.budget)

    def map(self, change: Callable[[Task], Task]) -> "Entry":
        """Return the same row with changed tasks."""
        return replace(self, tasks=tuple(map(change, self.tasks)))

    @property
    def images(self) -> int:
        """Training images of each of its jobs."""
        return self.tasks[0].job.images

    @property
    def keys(self) -> list[str]:
        """Names of the folders of its jobs."""
        return [task.folder.name for task in self.tasks]

    @property
    def named(self) -> dict[str, Task]:
        """Its tasks by their names for people."""
        return {f"{self.name}, seed {task.job.seed}": task for task in self.tasks}

    @property
    def outside(self) -> bool:
        """True for an outside system."""
        return all(task.job.kind == "outside" for task in self.tasks)


def entries_of(study: Study, environment: Environment) -> tuple[Entry, ...]:
    """Return the rows of a study; their tasks get an environment with metrics and judges."""
    entries = []
    for row in study.all_rows:
        kind: Literal["model", "reference"] = "reference" if row.reference else "model"
        tasks = tuple(
            # A job that failed is known by its label alone.
            Task(
                state.job or Job(kind, row.label, {}, "", "", "", state.number, 0),
                state.folder,
                environment,
            )
            for state in row.jobs
        )
        job = tasks[0].job
        full = row.full if job.kind == "model" else None
        reference = job.kind == "reference"
        entries.append(Entry(row.label, job.method, full, reference, tasks, row.budget))
    return tuple(entries)


def with_planned(rows: Sequence[Entry], planned: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return rows whose reference rows without a result are those of a plan."""
    plan = {
        (entry.label, task.job.seed): task
        for entry in planned
        if entry.reference
        for task in entry.tasks
    }

    def known(entry: Entry) -> Entry:
        return entry.map(
            lambda task: task if task.job.store else plan.get((entry.label, task.job.seed), task)
        )

    return tuple(map(known, rows))


def outside_entries(
    folder: Path,
    study: Study | None,
    environment: Environment,
    seen: tuple[str, str],
    say: Callable[[str], None],
) -> list[Entry]:
    """Return the outside systems that a study holds, as far as they saw the same pairs and encoder.

    Args:
        folder: of the study.
        study: the same, opened; None where it cannot be.
        seen: content hash of the pairs, and identity of the encoder.
        say: given a line for each that is left out.
    """
    entries = entries_of(study, environment) if study else _handed_in(folder, environment)
    kept = []
    for entry in (entry for entry in entries if entry.outside):
        if all((task.job.store, task.job.encoder) == seen for task in entry.tasks):
            kept.append(entry)
        else:
            say(f"left out: outside system {entry.label}: evaluated on other pairs or features")
    return kept


def outside_labels(study: Study | None) -> list[str]:
    """Return the labels of the outside systems of a study, if there is one."""
    rows = () if study is None else study.rows
    # By a file beside each job, so that no result has to be read.
    return [row.label for row in rows if any((job.folder / ORIGIN).is_file() for job in row.jobs)]


def _handed_in(folder: Path, environment: Environment) -> tuple[Entry, ...]:
    """Return the rows of outside systems by the jobs alone, where no ``study.json`` names them.

    Of two jobs of one name and seed the later one counts: it took the place of the other.
    """
    found: dict[tuple[str, int], Task] = {}
    origins = sorted(folder.glob(f"{JOBS}/*/{ORIGIN}"), key=lambda path: path.stat().st_mtime_ns)
    for path in origins:
        job = JobState(path.parent).job
        if job is not None and job.kind == "outside":
            found[job.method, job.seed] = Task(job, path.parent, environment)
    rows: dict[str, list[Task]] = {}
    for name, seed in sorted(found):
        rows.setdefault(name, []).append(found[name, seed])
    return tuple(Entry(name, name, None, False, tuple(tasks)) for name, tasks in rows.items())


def jobs_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return the folders of each row's jobs by its label, as ``study.json`` holds them."""
    entries = list(entries)
    largest = max((entry.budget or 0 for entry in entries), default=0)
    smaller: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        if entry.budget is not None and entry.budget < largest:
            smaller.setdefault(str(entry.budget), {})[entry.label] = entry.keys
    jobs = {e.label: e.keys for e in entries if e.budget in (None, largest)}
    return {"jobs": jobs, **({"smaller": smaller} if smaller else {})}
