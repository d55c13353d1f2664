"""A task is tried until it has a result, or a reason why not."""

import gc
import traceback
from collections.abc import Callable
from typing import Any

from a2ibench import registry
from a2ibench.errors import PLUGIN_FAILURES, UserError
from a2ibench.results.job import Task
from a2ibench.results.job_state import FAILURE, is_done, write_failure
from a2ibench.runs.work import compute
from a2ibench.storage import is_full, lock
from a2ibench.training.fit import DivergedError, Progress

Report = Callable[[Progress], None]


def work(
    task: Task,
    report: Report = lambda progress: None,
    compute: Callable[[Task, Report], Any] = compute,
) -> str | None:
    """Does a task: its result, or the reason of its failure, is in its folder afterwards.

    A job is done by one process at a time; a second one waits for the first, which may be what is
    left of a study that was killed. After a crash it is tried again as often as the task says, from
    the last checkpoint. Losses that are not finite are no crash: the same steps would lead there.

    Args:
        task: what to do.
        report: called while the model trains.
        compute: computes the result.

    Returns:
        Why no other job can succeed either (a full disk); None where others can go on.
    """
    try:
        with lock(task.folder / "job"):
            (task.folder / FAILURE).unlink(missing_ok=True)
            for left in reversed(range(task.retries + 1)):
                try:
                    for path in task.plugins:
                        registry.load_plugin_file(path)
                    if not is_done(task):
                        compute(task, report)
                    break
                except (UserError, DivergedError) as error:
                    write_failure(task.folder, str(error))
                    break
                except PLUGIN_FAILURES as error:  # a plug-in may even call sys.exit
                    if is_full(error):
                        raise
                    if not left:
                        reason = f"{type(error).__name__}: {error}" + _attempts(task.retries + 1)
                        write_failure(task.folder, reason, traceback.format_exc())
                _free_memory()
    except OSError as error:
        if not is_full(error):
            raise
        return f"no space left on the disk of {error.filename or task.folder}"
    return None


def _attempts(number: int) -> str:
    return f" ({number} attempts)" if number > 1 else ""


def _free_memory() -> None:
    """Of what a crashed attempt held: the next one may need it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
