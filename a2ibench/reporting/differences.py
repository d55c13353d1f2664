"""Rows against rows: paired differences with their tests, and Tables III and IV of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.statistics import Paired, difference
from a2ibench.evaluation.verdict import CORRECTION, Verdict, holm, judge
from a2ibench.reporting.cells import Cell, Count, Difference, Effect, Label, P, full_name, heading
from a2ibench.reporting.score_tables import INTERVAL, health_notes, protocols, score_cell, why_none
from a2ibench.reporting.table import Column, Table
from a2ibench.results.rows import RowScores

EFFECT = (
    "Effect: the difference in standard deviations of the seeds (pooled over both sides; from three"
    " seeds on), and the share of test blocks on which the method is better (ties count half; 50 %"
    " is no preference)."
)

DIFFERENCES = ("ablations", "methods")
"""The names of the tables of differences in a study."""


@dataclass(frozen=True)
class PairedTest:
    """The difference of a row to its base by a metric, and what its test says of the row.

    Attributes:
        change: the difference; None where the two have no score in common.
        p: corrected for all tests that were made together; None without a test.
    """

    row: RowScores
    base: RowScores
    metric: Metric
    change: Paired | None
    p: float | None
    verdict: Verdict

    @property
    def difference(self) -> Difference:
        """The cell of a table."""
        one = self.change
        if one is None:
            return Difference(None)
        return Difference(
            one.value, self.metric.percent, low=one.low, high=one.high, reason=one.reason
        )

    @property
    def printed_p(self) -> P:
        """The cell of a table."""
        return P(self.p, None if self.change is None else self.change.p)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """A line of a table."""
        scores, change = self.row.scores.get(self.metric.name), self.change
        seeds = 0 if change is None else change.seeds
        count = Count(seeds=0) if scores is None else Count(scores.n, scores.clips, seeds)
        means = [
            replace(score_cell(row, self.metric), low=None, high=None)
            for row in (self.base, self.row)
        ]
        return (
            Label(self.row.label),
            Label(self.base.label),
            Label(heading(self.metric)),
            count,
            Label(full_name(self.metric)),
            *means,
            self.difference,
            self.printed_p,
            Effect(None, None) if change is None else Effect(change.effect, change.favours),
            Label(self.verdict, self.verdict if self.verdict in ("better", "worse") else ""),
            self.difference,
        )


@dataclass(frozen=True)
class Family:
    """Rows against their bases, whose tests are one family for Holm's correction.

    Attributes:
        name: of the table's files.
        headings: what is above the scores of the base and of the row.
        pairs: a base, and what is compared with it.
        health: how the judges of the metrics did, the real images included, which need not be
            among what is compared.
        notes: more lines for the caption.
    """

    name: str
    title: str
    headings: tuple[str, str]
    pairs: Sequence[tuple[RowScores, RowScores]]
    metrics: Sequence[Metric]
    health: Sequence[Health] = ()
    notes: Sequence[str] = ()

    @cached_property
    def tests(self) -> list[PairedTest]:
        """A test of every pair by every metric, paired by seed and block of test clips."""
        found = [(base, row, metric) for base, row in self.pairs for metric in self.metrics]
        changes = [
            None if a is None or b is None else difference(a, b, metric.higher_is_better)
            for base, row, metric in found
            for a, b in [(row.scores.get(metric.name), base.scores.get(metric.name))]
        ]
        corrected = holm([None if change is None else change.p for change in changes])
        return [
            PairedTest(row, base, metric, change, p, judge(change, p, metric.higher_is_better))
            for (base, row, metric), change, p in zip(found, changes, corrected, strict=True)
        ]

    @cached_property
    def table(self) -> Table:
        """The differences with their tests, a section for each pair."""
        count = sum(one.p is not None for one in self.tests)
        base, row = self.headings
        pairs = groupby(self.tests, key=lambda one: (one.row.label, one.base.label))
        return Table(
            name=self.name,
            title=self.title,
            columns=(
                Column("method", {"method": "text"}),
                Column(fields={"base": "text"}),
                Column("metric"),
                Column("seeds × n", {"seeds": "seeds", "n": "n", "clips": "clips"}),
                Column(fields={"metric": "text"}),
                Column(base, {"base value": "value"}),
                Column(row, {"value": "value"}),
                Column("difference", {"difference": "value", "low": "low", "high": "high"}),
                Column(f"p ({count} tests)", {"p": "value", "p holm": "corrected"}),
                Column("effect", {"effect sd": "sd", "blocks better": "blocks"}),
                Column("verdict", {"verdict": "text"}),
                Column(fields={"reason": "reason"}),
            ),
            sections=tuple(tuple(one.cells for one in section) for _, section in pairs),
            notes=(
                *self.notes,
                INTERVAL,
                *why_none("difference", (one.difference.reason for one in self.tests)),
                CORRECTION,
                EFFECT,
                *health_notes(self.metrics, self.health),
                protocols(self.metrics),
            ),
            keys=2,
        )


def families(
    rows: Sequence[RowScores],
    metrics: Sequence[Metric],
    about: str = "",
    health: Sequence[Health] = (),
    notes: Sequence[str] = (),
) -> tuple[Family, ...]:
    """Return what a study compares: each ablated arm with its full model (Table III), and each full
    model with the last one (Table IV); those without a pair, or a metric, are left out."""
    by_label = {row.label: row for row in rows}
    ablated = [(by_label[row.full], row) for row in rows if row.full is not None]
    full = [row for row in rows if row.full is None and not row.reference]
    base = full[-1].label if full else ""
    made = [
        ("Table III. Ablations: difference to the full model", ("full", "ablated"), ablated),
        (
            f"Table IV. Methods: difference to {base}",
            (base, "method"),
            [(full[-1], row) for row in full[:-1]],
        ),
    ]
    return tuple(
        Family(name, f"{title} ({about})", headings, pairs, metrics, health, notes)
        for name, (title, headings, pairs) in zip(DIFFERENCES, made, strict=True)
        if pairs and metrics
    )
