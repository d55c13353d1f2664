"""Check a study before its trials start; then prepare data and judges."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from a2ibench import registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.contracts.executor import Executor
from a2ibench.data.features import too_short
from a2ibench.data.prepare import NotPreparedError
from a2ibench.data.store import PairStore
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.results.job import Task
from a2ibench.runs.memory_estimate import refuse_budgets, refuse_misfits
from a2ibench.runs.study_lock import refuse_folder
from a2ibench.runs.time_estimate import estimate
from a2ibench.runs.trial import Trial, trials_of
from a2ibench.runs.trial_data import Counter, Data, open_data, open_pairs
from a2ibench.storage import content_key
from a2ibench.study.earlier_results import refuse_other_judges
from a2ibench.study.plan import Plan, expand
from a2ibench.study.request import Outline, Request, outline

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared(Plan):
    """A plan whose data and judges are ready; its tasks name the judges.

    Attributes:
        tiled: number of sounds that are shorter than the encoder needs.
    """

    data: Data
    tiled: int


def preflight(
    request: Request, chosen: Outline, executor: Executor[Trial], counter: Counter, say: Say
) -> tuple[Plan | None, str]:
    """Check a request as far as its pairs exist; nothing is made, written or started.

    ``run`` does this first, and ``run --dry-run`` does nothing else.

    Returns:
        The plan, or None if its pairs do not exist yet; and a line on how long the trainings will
        take, which is empty if that is unknown or nothing has to be trained.

    Raises:
        UserError: the study would be refused, for its folder, its encoder, classes with too few
            clips, metrics, pictures of a size that a model does not accept, or resources.
    """
    refuse_folder(chosen.folder)
    try:
        encoder, store = open_pairs(request, chosen, counter, make=False)
    except NotPreparedError:
        return None, ""
    plan = make_plan(request, chosen, encoder, store, say)
    trials = trials_of(plan.trainings)
    if not trials:
        return plan, ""
    return plan, estimate(trials, executor.room(trials), request.scale, chosen.folder)


def make_plan(
    request: Request, chosen: Outline, encoder: Encoder, store: PairStore, say: Say
) -> Plan:
    """Expand a request, and refuse models that cannot be built for its pairs, or trained on its
    budgets.

    Raises:
        UserError: as :func:`~a2ibench.study.plan.expand`,
            :func:`~a2ibench.runs.memory_estimate.refuse_misfits` and
            :func:`~a2ibench.runs.memory_estimate.refuse_budgets`.
    """
    plan = expand(request, chosen, encoder, store, say)
    refuse_misfits(plan.trainings)
    refuse_budgets(plan.trainings)
    return plan


def prepare_study(
    request: Request, counter: Counter, say: Say, plan: Plan | None = None
) -> Prepared:
    """Prepare the data and the judges of a request.

    Raises:
        UserError: as :func:`~a2ibench.study.request.outline` and :func:`make_plan`; or the data
            cannot be prepared.
    """
    if plan is None:
        chosen = outline(request)
        plan = make_plan(request, chosen, *open_pairs(request, chosen, counter), say)
    data = open_data(plan.store, plan.encoder, counter(f"encoding with {request.encoder}"))
    # Now, since parallel trials would each load them.
    needed = [registry.metrics.get(name) for name in plan.metrics]
    data_key = content_key([plan.store.content_hash, plan.encoder.identity()])
    new = {task.folder.name for task in plan.tasks} - plan.kept.keys()
    loaded = load_judges(needed if new else [], data.judging, data_key, say)
    judges = {name: judge.fingerprint for name, judge in loaded.items()}

    def with_judges(task: Task) -> Task:
        environment = replace(task.environment, judges=judges)
        return replace(task, environment=environment) if task.folder.name in new else task

    entries = tuple(entry.map(with_judges) for entry in plan.entries)
    refuse_other_judges(plan.tasks, plan.kept, judges)
    return Prepared(
        **{**vars(plan), "entries": entries}, data=data, tiled=too_short(plan.store, plan.encoder)
    )
