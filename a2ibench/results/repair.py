"""Damaged files of a study are set aside before a command computes, which makes them again."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.results.job import Task
from a2ibench.results.job_state import FAILURE, JobState
from a2ibench.results.result_file import set_aside_result
from a2ibench.results.study import ABOUT, DamagedStudyError, open_study
from a2ibench.storage import set_aside


def repair(
    folder: Path, tasks: Mapping[str, Task], say: Callable[[str], None]
) -> dict[str, JobState]:
    """Set damaged files aside, saying so, and forget failures of jobs that are done now.

    No other command may be at work in the folder; ``tasks`` go by what a person calls their rows.

    Returns:
        The jobs that are done, by the names of their folders.
    """
    done = {}
    with suppress(UserError):  # there is none yet
        try:
            open_study(folder)
        except DamagedStudyError:
            say(
                f"{ABOUT} was damaged: set aside as {set_aside(folder / ABOUT).name}, and"
                " made again from the jobs that are there"
            )
    for name, task in tasks.items():
        state = JobState(task.folder, task.job.seed)
        if state.damage is not None:
            say(f"{name}: {set_aside_result(task.folder, state.damage)}; computed again")
        elif state.is_done(task.metrics, task.judges):
            done[state.key] = state
            # Of a metric that is not asked for any more, or of an attempt before the last.
            (task.folder / FAILURE).unlink(missing_ok=True)
    return done
