"""All that a study is refused for, before anything is prepared, encoded or trained.

``run`` looks at it first, and ``run --dry-run`` at nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from a2ibench.data.prepare import NotPreparedError
from a2ibench.results.job_state import JobState
from a2ibench.runs.estimate import estimate
from a2ibench.runs.executors import Executor
from a2ibench.runs.study_lock import refuse_folder
from a2ibench.study.plan import Counter, Draft, Outline, Request, draft, open_pairs


@dataclass(frozen=True)
class Preflight:
    """A request that nothing is known against.

    Attributes:
        request: what the user asks for.
        outline: its arms, folder and metrics.
        draft: the study; None where its pairs are still to be made.
        time: a line on how long its trainings will take; empty where that is not known yet, or
            where there is nothing to train.
    """

    request: Request
    outline: Outline
    draft: Draft | None
    time: str = ""


def preflight(
    request: Request,
    chosen: Outline,
    executor: Executor,
    counter: Counter,
    say: Callable[[str], None],
) -> Preflight:
    """Checks a request as far as its pairs are there; nothing is made, written or started.

    Args:
        request: what the user asks for.
        chosen: its outline.
        executor: what would train the models.
        counter: shows progress.
        say: prints a line.

    Raises:
        UserError: whatever the study would be refused for: its folder, its encoder, classes with
            too few clips, metrics, pictures of a size that a model does not take, resources.
    """
    refuse_folder(chosen.folder)
    try:
        encoder, store = open_pairs(request, chosen, counter, make=False)
    except NotPreparedError:
        return Preflight(request, chosen, None)
    made = draft(request, chosen, encoder, store, say)
    time = ""
    tasks = [t for t in made.models if not JobState(t.folder).has_all(t.metrics)]
    if tasks:  # by which judges they are to be seen is not known yet
        time = estimate(tasks, executor.room(tasks), request.scale, chosen.folder)
    return Preflight(request, chosen, made, time)
