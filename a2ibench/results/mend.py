"""What a command does with damaged files of a study before it computes: they are set aside, which
is said, and made again from what is there."""

from collections.abc import Callable, Sequence
from pathlib import Path

from a2ibench.results.finished import DamagedStudyError, read_study
from a2ibench.results.outcome import FAILURE, is_done, set_aside_damage
from a2ibench.results.scores import Entry
from a2ibench.storage import set_aside


def mend(folder: Path, entries: Sequence[Entry], say: Callable[[str], None]) -> None:
    """Sets damaged files aside, and forgets failures of jobs that are done now.

    Args:
        folder: of the study, in which no other command is at work.
        entries: its rows.
        say: is told of each damaged file.
    """
    if is_damaged(folder):
        say(
            f"study.json was damaged: set aside as {set_aside(folder / 'study.json').name}, and"
            " made again from the jobs that are there"
        )
    for entry in entries:
        for task in entry.tasks:
            if (why := set_aside_damage(task.folder)) is not None:
                say(f"{entry.label}, seed {task.job.seed}: {why}; computed again")
            # Of a metric that is not asked for any more, or of an attempt before the last.
            if (task.folder / FAILURE).is_file() and is_done(task):
                (task.folder / FAILURE).unlink()


def is_damaged(folder: Path) -> bool:
    """Whether a folder's ``study.json`` is there and cannot be read."""
    if not (folder / "study.json").is_file():
        return False
    try:
        read_study(folder)
    except DamagedStudyError:
        return True
    return False
