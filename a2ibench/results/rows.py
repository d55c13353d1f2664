"""The rows of a study: one arm, reference row or outside system each, with its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.health import Health
from a2ibench.evaluation.statistics import SeedScores


@dataclass(frozen=True)
class RowScores:
    """The scores of a row, from which tables are made.

    Attributes:
        label: as printed.
        reference: whether it is a reference row.
        full: the label of the full model, for an ablation.
        asked: how many seeds were asked for.
        scores: by metric name; a metric without a single result is missing.
        floor_of: groups of metrics of which this reference row is the floor.
        ceiling: whether it is the row of the real images themselves.
        judges: how the judges of its scores did on clips that they held out.
        model: the registered name of the model or reference; of an outside system, its name.
    """

    label: str
    reference: bool
    full: str | None
    asked: int
    scores: Mapping[str, SeedScores]
    floor_of: frozenset[str] = field(default_factory=frozenset)
    ceiling: bool = False
    judges: tuple[Health, ...] = ()
    model: str = ""

    @property
    def done(self) -> int:
        """How many seeds have a result."""
        return max((len(scores.seeds) for scores in self.scores.values()), default=0)

    def widest(self, metrics: Sequence[type[Metric]]) -> SeedScores | None:
        """Of the scores by some metrics those that rest on the most images; None without any."""
        found = [self.scores[one.name] for one in metrics if one.name in self.scores]
        return max(found, key=lambda scores: scores.n, default=None)

    def sd(self, metric: type[Metric]) -> float | None:
        """Standard deviation over seeds."""
        scores = self.scores.get(metric.name)
        if scores is None or len(scores.seeds) < 2:
            return None
        return float(scores.values.std(ddof=1))
