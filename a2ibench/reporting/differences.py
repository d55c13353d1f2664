"""Tables of differences, tested or exploratory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from a2ibench.errors import counted
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.verdict import CORRECTION
from a2ibench.reporting.cells import Cell, Count, Difference, Effect, Label, P, full_name, heading
from a2ibench.reporting.score_tables import INTERVAL, health_notes, protocols, score_cell, why_none
from a2ibench.reporting.table import Column, Table
from a2ibench.study.paired_tests import PairedTest, is_constant

EFFECT = (
    "Effect: the difference in standard deviations of the seeds (pooled over both sides; from three"
    " seeds on), and, of a mean over segments, the share of test blocks on which the method is"
    " better (ties count half; 50 % is no preference)."
)
EXPLORATORY = (
    "Exploratory: no primary question of the study. Intervals are not corrected for their number,"
    " and there is no verdict: of 100 such intervals about 5 miss the truth."
)
CONSTANT = (
    "A reference row without chance is the same for every seed; it is compared with each seed of"
    " the method."
)

DIFFERENCES = ("primary", "ablations", "methods")
"""The names of the tables of differences in a study."""


@dataclass(frozen=True)
class Differences:
    """Differences of rows to their bases, tested or exploratory.

    Attributes:
        name: of the table's files.
        headings: what is above the scores of the base and of the row.
        tests: pair by pair.
        health: how the judges of the metrics did, the real images included, which need not be
            among what is compared.
        notes: more lines for the caption.
        keys: what is above the label of the row, and above that of the base where it is printed.
        family: number of tests that p is corrected for; None for those of this table.
    """

    name: str
    title: str
    headings: tuple[str, str]
    tests: Sequence[PairedTest]
    health: Sequence[Health] = ()
    notes: Sequence[str] = ()
    keys: tuple[str, ...] = ("method",)
    family: int | None = None

    @cached_property
    def table(self) -> Table:
        """The differences, a section for each pair; p and verdict where any is tested."""
        metrics = list(dict.fromkeys(one.metric for one in self.tests))
        explored = [one for one in self.tests if one.verdict == "exploratory"]
        tested = len(explored) < len(self.tests)
        count = self.family or count_tests(self.tests)
        base, row = self.headings
        pairs = groupby(self.tests, key=lambda one: (one.row.label, one.base.label))
        return Table(
            name=self.name,
            title=self.title,
            columns=(
                Column(self.keys[0], {"method": "text"}),
                Column("".join(self.keys[1:]), {"base": "text"}),
                Column("metric"),
                Column("seeds × n", {"seeds": "seeds", "n": "n", "clips": "clips"}),
                Column(fields={"metric": "text"}),
                Column(base, {"base value": "value"}),
                Column(row, {"value": "value"}),
                Column("difference", {"difference": "value", "low": "low", "high": "high"}),
                Column(
                    f"p ({counted(count, 'test')})" * tested, {"p": "value", "p holm": "corrected"}
                ),
                Column("effect", {"effect sd": "sd", "blocks better": "blocks"}),
                Column("verdict" * tested, {"verdict": "text"}),
                Column(fields={"reason": "reason"}),
            ),
            sections=tuple(tuple(map(_cells, section)) for _, section in pairs),
            notes=(
                *([EXPLORATORY] if explored else []),
                *self.notes,
                *([CONSTANT] if any(is_constant(one.base) for one in self.tests) else []),
                INTERVAL,
                *why_none("difference", (difference_cell(one).reason for one in self.tests)),
                *([CORRECTION] if tested else []),
                EFFECT,
                *health_notes(metrics, self.health),
                protocols(metrics),
            ),
            keys=len(self.keys) + 1,
        )


def count_tests(tests: Sequence[PairedTest]) -> int:
    """Return the number of tests that were made together."""
    return sum(one.tested for one in tests)


def difference_cell(test: PairedTest) -> Difference:
    """Return the cell of a difference, whose interval has a reason where it has no ends."""
    if (one := test.change) is None:
        return Difference(None)
    percent = test.metric.percent
    return Difference(one.value, percent, low=one.low, high=one.high, reason=one.reason)


def p_cell(test: PairedTest) -> P:
    """Return the cell of a corrected p, and the p of the test alone."""
    return P(test.p, None if test.change is None else test.change.p)


def _cells(test: PairedTest) -> tuple[Cell, ...]:
    scores, change, metric = test.row.scores.get(test.metric.name), test.change, test.metric
    seeds = 0 if change is None else change.seeds
    count = Count(seeds=0) if scores is None else Count(scores.n, scores.clips, seeds)
    means = [replace(score_cell(row, metric), low=None, high=None) for row in (test.base, test.row)]
    return (
        Label(test.row.label, "method"),
        Label(test.base.label, "method"),
        Label(heading(metric)),
        count,
        Label(full_name(metric)),
        *means,
        difference_cell(test),
        p_cell(test),
        Effect(None, None)
        if change is None
        else Effect(change.effect, change.favours if metric.directed else None),
        Label(test.verdict, test.verdict if test.verdict in ("better", "worse") else ""),
        difference_cell(test),
    )
