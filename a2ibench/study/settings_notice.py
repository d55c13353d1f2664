"""Differences between the present command and the one that a study's folder holds."""

from collections.abc import Iterator, Sequence

from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import JOBS, RESULT
from a2ibench.results.study import Study
from a2ibench.study.planned_rows import Entry

WORDS = {
    "source": "its code",
    "store": "the pairs",
    "encoder": "the encoder",
    "images": "training images",
}
"""Fields of a job, as a line names them."""


def what_changed(study: Study | None, entries: Sequence[Entry]) -> list[str]:
    """Return a line for each row that was computed under other settings, and one for rows gone.

    Nothing is removed: a job's hash is its identity, so other settings are other jobs.

    Args:
        study: of the earlier command; None where there was none, or none that can be read.
    """
    if study is None:
        return []
    keys = {task.job.key for entry in entries for task in entry.tasks}
    earlier: dict[str, list[JobState]] = {}
    for row in study.all_rows:
        earlier.setdefault(row.label, []).extend(job for job in row.jobs if job.key not in keys)
    lines = []
    for entry in entries:
        if all((task.folder / RESULT).is_file() for task in entry.tasks):
            continue  # the settings of a still earlier command: nothing is new
        before = earlier.get(entry.label, ())
        alike = [job for job in before if job.job and job.job.images == entry.images] or before
        reasons = dict.fromkeys(reason for job in alike for reason in _reasons(job, entry))
        if reasons:
            lines.append(
                f"{entry.name}: new jobs, other than before: {', '.join(reasons)}; the earlier"
                " results are kept"
            )
    asked = {(entry.label, budget) for entry in entries for budget in (None, entry.images)}
    gone = [row.name for row in study.all_rows if (row.label, row.budget) not in asked]
    if gone:
        lines.append(
            f"not in this command's tables, kept in {study.folder / JOBS}: {', '.join(gone)}"
        )
    return lines


def _reasons(state: JobState, entry: Entry) -> Iterator[str]:
    """Yield how an earlier result differs from the task of the same seed."""
    if state.result is None:
        return
    before = state.result.job
    for task in entry.tasks:
        now = task.job
        if now.seed != before.seed:
            continue
        for name in sorted({*now.config, *before.config}):
            old, new = before.config.get(name), now.config.get(name)
            if old != new and not isinstance(new, tuple):
                yield f"{name} was {old}, is {new}"
        for name, words in WORDS.items():
            there, here = getattr(before, name), getattr(now, name)
            if there != here:
                number = isinstance(here, int)
                yield f"{words} were {there}, are {here}" if number else words
