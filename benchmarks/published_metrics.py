"""Print a study's metrics as rows, and beside them those that wait for a file of the user's.

    python benchmarks/published_metrics.py studies/papers --into docs/published.md

The tables of a study have a row for each method and stand apart by group. Here a definition stands
in one table with all its judges, as papers name it, and what no judge of this machine could measure
has a row too.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.errors import UserError
from a2ibench.reporting.cells import MISSING, Cell, Label, Mean, heading
from a2ibench.reporting.report import report
from a2ibench.reporting.score_tables import INTERVAL, health_notes, protocols, score_cell
from a2ibench.reporting.table import Column, Row, Table
from a2ibench.reporting.text_formats import to_markdown
from a2ibench.results.rows import RowScores
from a2ibench.results.study import Study, open_study
from a2ibench.storage import atomic_write

BEGIN, END = "<!-- published_metrics.py writes this table -->", "<!-- here the table ends -->"
ABSENT = "needs files"
ROUNDING = 1e-5
"""Below it a score is 0 but for rounding."""
UNLISTED = ("fid[judge=clip_b32]", "fid[judge=dinov2]", "kid[judge=dinov2]", "cmmd[judge=clip]")
"""Published metrics that have no short name."""


@dataclass(frozen=True)
class Score(Mean):
    """A score in three significant digits: distances of one table differ by powers of ten."""

    def _number(self, value: float) -> str:
        if abs(value) < ROUNDING:
            value = 0.0
        if self.percent:
            return f"{100 * value:.1f}"
        return np.format_float_positional(value, 3, fractional=False, trim="-")


def published(study: Study) -> Table:
    """Return a row for each metric of a study, and for each other one whose judge is not here."""
    made = report(study)
    scored = list(made.metrics)
    absent = [metric for metric in waiting() if metric.name not in study.metrics]
    order = list(dict.fromkeys(map(type, (*scored, *absent))))
    every = sorted((*absent, *scored), key=lambda metric: order.index(type(metric)))
    wait = {metric.judge for metric in absent}
    return Table(
        name="published",
        title=f"Metrics of a study ({made.about})",
        columns=(Column("metric"), *(Column(_heading(row)) for row in made.methods)),
        sections=tuple(
            tuple(
                _waiting_row(metric, made.methods)
                if metric in absent
                else _row(metric, made.methods, metric in made.usable)
                for metric in alike
            )
            for _, alike in groupby(every, key=type)
        ),
        notes=(
            *made.notes,
            INTERVAL,
            "°: no better than the row that is the floor of its group; –: no score, as of a metric"
            " that needs several pictures of one sound.",
            *[
                f"{ABSENT}: the judge reads files of yours, and they were not here"
                f" ({', '.join(sorted(wait))})."
            ]
            * bool(wait),
            *health_notes(scored, made.health),
            protocols(scored),
        ),
    )


def waiting() -> Iterator[Metric]:
    """Yield the listed metrics whose judge has no weights here, and those of :data:`UNLISTED`."""
    for name in (*registry.metrics.names(), *UNLISTED):
        metric = registry.metrics.get(name)
        if metric.judge != OWN and registry.judges.get(metric.judge).missing() is not None:
            yield metric


def _heading(row: RowScores) -> str:
    return f"{row.label} ({row.done} seed{'s' * (row.done != 1)})"


def _row(metric: Metric, rows: tuple[RowScores, ...], usable: bool) -> Row:
    cells = [score_cell(row, metric, rows) if usable else Mean(None, struck=True) for row in rows]
    return (_name(metric), *(Score(**vars(cell)) for cell in cells))


def _waiting_row(metric: Metric, rows: tuple[RowScores, ...]) -> Row:
    return (_name(metric), Label(ABSENT), *(Label(MISSING) for _ in rows[1:]))


def _name(metric: Metric) -> Cell:
    return Label(heading(metric).replace(metric.title, metric.name, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--into", type=Path, help="page whose table is to be replaced")
    told = parser.parse_args()
    text = to_markdown(published(open_study(told.study)))
    if told.into is None:
        print(text)
        return
    page = told.into.read_text(encoding="utf-8")
    marked = re.compile(f"(?<={re.escape(BEGIN)}\n\n).*?(?=\n{re.escape(END)})", re.DOTALL)
    if len(marked.findall(page)) != 1:
        raise UserError(f"{told.into}: expected one table between {BEGIN} and {END}")
    with atomic_write(told.into) as path:
        path.write_text(marked.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    main()
