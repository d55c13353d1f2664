"""Rows against rows: paired differences by metric, those that are tested, and their verdicts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.statistics import Paired, difference
from a2ibench.evaluation.verdict import UNTESTED, Verdict, holm, judge, spending
from a2ibench.results.rows import RowScores
from a2ibench.study.looks import Standing
from a2ibench.study.primary import usual_contrasts

Pairs = Sequence[tuple[RowScores, RowScores]]
"""A base, and what is compared with it."""


@dataclass(frozen=True)
class PairedTest:
    """The difference of a row to its base by a metric, and what its test says of the row.

    Attributes:
        change: the difference; None where the two have no score in common.
        p: corrected for all tests that were made together, and for looks; None without a test.
    """

    row: RowScores
    base: RowScores
    metric: Metric
    change: Paired | None
    p: float | None = None
    verdict: Verdict = "exploratory"

    @property
    def tested(self) -> bool:
        """Whether it has a test, with whatever result."""
        return self.verdict not in (*UNTESTED, "–")

    def judged(self, p: float | None) -> "PairedTest":
        """Return the same with a corrected p and the verdict that follows from it."""
        verdict = judge(self.change, p, self.metric.higher_is_better)
        return replace(self, p=p, verdict=verdict)


def explore(pairs: Pairs, metrics: Sequence[Metric]) -> list[PairedTest]:
    """Take the differences of every pair by every metric, paired by block of test clips; none is
    tested."""
    found = []
    for left, right in pairs:
        base, row = _for_seeds_of(right, left), _for_seeds_of(left, right)
        for metric in metrics:
            a, b = row.scores.get(metric.name), base.scores.get(metric.name)
            change = None
            if a is not None and b is not None:
                change = difference(a, b, metric.higher_is_better)
            found.append(PairedTest(row, base, metric, change))
    return found


def confirm(
    tests: Sequence[PairedTest], primary: Collection[str], look: int | None = None
) -> list[PairedTest]:
    """Test the differences by primary metrics together; the others stay exploratory.

    Args:
        primary: names of metrics; those without a better end are not tested.
        look: number of the look, from 1, by which p is corrected too
            (:func:`~a2ibench.evaluation.verdict.spending`); None where looks are not counted.
    """
    share = 1.0 if look is None else spending(look)
    tested = [one.metric.name in primary and one.metric.directed for one in tests]
    chosen = list(compress(tests, tested))
    p = holm([None if one.change is None else one.change.p for one in chosen])
    corrected = iter(None if value is None else min(value / share, 1.0) for value in p)
    return [
        one.judged(next(corrected)) if now else one for one, now in zip(tests, tested, strict=True)
    ]


def primary_tests(
    rows: Sequence[RowScores], metrics: Sequence[Metric], now: Standing
) -> list[PairedTest]:
    """Test the primary questions of a study, contrast by contrast, as far as it has the rows and
    their metrics are usable; nothing as long as a job of these rows has not ended."""
    by_label = {row.label: row for row in rows}
    pairs = [
        (by_label[one.base], by_label[one.arm])
        for one in now.primary.contrasts
        if one.arm in by_label and one.base in by_label
    ]
    tests = explore(pairs, [one for one in metrics if one.name in now.primary.metrics])
    if now.missing:
        return [replace(one, verdict="not complete") for one in tests]
    return confirm(tests, now.primary.metrics, now.number)


def _for_seeds_of(row: RowScores, base: RowScores) -> RowScores:
    """Give a reference row that has one seed because nothing in it is random the seeds of a row."""
    if not is_constant(base):
        return base
    scores = {}
    for name, own in row.scores.items():
        if (there := base.scores.get(name)) is not None:
            scores[name] = replace(
                there,
                seeds=own.seeds,
                values=np.repeat(there.values[:1], len(own.seeds)),
                spread=None,
                blocks=np.repeat(there.blocks[:1], len(own.seeds), axis=0),
            )
    return replace(base, scores=scores)


def is_constant(row: RowScores) -> bool:
    """Return whether a row is of a reference in which nothing is random."""
    known = row.reference and row.model in registry.references.names()
    return known and not registry.references.get(row.model).random


def explore_study(
    rows: Sequence[RowScores],
    metrics: Sequence[Metric],
    tested: Collection[tuple[frozenset[str], str]] = (),
) -> dict[str, list[PairedTest]]:
    """Return the differences of each ablated arm to its full model, and of each full model to the
    last one, by name of the table; without those that are ``tested``: the labels, the metric."""
    by_label = {row.label: row for row in rows}
    found: dict[str, list[PairedTest]] = {"ablations": [], "methods": []}
    for one in usual_contrasts(rows):
        arm, base = by_label[one.arm], by_label[one.base]
        name = "methods" if arm.full is None else "ablations"
        both = frozenset((one.arm, one.base))
        rest = [metric for metric in metrics if (both, metric.name) not in tested]
        found[name] += explore([(base, arm)], rest)
    return {name: tests for name, tests in found.items() if tests}
