"""What stands in one place of a table: a number with its uncertainty, or a word."""

from collections.abc import Sequence
from dataclasses import dataclass

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.statistics import Paired, SeedScores, interval
from a2ibench.results.rows import RowScores

BELOW_FLOOR = "°"
STRUCK = "×"


@dataclass(frozen=True)
class Cell:
    """One number with its uncertainty.

    Attributes:
        value: mean over seeds.
        spread: the protocol's own ± (mean over seeds), if it has one.
        low: lower end of the 95 % interval, if there is one.
        high: upper end.
        percent: printed × 100.
        signed: printed with its sign: a difference.
        below_floor: marked: no better than the reference row that is this score's floor.
    """

    value: float
    spread: float | None
    low: float | None
    high: float | None
    percent: bool
    signed: bool = False
    below_floor: bool = False

    def __str__(self) -> str:
        text = self._number(self.value) + (BELOW_FLOOR if self.below_floor else "")
        if self.spread is not None:
            text += f" ± {self.spread:.2f}"
        if self.low is not None and self.high is not None:
            text += f" [{self._number(self.low)}, {self._number(self.high)}]"
        return text

    def _number(self, value: float) -> str:
        sign = "+" if self.signed else ""
        return f"{100 * value:{sign}.1f}" if self.percent else f"{value:{sign}.2f}"


def heading(metric: Metric) -> str:
    """The metric's column: title, unit, and which way is up."""
    unit, arrow = " %" if metric.percent else "", "↑" if metric.higher_is_better else "↓"
    return f"{metric.title}{unit} {arrow}"


def full_name(metric: Metric) -> str:
    """The name with its version."""
    return f"{metric.name}_v{metric.version}"


def text(cell: Cell | None) -> str:
    """As printed; a dash where there is no number."""
    return "–" if cell is None else str(cell)


def count_text(scores: SeedScores | None) -> str:
    """``233 (3 clips)``: images behind a score, and their clips where it is known."""
    return "–" if scores is None else with_clips(scores.n, scores.clips)


def with_clips(n: int, clips: int | None) -> str:
    """``233 (3 clips)``; the number alone where it is not known of how many clips they are."""
    return str(n) if clips is None else f"{n} ({clips} clip{'' if clips == 1 else 's'})"


def seeds_text(method: RowScores) -> str:
    """``3``, or ``2 of 3`` where a seed has no result."""
    done = method.done
    return str(done) if done == method.asked else f"{done} of {method.asked}"


def score_cell(method: RowScores, metric: Metric, methods: Sequence[RowScores] = ()) -> Cell | None:
    """A score with its interval, which is cut at the metric's bounds.

    Args:
        method: whose score.
        metric: which.
        methods: all rows; those that are the floor of the metric's group say whether to mark.
    """
    scores = method.scores.get(metric.name)
    if scores is None:
        return None
    low, high = interval(scores) or (None, None)
    if low is not None and high is not None:
        low, high = max(low, metric.bounds[0]), min(high, metric.bounds[1])
    spread = None if scores.spread is None else float(scores.spread.mean())
    floors = [
        floor.scores[metric.name].mean
        for floor in methods
        if metric.group in floor.floor_of and metric.name in floor.scores
    ]
    sign = 1 if metric.higher_is_better else -1
    below = not method.reference and any(sign * scores.mean <= sign * floor for floor in floors)
    return Cell(scores.mean, spread, low, high, metric.percent, below_floor=below)


def change_cell(change: Paired | None, metric: Metric) -> Cell | None:
    """A difference with its interval."""
    if change is None:
        return None
    return Cell(change.value, None, change.low, change.high, metric.percent, signed=True)


def p_text(p: float | None) -> str:
    """Three decimals are more than a table can use of a p."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def effect_text(change: Paired | None) -> str:
    """``+1.8 sd, 95 %``: in standard deviations of the seeds, and the blocks it is better on."""
    if change is None:
        return "–"
    sd = None if change.effect is None else f"{change.effect:+.1f} sd"
    blocks = None if change.favours is None else f"{100 * change.favours:.0f} % of blocks"
    return ", ".join(part for part in (sd, blocks) if part) or "–"
