"""Curves of measures against what was changed: a panel per measure, a line per sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.evaluation.rank_correlation import mean_interval
from a2ibench.reporting.image_grids import plain, save_figure

COLUMNS = 3
NAMED = 8
"""Sounds that the legend names, at most."""


@dataclass(frozen=True)
class Curve:
    """A measure of the sound of this name: float64 ``[L, Z]`` at each level for each noise, and
    ``[Z]`` for the unchanged sound."""

    name: str
    values: npt.NDArray[np.float64]
    unchanged: npt.NDArray[np.float64]


def save_curves(
    levels: Sequence[float],
    axis: str,
    panels: Mapping[str, Sequence[Curve]],
    path: Path,
    *,
    logarithmic: bool = False,
    reverse: bool = False,
) -> None:
    """Write the panels, each with a measure's curve per sound, as one PNG.

    With several sounds there is a thin line per sound, and their mean with its 95 % interval over
    sounds; with one, the mean over noises with its interval over noises. A dotted line is the mean
    of the unchanged sound. Levels may be spaced by their logarithm; in reverse, the greatest
    stands on the left.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rows = -(-len(panels) // COLUMNS)
    order = np.argsort(levels)
    x = np.array(levels)[order]
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(3.2 * COLUMNS, 2.4 * rows), dpi=150, layout="constrained")
        for i, (name, curves) in enumerate(panels.items()):
            axes = figure.add_subplot(rows, COLUMNS, i + 1)
            for curve in curves if len(curves) > 1 else ():
                label = plain(curve.name) if i == 0 and len(curves) <= NAMED else None
                axes.plot(x, curve.values.mean(axis=1)[order], lw=0.8, alpha=0.6, label=label)
            cases = (
                np.stack([curve.values.mean(axis=1) for curve in curves], axis=1)
                if len(curves) > 1
                else curves[0].values
            )
            mean, low, high = mean_interval(cases)
            label = f"mean, 95 % over {cases.shape[1]} {'sounds' if len(curves) > 1 else 'noises'}"
            axes.plot(x, mean[order], "k.-", lw=1.5, label=label if i == 0 else None)
            if np.isfinite(low).all():
                axes.fill_between(x, low[order], high[order], color="k", alpha=0.15, lw=0)
            axes.axhline(float(np.mean([c.unchanged.mean() for c in curves])), ls=":", color="k")
            if logarithmic:
                axes.set_xscale("log", base=2)
                axes.set_xticks(x, [f"{level:g}" for level in x])
                axes.minorticks_off()
            if reverse:
                axes.invert_xaxis()
            axes.set_title(plain(name))
            axes.set_xlabel(axis)
            if i == 0:
                axes.legend(fontsize=6)
        save_figure(figure, path)
