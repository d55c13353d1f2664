"""The critical-difference diagram (Demšar, JMLR 7, 2006): which methods' mean ranks differ.

Demšar's rows are independent data sets. Metrics of one study share images and judges, so that a
diagram over metrics overstates how much is known: every diagram of them says so.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.evaluation.critical_difference import Ranks, cliques
from a2ibench.reporting.image_grids import plain
from a2ibench.reporting.svg import Chart, inline_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXIS, TICK, MARGIN, LETTER = 3.5, 0.2, 1.75, 0.075
"""Inches: the least width of the axis, and of a rank on it; of a margin, and of a letter there."""
GAP = 0.04
"""Part of the axis that is left free between it and a name."""
NOTE = (
    "Ranks over metrics (1 is best): metrics of the same images are no independent data sets, so"
    " that the diagram is an overview and no test. Methods joined by a bar are within the critical"
    " difference (Friedman, Nemenyi; Demšar 2006)."
)


def rank_chart(
    ranks: Ranks,
    labels: Sequence[str],
    name: str,
    caption: str,
    by: str = "",
    colours: Mapping[str, str] = MappingProxyType({}),
) -> Chart:
    """Return the diagram for a page; see :func:`~a2ibench.reporting.svg.inline_svg`."""
    order = sorted(zip(ranks.mean, labels, strict=True))
    said = f"Mean ranks{by}: {', '.join(f'{label} {mean:.2f}' for mean, label in order)}"
    return Chart(inline_svg(draw_diagram(ranks, labels, colours), name, said), caption)


def draw_diagram(
    ranks: Ranks, labels: Sequence[str], colours: Mapping[str, str] = MappingProxyType({})
) -> "Figure":
    """Draw mean ranks on an axis, and a bar over each run of methods that are not separated; a
    method without a colour is black."""
    import matplotlib
    from matplotlib.figure import Figure

    k = len(labels)
    order = np.argsort(ranks.mean, kind="stable")
    bars = cliques(ranks)
    names = [f"{plain(labels[i])} ({ranks.mean[i]:.2f})" for i in range(k)]
    line = max(AXIS, TICK * k)
    margin = max(MARGIN, LETTER * max(map(len, names)) + GAP * line)
    across = line + 2 * margin
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(across, 1.3 + 0.13 * len(bars) + 0.12 * k), dpi=200)
        axes = figure.add_axes((margin / across, 0.02, line / across, 0.96))
        axes.set_axis_off()
        axes.set_xlim(1, k)
        depth = 1.5 + 0.5 * len(bars)
        axes.set_ylim(-depth - (k + 1) // 2, 2.6)
        axes.plot([1, k], [0, 0], color="black", linewidth=1)
        for tick in range(1, k + 1):
            axes.plot([tick, tick], [0, 0.2], color="black", linewidth=1)
            axes.text(tick, 0.35, str(tick), ha="center", va="bottom")
        width = min(ranks.critical, k - 1)
        axes.plot([1, 1 + width], [1.7, 1.7], color="black", linewidth=2)
        p = "< 0.001" if ranks.p < 0.001 else f"= {ranks.p:.3f}"
        said = f"critical difference {ranks.critical:.2f}; Friedman p {p}"
        axes.text(1, 1.85, f"{said}; {ranks.rows} rows", ha="left", va="bottom")
        for i, method in enumerate(order):
            left = i < (k + 1) // 2
            end, side = (1, "right") if left else (k, "left")
            level = -depth - (i if left else k - 1 - i)
            x = ranks.mean[method]
            colour = colours.get(labels[method], "black")
            axes.plot([x, x, end], [0, level, level], color=colour, linewidth=0.7)
            gap = -GAP * (k - 1) if left else GAP * (k - 1)
            axes.text(end + gap, level, names[method], ha=side, va="center")
        for level, (first, last) in enumerate(bars):
            ends = [ranks.mean[order[first]] - 0.03, ranks.mean[order[last]] + 0.03]
            axes.plot(ends, [-0.5 - 0.5 * level] * 2, color="black", linewidth=3)
    return figure
