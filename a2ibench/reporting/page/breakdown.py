"""Scores taken apart: by the classes of the test segments, and by what a score is the mean of."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import Metric
from a2ibench.reporting.cells import heading, with_clips
from a2ibench.reporting.render import Table
from a2ibench.reporting.report import Report
from a2ibench.results.job_state import Jobs, JobState
from a2ibench.types import Pairs

RANGE = "( ): the lowest and the highest seed. It is no interval, and nothing was tested."

Array = npt.NDArray[np.float64]


def class_tables(test: Pairs, made: Report, rows: Jobs) -> list[Table]:
    """A table for each metric with a score per segment: one row per class, one column per
    method."""
    label = test.label
    there = {name: label == c for c, name in enumerate(test.classes) if (label == c).any()}
    counts = {
        name: with_clips(int(np.count_nonzero(own)), len(np.unique(test.source[own])))
        for name, own in there.items()
    }

    def by_class(ran: JobState, metric: str) -> dict[str, float] | None:
        scores = ran.segments(metric)
        if scores is None or len(scores) != len(label):
            return None
        return {name: _mean(scores[own]) for name, own in there.items()}

    return _tables("class", made, rows, by_class, counts)


def factor_tables(made: Report, rows: Jobs) -> list[Table]:
    """A table for each metric whose score has parts: one row per part, one column per method."""

    def by_part(ran: JobState, metric: str) -> dict[str, float] | None:
        score = None if ran.result is None else ran.result.metrics.get(metric)
        return None if score is None else score.parts

    return _tables("part", made, rows, by_part)


def _tables(
    what: str,
    made: Report,
    rows: Jobs,
    take: Callable[[JobState, str], Mapping[str, float] | None],
    counts: Mapping[str, str] | None = None,
) -> list[Table]:
    """A table for each metric of which ``take`` finds something."""
    tables = []
    for metric in made.usable:
        columns: dict[str, dict[str, Array]] = {}
        for method in made.methods:
            scores = method.scores.get(metric.name)
            seeds = [
                found
                for ran in rows[method.label]
                if scores is not None and ran.seed in scores.seeds
                if (found := take(ran, metric.name))
            ]
            if seeds:
                columns[method.label] = {
                    name: np.array([one[name] for one in seeds if name in one]) for name in seeds[0]
                }
        if columns:
            tables.append(_breakdown(what, metric, columns, counts, made.about))
    return tables


def _breakdown(
    what: str,
    metric: Metric,
    columns: Mapping[str, Mapping[str, Array]],
    counts: Mapping[str, str] | None,
    about: str,
) -> Table:
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows = [
        (
            name,
            *([] if counts is None else [counts[name]]),
            *(_range(column.get(name), metric) for column in columns.values()),
        )
        for name in names
    ]
    return Table(
        name=f"{what}_{metric.name}",
        title=f"{heading(metric)} by {what} ({about})",
        heading=(what, *([] if counts is None else ["n"]), *columns),
        sections=(tuple(rows),),
        notes=(RANGE,),
        numbers=tuple(
            {what: name, **{label: _level(column.get(name)) for label, column in columns.items()}}
            for name in names
        ),
    )


def _range(seeds: Array | None, metric: Metric) -> str:
    """``83.9 (81.0–86.0)``."""
    level = _level(seeds)
    if seeds is None or level is None:
        return "–"
    scale, digits = (100, 1) if metric.percent else (1, 2)
    text = f"{scale * level:.{digits}f}"
    if len(seeds) > 1:
        text += f" ({scale * seeds.min():.{digits}f} to {scale * seeds.max():.{digits}f})"
    return text


def _level(seeds: Array | None) -> float | None:
    return None if seeds is None or not np.isfinite(seeds).all() else float(seeds.mean())


def _mean(values: Array) -> float:
    """Over the segments that the metric does not leave out; NaN where it leaves out all."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
