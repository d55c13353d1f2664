"""What a study's folder holds from an earlier command, and how the present one differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.results.finished import read_study
from a2ibench.results.outcome import read_result
from a2ibench.results.scores import Entry

WORDS = {
    "source": "its code",
    "store": "the pairs",
    "encoder": "the encoder",
    "images": "training images",
}
"""A job's fields, as they are called in a line."""


def what_changed(folder: Path, entries: Sequence[Entry]) -> list[str]:
    """A line for each row that was computed under other settings before, and one for rows gone.

    Nothing is removed: a job's hash is its identity, so other settings are other jobs.

    Args:
        folder: of the study.
        entries: the rows of the present command.
    """
    try:
        earlier: Mapping[str, Sequence[str]] = read_study(folder)["jobs"]
    except UserError:
        return []  # no earlier command, or none that can be read
    lines = []
    for entry in entries:
        if all((task.folder / "result.json").is_file() for task in entry.tasks):
            continue  # the settings of a still earlier command: nothing is new
        keys = {task.job.key for task in entry.tasks}
        differing = [key for key in earlier.get(entry.label, ()) if key not in keys]
        reasons = dict.fromkeys(
            reason for key in differing for reason in _reasons(folder / "jobs" / key, entry)
        )
        if reasons:
            lines.append(
                f"{entry.label}: new jobs, other than before: {', '.join(reasons)}; the earlier"
                " results are kept"
            )
    gone = [label for label in earlier if label not in {entry.label for entry in entries}]
    if gone:
        lines.append(f"not in this command's tables, kept in {folder / 'jobs'}: {', '.join(gone)}")
    return lines


def _reasons(folder: Path, entry: Entry) -> Iterator[str]:
    """How an earlier result differs from the task of the same seed."""
    result = read_result(folder)
    if result is None:
        return
    before: Mapping[str, Any] = result["job"]
    for task in entry.tasks:
        now = asdict(task.job)
        if now["seed"] != before["seed"]:
            continue
        for name in sorted({*now["config"], *before["config"]}):
            old, new = before["config"].get(name), now["config"].get(name)
            if old != new and not isinstance(new, tuple):
                yield f"{name} was {old}, is {new}"
        for name, words in WORDS.items():
            if now[name] != before[name]:
                number = isinstance(now[name], int)
                yield f"{words} were {before[name]}, are {now[name]}" if number else words
