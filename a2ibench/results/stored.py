"""What a study's folder holds already: its rows, by ``study.json`` and the files of the jobs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.results import records
from a2ibench.results.finished import read_study
from a2ibench.results.job import Job, Task
from a2ibench.results.outcome import JOBS, read_result
from a2ibench.results.records import DamagedError
from a2ibench.results.samples import ORIGIN
from a2ibench.results.scores import Entry
from a2ibench.study.arm import full_label


@dataclass(frozen=True)
class Stored:
    """A study on disk.

    Attributes:
        about: its ``study.json``.
        entries: its rows, in their order there.
    """

    about: Mapping[str, Any]
    entries: tuple[Entry, ...]


def read_stored(folder: Path, like: Task) -> Stored | None:
    """The rows of a study; None where there is none, or a damaged ``study.json``.

    Args:
        folder: of the study.
        like: a task with the data, encoder, metrics and judges that the rows are asked for with.
    """
    try:
        about = read_study(folder)
    except UserError:
        return None
    entries = []
    for label, keys in about["jobs"].items():
        folders = [folder / JOBS / key for key in keys]
        jobs = [_job(one, i, label, like.job) for i, one in enumerate(folders)]
        first = jobs[0]
        full = full_label(label, about["models"]) if first.kind == "model" else None
        tasks = tuple(
            replace(like, job=job, folder=one) for job, one in zip(jobs, folders, strict=True)
        )
        entries.append(Entry(label, first.method, full, first.kind == "reference", tasks))
    return Stored(about, tuple(entries))


def _handed_in(folder: Path, like: Task) -> list[Entry]:
    """The rows of outside systems by the jobs alone, where no ``study.json`` says which there are.

    Of two jobs of one name and seed the later one counts: it took the place of the other.
    """
    found: dict[tuple[str, int], Task] = {}
    origins = sorted(folder.glob(f"{JOBS}/*/{ORIGIN}"), key=lambda path: path.stat().st_mtime_ns)
    for path in origins:
        job = _job(path.parent, 0, "", like.job)
        if job.kind == "outside":
            found[job.method, job.seed] = replace(like, job=job, folder=path.parent)
    rows: dict[str, list[Task]] = {}
    for name, seed in sorted(found):
        rows.setdefault(name, []).append(found[name, seed])
    return [Entry(name, name, None, False, tuple(tasks)) for name, tasks in rows.items()]


def find_store(folder: Path, dataset: str | None) -> tuple[PairStore | None, str]:
    """The pairs that a study was run on, or why they are not at hand; nothing is prepared.

    Args:
        folder: of the study.
        dataset: where the pairs lie now; None for where the study says.

    Raises:
        UserError: no study, or ``dataset`` is none of its own.
    """
    read_study(folder)
    try:
        return open_store(folder, dataset, make=False)[0], ""
    except UserError as error:
        if dataset is not None:
            raise
        return None, str(error)


def open_store(
    folder: Path, dataset: str | None, make: bool = True
) -> tuple[PairStore, dict[str, list[str]]]:
    """The pairs that a study was run on, and the jobs of its rows.

    Args:
        folder: of the study.
        dataset: where the pairs lie now; None for where the study says.
        make: whether a named dataset is prepared where it is not in the cache.

    Raises:
        UserError: no study, a damaged one, or pairs that are not at hand or not its own any more.
    """
    about = read_study(folder)
    name = str(about["dataset"])
    options = about.get("dataset_config", {}) if name in registry.datasets.names() else {}
    store = open_dataset(dataset or name, {} if dataset else options, make=make)
    if store.content_hash != about["content_hash"]:
        raise UserError(
            f"{store.root}: its pairs or labels are not those of the study; --dataset DIR names the"
            " folder that holds them"
        )
    return store, dict(about["jobs"])


def _job(folder: Path, seed: int, label: str, like: Job) -> Job:
    """The job of a folder; one that failed is known by its label alone."""
    with suppress(OSError, DamagedError):
        return Job.from_record(records.read(records.Origin, folder / ORIGIN)["job"])
    if (result := read_result(folder)) is not None:
        return Job.from_record({"protocol": result["protocol"], **result["job"]})
    return replace(like, kind="model", method=label, config={}, source="", seed=seed)


def outside_entries(folder: Path, like: Task, say: Callable[[str], None]) -> list[Entry]:
    """The outside systems that a study holds, as far as they saw the same pairs and encoder.

    Args:
        folder: of the study.
        like: see :func:`read_stored`.
        say: told of those that are left out.
    """
    stored = read_stored(folder, like)
    entries = _handed_in(folder, like) if stored is None else stored.entries
    found = [entry for entry in entries if is_outside(entry)]
    same = (like.job.store, like.job.encoder)
    for entry in found:
        if any((task.job.store, task.job.encoder) != same for task in entry.tasks):
            say(f"left out: outside system {entry.label}: evaluated on other pairs or features")
    return [e for e in found if all((t.job.store, t.job.encoder) == same for t in e.tasks)]


def is_outside(entry: Entry) -> bool:
    """Whether a row is an outside system's."""
    return all(task.job.kind == "outside" for task in entry.tasks)


def outside_notes(rows: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[str]:
    """What a reader of tables with outside systems must know, a line a system.

    Args:
        rows: the label of each row with the results of its jobs.
    """
    lines = []
    for label, results in rows:
        outside = [result for result in results if result["job"]["kind"] == "outside"]
        if not outside:
            continue
        said: dict[str, list[int]] = {}
        for result in outside:
            for note in result["outside"]["notes"]:
                said.setdefault(note, []).append(result["job"]["seed"])
        count = len(outside)
        notes = [
            note if len(seeds) == count else f"{note} (seed {', '.join(map(str, seeds))})"
            for note, seeds in said.items()
        ]
        runs = "one seed" if count == 1 else f"{count} seeds"
        lines.append(
            f"{label}: images from outside, {runs}; what it was trained on is not known here."
            + "".join(f" {note[0].upper()}{note[1:]}." for note in notes)
        )
    return lines
