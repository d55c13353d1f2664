"""Feasibility of a study on a store: what its pairs can answer, before any is encoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.data.class_counts import ClassCounts, count_classes, too_few_clips
from a2ibench.data.features import bare_pairs
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.clip_blocks import BLOCKS
from a2ibench.evaluation.evaluate import MetricChoice, check_metric, default_metrics
from a2ibench.evaluation.metric_inputs import check_judge
from a2ibench.evaluation.statistics import SeedScores, interval
from a2ibench.types import Pairs

EVERY = "all"
"""In the place of a metric's name: every metric that the data and judges allow."""
HEADLINE = "headline"
"""In the place of a metric's name: the headline metrics, as far as data and judges allow."""
SEVERAL = (EVERY, HEADLINE)
"""Words that stand for several metrics."""


@dataclass(frozen=True)
class Feasibility:
    """The metrics that a study on some pairs could measure, and how well.

    Attributes:
        classes: clips and pairs of each, after the judges' part is set aside.
        metrics: what would be computed, in the order of the columns.
        left_out: the other metrics → why.
        shares: those of ``metrics`` that are shares of test segments, as accuracy is.
        half_width: of the 95 % interval of such a share, in [0, 1]; see :func:`half_width`.
        refused: why no study is possible; None where one is.
    """

    classes: tuple[ClassCounts, ...]
    metrics: tuple[str, ...]
    left_out: Mapping[str, str]
    shares: tuple[str, ...]
    half_width: float | None
    refused: str | None

    @property
    def test_clips(self) -> int:
        """Clips of the test side."""
        return sum(one.test.clips for one in self.classes)


def feasibility(store: PairStore, asked: Sequence[str] = ()) -> Feasibility:
    """Examine a store, corrections included, as a study would, without a feature, judge or model.

    ``asked`` holds names of metrics; see :func:`choose_metrics`.
    """
    refused = None
    metrics: tuple[str, ...] = ()
    left_out: Mapping[str, str] = {}
    try:
        metrics, left_out = choose_metrics(asked, bare_pairs(store, "test"))
        if not metrics:
            refused = "no metric can be computed on these pairs"
    except UserError as error:
        refused = str(error)
    if (few := too_few_clips(store, judges=clips_of_judges(metrics))) is not None:
        refused = few + _other_metrics(store, metrics)
    classes = count_classes(store)
    chosen = map(registry.metrics.get, metrics)
    return Feasibility(
        classes,
        metrics,
        left_out,
        tuple(metric.name for metric in chosen if metric.percent and metric.bounds == (0, 1)),
        half_width(sum(one.test.clips for one in classes)),
        refused,
    )


def find_metric(name: str) -> Metric:
    """Return the metric of a name whose judge gives what it reads, or raise a UserError."""
    metric = registry.metrics.get(name)
    check_judge(metric)
    return metric


def choose_metrics(asked: Sequence[str], test: Pairs) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Choose the metrics to compute; return their names in column order, and why others are not.

    Empty, or ``"headline"`` among the names, stands for the headline metrics, ``"all"`` for every
    listed metric, as far as data and judges allow. Features of the test pairs are not read.

    Raises:
        UserError: one that was asked for by name cannot be computed on these data.
    """
    default = MetricChoice()
    if not asked or {*SEVERAL} & {*asked}:
        default = default_metrics(test, every=EVERY in asked)
    names = [name for name in asked if name not in (*SEVERAL, *default.names)]
    if EVERY in asked:
        names = [name for name in names if name not in default.left_out]
    named = [find_metric(name) for name in names]
    for metric in named:
        try:
            check_metric(metric, test)
        except UserError as error:
            raise UserError(f"metric {error}; or choose other metrics") from None
    chosen = [*named, *(registry.metrics.get(name) for name in default.names)]
    columns = sorted({(metric.column, metric.name) for metric in chosen})
    return tuple(name for _, name in columns), default.left_out


def clips_of_judges(metrics: Sequence[str]) -> int:
    """Return the minimum number of clips of each class that the judges of some metrics need."""
    judges = {registry.metrics.get(name).judge for name in metrics} - {OWN}
    trained = [plugin for plugin in map(registry.judges.get, judges) if plugin.trained]
    return max((plugin.fewest_sources for plugin in trained), default=1)


def half_width(clips: int) -> float | None:
    """Return half the expected width of a share's 95 % interval, with one seed: t √(¼ / clips).

    It holds for a share of one half where the segments of a clip agree with each other, with the t
    of as many blocks as there are; it is narrower for other shares and where they differ. What
    training seeds add comes on top. Blocks that scatter so are shown to
    :func:`~a2ibench.evaluation.statistics.interval` itself: with fewer test clips than it needs,
    there is none.
    """
    number = min(BLOCKS, clips)
    if number < 2:
        return None
    spread = np.linspace(-1, 1, number)
    spread *= np.sqrt(0.25 * number / clips) / spread.std(ddof=1)
    scores = SeedScores((0,), np.array([0.5]), clips, None, 0.5 + spread[np.newaxis])
    found = interval(scores)
    return None if found is None else min(1.0, (found[1] - found[0]) / 2)


def _other_metrics(store: PairStore, metrics: Sequence[str]) -> str:
    """Return a remedy where only judges that are trained want more clips."""
    own = [name for name in metrics if clips_of_judges([name]) == 1]
    if not own or too_few_clips(store, judges=1) is not None:
        return ""
    return f" Or ask for metrics whose judges need fewer: --metric {own[0]}."
