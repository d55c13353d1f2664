"""The rows of a study: one arm, reference row or outside system each, with its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.contracts.reference import CEILING, Reference
from a2ibench.evaluation.judge_health import Health, held_out_health
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.results.job import Job
from a2ibench.results.job_state import JobState, is_current
from a2ibench.results.records import ArmRecord, Result, ScoreValue
from a2ibench.types import IntArray

EARLIER_BLOCKS = 20
"""Maximum number of blocks in protocol 1."""
MINUS = " − "
"""In the label of an arm: before each part that is off."""

Kind = Literal["model", "reference", "outside"]


@dataclass(frozen=True)
class RowScores:
    """The scores of a row, from which tables are made.

    Attributes:
        label: as printed.
        reference: whether it is a reference row.
        full: the label of the full model, for an ablation.
        asked: number of seeds that were asked for.
        scores: by metric name; a metric without a single result is missing.
        floor_of: groups of metrics of which this reference row is the floor.
        ceiling: whether it is the row of the real images themselves.
        judges: how the judges of its scores did on clips that they held out.
        model: the registered name of the model or reference; of an outside system, its name.
        undefined: metric name → why it has no value for the images of some seed.
    """

    label: str
    reference: bool
    full: str | None
    asked: int
    scores: Mapping[str, SeedScores]
    floor_of: frozenset[str] = field(default_factory=frozenset)
    ceiling: bool = False
    judges: tuple[Health, ...] = ()
    model: str = ""
    undefined: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Number of seeds that have a result."""
        return max((len(scores.seeds) for scores in self.scores.values()), default=0)

    def widest(self, metrics: Sequence[Metric]) -> SeedScores | None:
        """Return the scores by some metrics that rest on the most images; None without any."""
        found = [self.scores[one.name] for one in metrics if one.name in self.scores]
        return max(found, key=lambda scores: scores.n, default=None)

    def sd(self, metric: Metric) -> float | None:
        """Return the standard deviation over seeds; None with fewer than two."""
        scores = self.scores.get(metric.name)
        if scores is None or len(scores.seeds) < 2:
            return None
        return float(scores.values.std(ddof=1))


@dataclass(frozen=True)
class Row:
    """One arm, reference row or outside system with the jobs that compute it, seed by seed.

    ``arm`` is None for a reference row, an outside system, or a job by itself; ``budget``, the
    training images of each job, where its study has only one.
    """

    label: str
    jobs: tuple[JobState, ...]
    arm: ArmRecord | None = None
    budget: int | None = None

    @property
    def name(self) -> str:
        """Its label, with the budget where its study has several."""
        return name_of_row(self.label, self.budget)

    @cached_property
    def results(self) -> tuple[JobState, ...]:
        """The jobs that have a result, in ascending order of their seeds."""
        return tuple(sorted((j for j in self.jobs if j.result is not None), key=lambda j: j.seed))

    def read_again(self) -> "Row":
        """Return the same row, of which no file was read yet."""
        jobs = tuple(JobState(job.folder, job.number) for job in self.jobs)
        return Row(self.label, jobs, self.arm, self.budget)

    @property
    def damaged(self) -> list[str]:
        """A line for each result that is there and cannot be read."""
        return [f"job {job.key}: {job.damage}" for job in self.jobs if job.damage is not None]

    @cached_property
    def _known(self) -> Job | None:
        """The first of its jobs that a file describes."""
        return next((job.job for job in (*self.results, *self.jobs) if job.job is not None), None)

    @cached_property
    def kind(self) -> Kind:
        """Whether it is a trained model, a reference row, or an outside system."""
        if self.arm is not None:
            return "model"
        return "reference" if self._known is None else self._known.kind

    @cached_property
    def model(self) -> str:
        """The registered name of its model or reference; of an outside system, its name."""
        if self.arm is not None:
            return self.arm.model
        if self._known is not None:
            return self._known.method
        return {label_of_reference(n): n for n in registry.references.names()}.get(
            self.label, self.label
        )

    @property
    def change(self) -> str:
        """The difference from its full model, as printed; empty for a full model."""
        return "" if self.arm is None else self.arm.change

    @property
    def full(self) -> str | None:
        """The label of its full model; None of what is no ablation."""
        return self.model if self.change else None

    @property
    def reference(self) -> bool:
        """Whether it is a reference row."""
        return self.kind == "reference"

    @property
    def ablated(self) -> str | None:
        """The parts that are off or changed, as ``--ablate`` writes it; empty for none, None where
        ``study.json`` is of a version that did not keep it."""
        if self.arm is None or self.arm.ablated is not None:
            return "" if self.arm is None else self.arm.ablated
        return None if self.change else ""

    @property
    def metrics(self) -> set[str]:
        """Names of the metrics that have a score in every result."""
        scored = [
            {n for n in _result(job).metrics if _result(job).score(n)} for job in self.results
        ]
        return set.intersection(*scored) if scored else set()

    def scores(
        self, metrics: Sequence[str], judges: Mapping[str, str] | None = None
    ) -> "RowScores":
        """Return its scores over the seeds that have one.

        With ``judges``, judge → fingerprint, only scores of the present version of a metric by
        these judges count.
        """
        found = {}
        for name in metrics:
            jobs = [job for job in self.results if counts(_result(job), name, judges)]
            if jobs:
                lacking = len(self._reasons(name, judges)[0])
                found[name] = _over_seeds(jobs, name, lacking)
        return RowScores(
            self.label,
            self.reference,
            self.full,
            len(self.jobs),
            found,
            self.floor_of,
            self.is_ceiling,
            judges_of([_result(job) for job in self.results], metrics),
            self.model,
            self._undefined(metrics, judges),
        )

    def _undefined(
        self, metrics: Sequence[str], judges: Mapping[str, str] | None
    ) -> dict[str, str]:
        return {
            name: why_undefined(reasons, number)
            for name in metrics
            for reasons, number in [self._reasons(name, judges)]
            if reasons
        }

    def _reasons(self, metric: str, judges: Mapping[str, str] | None) -> tuple[list[str], int]:
        """Return why there is no score, for each seed without one, and how many seeds there are."""
        scores = [
            _result(job).metrics[metric]
            for job in self.results
            if metric in _result(job).metrics
            and (judges is None or is_current(_result(job), metric, judges))
        ]
        return [one.undefined for one in scores if one.undefined is not None], len(scores)

    @property
    def _reference(self) -> type[Reference] | None:
        if not self.reference or self.model not in registry.references.names():
            return None
        return registry.references.get(self.model)

    @property
    def floor_of(self) -> frozenset[str]:
        """Groups of metrics of which it is the floor, as a reference row."""
        return frozenset() if self._reference is None else frozenset(self._reference.floor_of)

    @property
    def is_ceiling(self) -> bool:
        """Whether it is the row of the real images themselves."""
        return self._reference is not None and self._reference.row == CEILING


