"""Charts of a study: losses by step, the score of every seed, and scores by budget."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench.contracts.metric import Metric
from a2ibench.reporting.cells import heading
from a2ibench.reporting.image_grids import plain
from a2ibench.reporting.score_tables import score_cell
from a2ibench.reporting.svg import SOFT
from a2ibench.results.rows import RowScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = Sequence[Mapping[str, float]]
"""A training: one row per logging interval, ``{"step": …, loss: mean}``."""

LOOK: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
CURVES, SCORES = 4, 3
"""Panels side by side."""
WIDTH = 10.2
"""Inches."""
MAX_POINTS = 250
"""Most points of a line: a panel is not wider in pixels, and long trainings stay small."""


@contextmanager
def panels_of(
    number: int, beside: int, narrowest: float, height: float, more: float, layout: Any
) -> Iterator[tuple["Figure", list["Axes"]]]:
    """Make a figure of panels, drawn on in the charts' look: at most ``beside`` side by side, and
    at least as wide as ``narrowest`` of them; ``height`` inches each, and some ``more`` in all."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(beside, number)
    rows = -(-number // columns)
    with matplotlib.rc_context(LOOK):
        size = (WIDTH / beside * max(columns, narrowest), height * rows + more)
        figure = Figure(figsize=size, layout=layout)
        yield figure, [figure.add_subplot(rows, columns, i + 1) for i in range(number)]


def curve_chart(trainings: Mapping[str, Sequence[Curve]], colours: Mapping[str, str]) -> "Figure":
    """Draw one panel per loss, one line per seed, one colour per arm; the curves of each arm's
    seeds have a row between them."""
    curves = [curve for seeds in trainings.values() for curve in seeds]
    names = list(dict.fromkeys(name for curve in curves for row in curve for name in row))
    names.remove("step")
    with panels_of(len(names), CURVES, 2, 1.55, 0.35, "constrained") as (figure, panels):
        for i, (axes, name) in enumerate(zip(panels, names, strict=True)):
            for arm, seeds in trainings.items():
                for seed, curve in enumerate(seeds):
                    points = _thin([(row["step"], row[name]) for row in curve if name in row])
                    if points:
                        label = plain(arm) if seed == 0 and len(trainings) > 1 else None
                        mark = "." if len(points) == 1 else None
                        axes.plot(
                            *zip(*points, strict=True), lw=1, color=colours[arm], alpha=0.85,
                            label=label, marker=mark,
                        )  # fmt: skip
            axes.set_title(plain(name), loc="left")
            axes.locator_params(nbins=4)
            if i >= len(names) - CURVES:
                axes.set_xlabel("step")
        _add_legend(figure)
    return figure


def _add_legend(figure: "Figure") -> None:
    """Name what has a label in any panel, each once."""
    lines = {
        str(label): line
        for axes in figure.axes
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if lines:
        where: dict[str, Any] = {"loc": "outside upper left", "ncols": 4, "frameon": False}
        figure.legend([*lines.values()], [*lines], **where)


def _thin(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return at most :data:`MAX_POINTS`, each the mean of neighbours."""
    if len(points) <= MAX_POINTS:
        return points
    parts = np.array_split(np.array(points, np.float64), MAX_POINTS)
    return [(float(step), float(value)) for step, value in (part.mean(axis=0) for part in parts)]


def seed_chart(
    methods: Sequence[RowScores], metrics: Sequence[Metric], colours: Mapping[str, str]
) -> "Figure":
    """Draw one panel per metric: the mean of each method with its interval, and each seed as a
    point of its own; methods without a colour are reference rows."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12)
    height = 0.24 * len(methods) + 0.55
    at, labels = np.arange(len(methods)), [plain(method.label) for method in methods]
    with panels_of(len(metrics), SCORES, 1.5, height, 0, layout) as (figure, panels):
        for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
            for y, method in enumerate(methods):
                _draw_row(axes, y, method, metric, colours.get(method.label, SOFT))
            axes.set_ylim(len(methods) - 0.4, -0.6)
            axes.set_yticks(at, labels if i % SCORES == 0 else [""] * len(labels))
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="y", color=SOFT, lw=0.5, alpha=0.3)
            axes.spines["left"].set_visible(False)
            axes.locator_params(axis="x", nbins=5)
            axes.set_title(plain(heading(metric)), loc="left")
    return figure


def _draw_row(axes: "Axes", y: int, method: RowScores, metric: Metric, colour: str) -> None:
    cell = score_cell(method, metric)
    if cell.value is None:
        return
    scale = 100 if metric.percent else 1
    if cell.low is not None and cell.high is not None:
        axes.plot([scale * cell.low, scale * cell.high], [y, y], color=colour, lw=5, alpha=0.25)
    axes.plot([scale * cell.value] * 2, [y - 0.3, y + 0.3], color=colour, lw=1.4)
    values = scale * method.scores[metric.name].values
    offsets = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
    axes.plot(values, y + offsets, ".", color=colour, ms=4.5)


def budget_chart(
    arms: Mapping[str, Sequence[tuple[float, RowScores]]],
    others: Sequence[RowScores],
    metrics: Sequence[Metric],
    colours: Mapping[str, str],
    x: str,
) -> "Figure":
    """Draw one panel per metric: each arm's scores with their intervals, over what it took on a
    logarithmic axis; what has no budget, a floor or the ceiling, is a horizontal band."""
    with panels_of(len(metrics), SCORES, 1.5, 2.1, 0.35, "constrained") as (figure, panels):
        for axes, metric in zip(panels, metrics, strict=True):
            axes.set_xscale("log")
            scale = 100 if metric.percent else 1
            for row in others:
                if not row.reference or row.ceiling or metric.group in row.floor_of:
                    _draw_band(axes, row, metric, colours.get(row.label, SOFT))
            for arm, points in arms.items():
                cells = [(at, score_cell(row, metric)) for at, row in points]
                line = [(at, scale * cell.value) for at, cell in cells if cell.value is not None]
                if line:
                    look: dict[str, Any] = {"color": colours[arm], "label": plain(arm)}
                    axes.plot(*zip(*line, strict=True), ".-", lw=1, **look)
                for at, cell in cells:
                    if cell.low is not None and cell.high is not None:
                        ends = [scale * cell.low, scale * cell.high]
                        axes.plot([at, at], ends, color=colours[arm], lw=4, alpha=0.25)
            axes.set_title(plain(heading(metric)), loc="left")
            axes.set_xlabel(x)
        _add_legend(figure)
    return figure


def _draw_band(axes: "Axes", row: RowScores, metric: Metric, colour: str) -> None:
    """Draw a score that has no budget, with its interval, and its name above the line."""
    cell = score_cell(row, metric)
    if cell.value is None:
        return
    scale = 100 if metric.percent else 1
    if cell.low is not None and cell.high is not None:
        axes.axhspan(scale * cell.low, scale * cell.high, color=colour, alpha=0.15, lw=0)
    axes.axhline(scale * cell.value, color=colour, lw=0.8, ls="--")
    axes.annotate(
        plain(row.label), (0.99, scale * cell.value), xycoords=("axes fraction", "data"),
        xytext=(0, 1), textcoords="offset points", color=colour, fontsize=6.5, ha="right",
    )  # fmt: skip
