"""Scores taken apart: by the classes of the test segments, and by the parts of a mean."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.section import Section
from a2ibench.reporting.cells import Count, Label, Range, heading
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import Report
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs, JobState
from a2ibench.types import Pairs

RANGE = "( ): the lowest and the highest seed. It is no interval, and nothing was tested."


class ByClass(Section):
    """Tables by class and by part."""

    name, title, place = "by_class", "By class and factor", 60

    def collect(self, study: StudyView) -> dict[str, object] | None:
        test = None if study.asked is None else study.asked.exam.test
        tables = [] if test is None else class_tables(test, study.report, study.rows)
        tables += _tables("part", study.report, study.rows, _by_part)
        return {"tables": tables} if tables else None


def class_tables(test: Pairs, made: Report, rows: Jobs) -> list[Table]:
    """Return a table for each metric with a score per segment: one row per class, one column per
    method."""
    label = test.label
    there = {name: label == c for c, name in enumerate(test.classes) if (label == c).any()}
    counts = {
        name: Count(int(np.count_nonzero(own)), len(np.unique(test.source[own])))
        for name, own in there.items()
    }

    def by_class(ran: JobState, metric: str) -> dict[str, float] | None:
        scores = ran.segments(metric)
        if scores is None or len(scores) != len(label):
            return None
        return {name: _mean(scores[own]) for name, own in there.items()}

    return _tables("class", made, rows, by_class, counts)


def _by_part(ran: JobState, metric: str) -> dict[str, float] | None:
    """Return the parts that a job's score is the mean of."""
    score = None if ran.result is None else ran.result.metrics.get(metric)
    return None if score is None else score.parts


def _tables(
    what: str,
    made: Report,
    rows: Jobs,
    take: Callable[[JobState, str], Mapping[str, float] | None],
    counts: Mapping[str, Count] | None = None,
) -> list[Table]:
    """Return a table for each metric of which ``take`` finds something."""
    tables = []
    for metric in made.usable:
        columns: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
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
        if not columns:
            continue
        lines = [
            (
                Label(name),
                *([] if counts is None else [counts[name]]),
                *(Range(one.get(name, np.zeros(0)), metric.percent) for one in columns.values()),
            )
            for name in dict.fromkeys(name for column in columns.values() for name in column)
        ]
        headings = (
            Column.text(what),
            *([] if counts is None else [Column("n", {"n": "n", "clips": "clips"})]),
            *(Column(label, {label: "value"}, method=True) for label in columns),
        )
        title = f"{heading(metric)} by {what} ({made.about})"
        name = f"{what}_{metric.name}"
        tables.append(Table(name, title, headings, (tuple(lines),), (RANGE,)))
    return tables


def _mean(values: npt.NDArray[np.float64]) -> float:
    """Average the segments that the metric does not leave out; NaN where it leaves out all."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
