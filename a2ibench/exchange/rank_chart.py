"""Rank intervals, drawn: one panel for each metric, one bar for each method."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.rank_intervals import RankInterval
from a2ibench.reporting.cells import heading
from a2ibench.reporting.charts import SCORES, panels_of
from a2ibench.reporting.image_grids import plain
from a2ibench.reporting.svg import COLOURS, SOFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 12
"""Number of places up to which each has a tick of its own."""


def draw_ranks(
    labels: Sequence[str],
    metrics: Sequence[Metric],
    ranks: Mapping[str, Mapping[str, RankInterval]],
) -> "Figure":
    """Draw from the first to the last place that each method may hold, by each metric."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout, k = ConstrainedLayoutEngine(w_pad=0.12), len(labels)
    names = [*map(plain, labels)]
    with panels_of(len(metrics), SCORES, 1.5, 0.24 * k + 0.7, 0, layout) as (figure, panels):
        for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
            for y, label in enumerate(labels):
                if (one := ranks[metric.name].get(label)) is not None:
                    # A place is as wide as its number: one place alone is seen, too.
                    ends = [one.low - 0.3, one.high + 0.3]
                    axes.plot(ends, [y, y], color=COLOURS[0], lw=6, solid_capstyle="butt")
            axes.set_xlim(0.5, k + 0.5)
            axes.set_xticks(range(1, k + 1) if k <= MANY else [1, *range(5, k + 1, 5)])
            axes.set_ylim(k - 0.4, -0.6)
            axes.set_yticks(range(k), names if i % SCORES == 0 else [""] * k)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color=SOFT, lw=0.5, alpha=0.3)
            axes.spines["left"].set_visible(False)
            axes.set_title(plain(heading(metric)), loc="left")
    return figure
