"""Open the input of a trial, as planned: pairs with features, and judges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from a2ibench import registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.data.class_counts import refuse_too_few_clips
from a2ibench.data.features import Standardiser, encode_store, split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import PLUGIN_FAILURES, UserError, command, told
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.evaluation.feasibility import SEVERAL
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.results.job import Task
from a2ibench.study.request import Outline, Request
from a2ibench.types import Pairs

Counter = Callable[[str], Callable[[int, int], None]]
"""A function that makes a progress function ``(done, total)`` from the name of a step."""


@dataclass(frozen=True)
class Data:
    """A dataset with features.

    Attributes:
        train: training pairs of models.
        judging: training pairs of judges, whose sources are not in ``train``.
        eval_set: the test pairs, and the segments of the grid.
    """

    train: Pairs
    judging: Pairs
    eval_set: EvalSet
    standardiser: Standardiser

    @property
    def test(self) -> Pairs:
        """The test pairs."""
        return self.eval_set.test


def open_data(
    store: PairStore, encoder: Encoder, progress: Callable[[int, int], None] = lambda *_: None
) -> Data:
    """Split a store into its three parts, with cached features."""
    train, test, standardiser = split_pairs(store, encode_store(store, encoder, progress))
    train, judging = reserve_for_judges(train)
    return Data(train, judging, make_eval_set(train, test), standardiser)


def open_pairs(
    request: Request, chosen: Outline, counter: Counter, make: bool = True
) -> tuple[Encoder, PairStore]:
    """Build the encoder and open the pairs of a request.

    Args:
        make: whether to prepare a named dataset that is not in the cache.

    Raises:
        UserError: the data cannot be prepared or do not exist, or weights cannot be obtained.
    """
    show = counter(f"preparing {request.dataset}")
    if not make:  # without pairs nothing else is checked, and no weights are fetched
        open_dataset(request.dataset, chosen.dataset_options, make=False)
    # First, so that missing weights are reported before minutes of preparation.
    encoder = _build_encoder(request)
    _fetch_judges(chosen.metrics)
    return encoder, open_dataset(request.dataset, chosen.dataset_options, show)


def _fetch_judges(metrics: Sequence[str]) -> None:
    """Fetch the weights of the judges of metrics that were asked for by name, or say why not."""
    names = (name for name in metrics if name not in SEVERAL)
    for metric in map(registry.metrics.get, names):
        if metric.judge == OWN:
            continue
        judge = registry.judges.get(metric.judge)
        try:
            if judge.missing() is not None:
                judge()
            lacks = judge.missing()
        except PLUGIN_FAILURES as error:
            lacks = told(error)
        if lacks is not None:
            raise UserError(f"metric {metric.name}: judge {metric.judge}: {lacks}")


def _build_encoder(request: Request) -> Encoder:
    name = request.encoder
    try:
        return registry.encoders.build(name, request.settings.get(name, {}))
    except UserError:
        raise
    except PLUGIN_FAILURES as error:  # in somebody else's code
        raise UserError(
            f"encoder {name!r} cannot be built: {told(error)};"
            f" `{command('check', 'encoder', name)}` says more"
        ) from error


def open_parts(
    request: Request, chosen: Outline, counter: Counter
) -> tuple[Encoder, PairStore, Data]:
    """Build the encoder, open the pairs and split them.

    Raises:
        UserError: as :func:`open_pairs`; or a class has too few training clips to split.
    """
    encoder, store = open_pairs(request, chosen, counter)
    refuse_too_few_clips(store, judges=1)
    return encoder, store, open_data(store, encoder, counter(f"encoding with {request.encoder}"))


def open_as_planned(task: Task) -> tuple[PairStore, Encoder, Data]:
    """Open, on a worker, the pairs of a task, its encoder, and the parts of the pairs.

    Raises:
        UserError: the pairs are no longer those of the plan.
    """
    where = task.environment
    store = PairStore(where.store)
    if store.content_hash != task.job.store:
        raise UserError(
            f"{where.store}: its pairs or labels are no longer those of the study; start it again"
        )
    encoder = registry.encoders.build(where.encoder, where.encoder_config)
    return store, encoder, open_data(store, encoder)


def load_judges_as_planned(
    metrics: Sequence[Metric], data: Data, task: Task
) -> Mapping[str, LoadedJudge]:
    """Load, on a worker, the judges of some metrics, by name.

    Raises:
        UserError: the fingerprint of a judge differs from that of the task.
    """
    judges = load_judges(metrics, data.judging, task.job.data_key)
    for name, loaded in judges.items():
        if loaded.fingerprint != task.judges[name]:
            raise UserError(
                f"judge {name} differs on this machine from the one of the study: the cache"
                " (A2IBENCH_CACHE) must be shared by all workers"
            )
    return judges
