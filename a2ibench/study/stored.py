"""What a study's folder holds already: its rows, by ``study.json`` and the files of the jobs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.study.arm import full_label
from a2ibench.study.finished import read_study
from a2ibench.study.job import Job, Task
from a2ibench.study.outcome import read_result
from a2ibench.study.results import Entry
from a2ibench.study.samples import ORIGIN


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
    """The rows of a study; None where there is none.

    Args:
        folder: of the study.
        like: a task with the data, encoder, metrics and judges that the rows are asked for with.

    Raises:
        UserError: ``study.json`` is damaged.
    """
    if not (folder / "study.json").is_file():
        return None
    about = read_study(folder)
    try:
        entries = []
        for label, keys in about["jobs"].items():
            folders = [folder / "jobs" / key for key in keys]
            jobs = [_job(one, i, label, like.job) for i, one in enumerate(folders)]
            first = jobs[0]
            full = full_label(label, about["models"]) if first.kind == "model" else None
            tasks = tuple(
                replace(like, job=job, folder=one) for job, one in zip(jobs, folders, strict=True)
            )
            entries.append(Entry(label, first.method, full, first.kind == "reference", tasks))
        return Stored(about, tuple(entries))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{folder}/study.json: damaged ({error}); run the study again") from error


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
    options = about["dataset_config"] if name in registry.datasets.names() else {}
    store = open_dataset(dataset or name, {} if dataset else options, make=make)
    if store.content_hash != about["content_hash"]:
        raise UserError(
            f"{store.root}: its pairs or labels are not those of the study; --dataset DIR names the"
            " folder that holds them"
        )
    return store, dict(about["jobs"])


def _job(folder: Path, seed: int, label: str, like: Job) -> Job:
    """The job of a folder; one that failed is known by its label alone."""
    origin = folder / ORIGIN
    if origin.is_file():
        return Job(**json.loads(origin.read_text(encoding="utf-8"))["job"])
    if (result := read_result(folder)) is not None:
        return Job(**result["job"])
    return replace(like, kind="model", method=label, config={}, source="", seed=seed)


def outside_entries(folder: Path, like: Task, say: Callable[[str], None]) -> list[Entry]:
    """The outside systems that a study holds, as far as they saw the same pairs and encoder.

    Args:
        folder: of the study.
        like: see :func:`read_stored`.
        say: told of those that are left out.
    """
    stored = read_stored(folder, like)
    found = [] if stored is None else [e for e in stored.entries if is_outside(e)]
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
