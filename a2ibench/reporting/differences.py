"""Tables III and IV: paired differences with tests, ablations and methods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.health import Health
from a2ibench.evaluation.statistics import Paired, difference
from a2ibench.evaluation.verdict import CORRECTION, Verdict, holm, judge
from a2ibench.reporting.cells import (
    Cell,
    Count,
    Difference,
    Effect,
    Label,
    Mean,
    P,
    full_name,
    heading,
)
from a2ibench.reporting.health import health_notes
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.tables import INTERVAL, protocols, score_cell, why_none
from a2ibench.results.rows import RowScores

EFFECT = (
    "Effect: the difference in standard deviations of the seeds (pooled over both sides; from three"
    " seeds on), and the share of test blocks on which the method is better (ties count half; 50 %"
    " is no preference)."
)

DIFFERENCES = ("ablations", "methods")
"""The names of the tables of differences in a study."""

Pair = tuple[RowScores, RowScores]
"""A base, and what is compared with it."""


@dataclass(frozen=True)
class PairedTest:
    """One difference of a row to its base, and what its test says.

    Attributes:
        row: what is compared.
        base: with this.
        metric: by this.
        change: the difference; None where the two have no score in common.
        p: corrected for all tests that were made together; None without a test.
        verdict: on the row.
    """

    row: RowScores
    base: RowScores
    metric: Metric
    change: Paired | None
    p: float | None
    verdict: Verdict

    @property
    def difference(self) -> Difference:
        """For a table."""
        if self.change is None:
            return Difference(None)
        one = self.change
        return Difference(
            one.value, self.metric.percent, low=one.low, high=one.high, reason=one.reason
        )

    @property
    def printed_p(self) -> P:
        """For a table."""
        return P(self.p, None if self.change is None else self.change.p)


def run_tests(pairs: Sequence[Pair], metrics: Sequence[Metric]) -> list[PairedTest]:
    """Test every pair by every metric, paired by seed and block of test clips.

    All of these tests are one family for Holm's correction.
    """
    found = [(base, row, metric) for base, row in pairs for metric in metrics]
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


def ablation_pairs(rows: Sequence[RowScores]) -> list[Pair]:
    """Each ablated arm with its full model."""
    by_label = {row.label: row for row in rows}
    return [(by_label[row.full], row) for row in rows if row.full is not None]


def method_pairs(rows: Sequence[RowScores]) -> list[Pair]:
    """Each full model with the last one."""
    full = [row for row in rows if row.full is None and not row.reference]
    return [(full[-1], row) for row in full[:-1]]


def ablation_table(
    tests: Sequence[PairedTest], about: str, notes: Sequence[str], health: Sequence[Health]
) -> Table | None:
    """Table III; see :func:`difference_table`."""
    title = f"Table III. Ablations: difference to the full model ({about})"
    return difference_table("ablations", title, ("full", "ablated"), tests, notes, health)


def method_table(
    tests: Sequence[PairedTest], about: str, notes: Sequence[str], health: Sequence[Health]
) -> Table | None:
    """Table IV; see :func:`difference_table`."""
    base = tests[0].base.label if tests else ""
    title = f"Table IV. Methods: difference to {base} ({about})"
    return difference_table("methods", title, (base, "method"), tests, notes, health)


def difference_table(
    name: str,
    title: str,
    headings: tuple[str, str],
    tests: Sequence[PairedTest],
    notes: Sequence[str],
    health: Sequence[Health],
) -> Table | None:
    """Differences with their tests; None without any.

    Args:
        name: of the table's files.
        title: of the table.
        headings: what is above the scores of the base and of the row.
        tests: all of one family.
        notes: more lines for the caption.
        health: how the judges of the metrics did, the real images included, which are not among
            what is compared.
    """
    if not tests:
        return None
    metrics = list(dict.fromkeys(one.metric for one in tests))
    count = sum(one.p is not None for one in tests)
    reasons = [None if one.change is None else one.change.reason for one in tests]
    base, row = headings
    pairs = groupby(tests, key=lambda one: (one.row.label, one.base.label))
    return Table(
        name=name,
        title=title,
        columns=(
            Column("method", {"method": "text"}),
            Column(fields={"base": "text"}),
            Column("metric"),
            Column("seeds × n", {"seeds": "seeds", "n": "n", "clips": "clips"}),
            Column(fields={"metric": "text"}),
            Column(base, {"base value": "value"}),
            Column(row, {"value": "value"}),
            Column("difference", {"difference": "value", "low": "low", "high": "high"}
            ),
            Column(f"p ({count} tests)", {"p": "value", "p holm": "corrected"}),
            Column("effect", {"effect sd": "sd", "blocks better": "blocks"}),
            Column("verdict", {"verdict": "text"}),
            Column(fields={"reason": "reason"}),
        ),
        sections=tuple(tuple(map(_row, section)) for _, section in pairs),
        notes=(
            *notes, INTERVAL, *why_none("difference", reasons), CORRECTION, EFFECT,
            *health_notes(metrics, health), protocols(metrics),
        ),
        keys=2,
    )  # fmt: skip


def _row(one: PairedTest) -> tuple[Cell, ...]:
    scores, change = one.row.scores.get(one.metric.name), one.change
    seeds = 0 if change is None else change.seeds
    count = Count(seeds=0) if scores is None else Count(scores.n, scores.clips, seeds)
    return (
        Label(one.row.label),
        Label(one.base.label),
        Label(heading(one.metric)),
        count,
        Label(full_name(one.metric)),
        _mean(one.base, one.metric),
        _mean(one.row, one.metric),
        one.difference,
        one.printed_p,
        Effect(None, None) if change is None else Effect(change.effect, change.favours),
        Label(one.verdict, one.verdict if one.verdict in ("better", "worse") else ""),
        one.difference,
    )


def _mean(row: RowScores, metric: Metric) -> Mean:
    return replace(score_cell(row, metric), low=None, high=None)
