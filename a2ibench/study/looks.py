"""Looks at the primary questions of a study, from their declaration on."""

import time
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from a2ibench import registry
from a2ibench.errors import counted
from a2ibench.evaluation.verdict import spending
from a2ibench.results.declaration import record_looks, same_look
from a2ibench.results.job_state import JobState
from a2ibench.results.records import Look, PrimaryRecord
from a2ibench.results.rows import Row
from a2ibench.results.study import Study
from a2ibench.storage import content_key
from a2ibench.study.primary import Primary, usual_contrasts, usual_metrics

USUAL = (
    "one metric per table, each method against the last one, each ablation against its full model"
)
DIGITS = 12
"""Digits of a hash that are printed."""


@dataclass(frozen=True)
class Standing:
    """The primary questions of a study, and the look at them that its present results are.

    Attributes:
        primary: the questions.
        record: of their declaration; None in a study of a version that recorded none.
        earlier: questions that were changed when there were results already.
        look: what would be recorded of the present results.
        before: earlier looks that a result of the present one was part of.
        noted: whether the present look is recorded.
        missing: number of jobs of the rows compared that have not ended yet: no test is made.
    """

    primary: Primary = field(default_factory=Primary)
    record: PrimaryRecord | None = None
    earlier: tuple[PrimaryRecord, ...] = ()
    look: Look | None = None
    before: tuple[Look, ...] = ()
    noted: bool = False
    missing: int = 0

    @property
    def number(self) -> int:
        """The number of this look, from 1."""
        return len(self.before) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for captions: how the questions were declared, and what looks cost."""
        return (self._declaration, self._looks)

    @property
    def changes(self) -> tuple[str, ...]:
        """A line for each change of the questions after there were results."""
        declared = (*self.earlier, *([] if self.record is None else [self.record]))
        return tuple(
            f"Primary questions changed on {day(new.time)} after {counted(new.results, 'result')};"
            f" before: {', '.join(old.metrics) or 'no metric'}; "
            f"{', '.join(map(str, old.contrasts)) or 'no contrast'}."
            for old, new in pairwise(declared)
        )

    @property
    def _declaration(self) -> str:
        record = self.record
        if record is None:
            return f"Primary questions: not declared beforehand; the usual ones ({USUAL})."
        what = "as declared" if record.declared else f"the usual ones ({USUAL})"
        if self.primary.hash != record.hash:
            what += ", and changed by hand in study.json since"
        when = "before any result"
        if record.results:
            when = f"on {day(record.time)}, after {counted(record.results, 'result')}"
        return f"Primary questions: {what}, fixed {when} (sha256 {record.hash[:DIGITS]})."

    @property
    def _looks(self) -> str:
        which = "First look at these tests"
        if self.before:
            earlier = (f"{counted(one.seeds, 'seed')} on {day(one.time)}" for one in self.before)
            which = f"Look {self.number} at these tests, after {', '.join(earlier)}"
        return (
            f"{which}: p is × {1 / spending(self.number):.2f}, so that seeds may be added and"
            " looked at again (alpha spending, 6/(πk)² at look k)."
        )


def standing(study: Study) -> Standing:
    """Return the primary questions of a study and their looks; of an earlier version, the usual
    questions for what is there."""
    about = study.about
    known = [registry.metrics.get(name) for name in study.metrics if name in registry.metrics]
    record = about.primary
    if record is None:
        primary = Primary(usual_metrics(known), usual_contrasts(study.rows))
    else:
        primary = Primary(tuple(record.metrics), tuple(record.contrasts), record.declared)
    asked = {label for one in primary.contrasts for label in (one.arm, one.base)}
    rows = [row for row in study.rows if row.label in asked]
    methods = [row for row in rows if not row.reference]  # references are shared by all budgets
    jobs = sorted(job.key for row in methods for job in row.results)
    look = Look(
        time=time.time(),
        seeds=max((len(row.results) for row in methods), default=0),
        primary=primary.hash,
        jobs=jobs,
        scored=_scored(methods, primary.metrics),
    )
    recorded = list(about.looks)
    same = (i for i, one in enumerate(recorded) if same_look(one, look))
    place = next(same, len(recorded))
    return Standing(
        primary,
        record,
        tuple(about.earlier_primary),
        look,
        tuple(one for one in recorded[:place] if not set(one.jobs).isdisjoint(jobs)),
        place < len(recorded) and recorded[place].scored == look.scored,
        sum(_awaits(job, primary.metrics, about.kept) for row in rows for job in row.jobs),
    )


def _scored(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """Return a hash of the versions and judges of the scores that some metrics gave."""
    scores = (
        (name, score.version, score.judge_fingerprint)
        for row in rows
        for job in row.results
        for name in metrics
        if job.result is not None and (score := job.result.metrics.get(name)) is not None
    )
    return content_key(sorted(set(scores)))


def _awaits(job: JobState, metrics: Sequence[str], kept: Container[str]) -> bool:
    """Return whether a job has yet to be scored by some metrics."""
    if job.result is None:
        return job.failure is None
    return job.key not in kept and not set(metrics) <= job.result.metrics.keys()


def note_looks(folder: Path, tested: Iterable[Standing]) -> None:
    """Record looks at questions that were tested, in a study that records its questions."""
    looks = [now.look for now in tested if now.record is not None and now.look is not None]
    if looks:
        record_looks(folder, looks)


def day(seconds: float) -> str:
    """Return a date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