def name_of_row(label: str, budget: int | None) -> str:
    """Return a row's label, with its budget where there is one to tell it by."""
    return label if budget is None else f"{label}, {budget:,} images"


def label_of_reference(name: str) -> str:
    """Return the label of a reference row, by its registered name."""
    return name.replace("_", " ")


def why_undefined(reasons: Sequence[str], seeds: int) -> str:
    """Return in words why a metric is undefined, given the reason of each seed that lacks it."""
    return reasons[0] + f" ({len(reasons)} of {seeds} seeds)" * (len(reasons) < seeds)


def counts(result: Result, metric: str, judges: Mapping[str, str] | None) -> bool:
    """Return whether a result has a score by a metric; see :meth:`Row.scores`."""
    return result.score(metric) is not None and (
        judges is None or is_current(result, metric, judges)
    )


def judges_of(results: Sequence[Result], metrics: Sequence[str]) -> tuple[Health, ...]:
    """Return how the judges of some results did on clips that they held out, each once."""
    found = dict.fromkeys(
        held_out_health(
            score.judge, score.judge_figures, len(result.spec.classes) if result.spec else 0
        )
        for result in results
        for name in metrics
        if (score := result.score(name)) is not None
    )
    return tuple(one for one in found if one is not None)


def _result(job: JobState) -> Result:
    assert job.result is not None
    return job.result


def _over_seeds(jobs: Sequence[JobState], metric: str, undefined: int) -> SeedScores:
    """Return one metric over jobs of several seeds that all have a score by it, beside others for
    which it is undefined."""
    return seed_scores(
        [job.seed for job in jobs],
        [_result(job).metrics[metric] for job in jobs],
        [job.blocks(metric) for job in jobs],
        jobs[0].strata,
        undefined,
        pooled=jobs[0].segments(metric) is None,
    )


def seed_scores(
    seeds: Sequence[int],
    scores: Sequence[ScoreValue],
    blocks: Sequence[npt.NDArray[np.float64]],
    strata: IntArray | None,
    undefined: int = 0,
    pooled: bool = False,
) -> SeedScores:
    """Return one metric over several seeds.

    Args:
        seeds: of the S jobs, ascending.
        scores: those of each, none of them without a value.
        blocks: float64 ``[B]`` for each, the pseudo-values as they are stored.
        strata: int64 ``[B]``; None in results of protocol 1.
        undefined: number of further seeds for which the metric is undefined.
        pooled: see :class:`SeedScores`.
    """
    spread = None
    if all(score.spread is not None for score in scores):
        spread = np.array([score.spread for score in scores], dtype=np.float64)
    values = np.array([score.value for score in scores], dtype=np.float64)
    pseudo, known = np.stack(blocks), None
    if strata is None:
        # Protocol 1: values with the jackknife's bias. The first results do not say how many clips
        # there are; each was then a block, as long as there were fewer than 20.
        pseudo = pseudo + (values - np.nanmean(pseudo, axis=1))[:, np.newaxis]
        known = pseudo.shape[1] if pseudo.shape[1] < EARLIER_BLOCKS else None
    return SeedScores(
        seeds=tuple(seeds),
        values=values,
        n=min(score.n for score in scores),
        spread=spread,
        blocks=pseudo,
        clips=known if scores[0].clips is None else scores[0].clips,
        chance=scores[0].chance,
        strata=strata,
        undefined=undefined,
        pooled=pooled,
    )
