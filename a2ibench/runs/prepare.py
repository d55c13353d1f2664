"""Check a study before its trials start; then prepare data and judges."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from a2ibench import registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.contracts.executor import Executor
from a2ibench.contracts.judge import Judge
from a2ibench.data.prepare import NotPreparedError
from a2ibench.data.sounds import stored_sounds, too_short
from a2ibench.data.store import PairStore
from a2ibench.errors import PLUGIN_FAILURES, UserError, command, told
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.evaluation.hearing import embed_sounds
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.evaluation.metric_inputs import heard_by
from a2ibench.results.job import Task
from a2ibench.runs.memory_estimate import refuse_budgets, refuse_misfits
from a2ibench.runs.study_lock import refuse_folder
from a2ibench.runs.time_estimate import estimate
from a2ibench.runs.trial import Trial, trials_of
from a2ibench.runs.trial_data import Counter, Data, open_data, open_pairs
from a2ibench.study.earlier_results import refuse_other_judges
from a2ibench.study.plan import Plan, expand
from a2ibench.study.request import Outline, Request, outline
from a2ibench.types import DataKey, Pairs

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared(Plan):
    """A plan whose data and judges are ready; its tasks name the judges.

    Attributes:
        tiled: a line for the encoder, and each judge, that needs longer sounds than some are.
    """

    data: Data
    tiled: tuple[str, ...]


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
    data_key = DataKey(plan.store.content_hash, plan.encoder.identity())
    new = {task.folder.name for task in plan.tasks} - plan.kept.keys()
    loaded = load_judges(needed if new else [], data.judging, data_key, say)
    judges = {name: judge.fingerprint for name, judge in loaded.items()}

    def with_judges(task: Task) -> Task:
        environment = replace(task.environment, judges=judges)
        return replace(task, environment=environment) if task.folder.name in new else task

    entries = tuple(entry.map(with_judges) for entry in plan.entries)
    refuse_other_judges(plan.tasks, plan.kept, judges)
    ears = [loaded[name] for name in sorted(heard_by(needed) & loaded.keys())]
    for judge in ears:
        _listen(judge, data.test, counter)
    tiled = tuple(_tiled(plan.store, plan.encoder, [one.judge for one in ears]))
    return Prepared(**{**vars(plan), "entries": entries}, data=data, tiled=tiled)


def _listen(loaded: LoadedJudge, test: Pairs, counter: Counter) -> None:
    """Embed the test sounds, so that a judge that cannot is refused before anything is trained."""
    name = loaded.judge.name
    assert test.sounds is not None  # they are those of a store
    try:
        embed_sounds(loaded, test.sounds, counter(f"listening with {name}"))
    except UserError:
        raise
    except PLUGIN_FAILURES as error:  # in somebody else's code
        raise UserError(
            f"judge {name!r} cannot embed the test sounds: {told(error)};"
            f" `{command('check', 'judge', name)}` says more"
        ) from error


def _tiled(store: PairStore, encoder: Encoder, judges: Sequence[Judge]) -> Iterator[str]:
    """Yield a line for each that needs longer sounds than some are."""
    test = stored_sounds(store, store.rows("test"))
    every = stored_sounds(store, np.concatenate([store.rows("train"), store.rows("test")]))
    if count := too_short(every, encoder.sample_rate, encoder.min_samples):
        yield (
            f"{count} of {len(store)} sounds are shorter than the encoder needs; they are repeated"
        )
    for judge in judges:
        if count := too_short(test, judge.sample_rate, judge.min_samples):
            yield (
                f"{count} of {len(test)} test sounds are shorter than judge {judge.name} needs;"
                " it hears them repeated"
            )
