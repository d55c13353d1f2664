"""The records of an exported file: what leaves a study's folder, and nothing else.

A key that no record names is refused. There is no picture in it, and no name of a file, person,
machine or clip: whatever could hold one is hashed, counted or left out.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

from a2ibench.config import MAX_SEEDS
from a2ibench.contracts.metric import OWN, Group
from a2ibench.printable import printable
from a2ibench.results.records import Count, Key, Options, ScoreValue, Seconds, WholeFile
from a2ibench.results.rows import Kind
from a2ibench.storage import content_key

FORMAT: Literal[1] = 1
"""Version of the file's layout."""
LARGEST = 1e100
"""Largest size of a score: sums of squares of larger ones have no number."""

Array = npt.NDArray[np.float64]


def _is_printable(text: str) -> str:
    if printable(text) != text:
        raise ValueError("expected printable characters")
    return text


def _is_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("expected one line without tabs")
    return _is_printable(text)


def _is_small(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError(f"expected a number of at most {LARGEST:g}")
    return value


def _is_packed(text: str) -> str:
    values = unpack(text)
    if (np.abs(values[np.isfinite(values)]) > LARGEST).any():
        raise ValueError(f"expected numbers of at most {LARGEST:g}")
    return text


Line = Annotated[str, StringConstraints(max_length=500), AfterValidator(_is_line)]
Name = Annotated[Line, StringConstraints(min_length=1)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[FiniteFloat, AfterValidator(_is_small)]
Packed = Annotated[str, AfterValidator(_is_packed)]
"""float64 values, little-endian, as base64; NaN where there is none."""


def pack(values: Array) -> str:
    """Write numbers as text, exactly."""
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def unpack(text: str) -> Array:
    """Read what :func:`pack` wrote; raise a ValueError where it is something else."""
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f8").astype(np.float64)
    except binascii.Error as error:
        raise ValueError(f"expected base64 ({error})") from None


class Entry(BaseModel):
    """The settings of every record."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PairsEntry(Entry):
    """Pairs that methods were trained and judged on."""

    names: Annotated[list[Name], Field(min_length=1)]
    """Names of the dataset."""
    classes: Count
    """Number of classes; 0 where it is not known."""
    image_size: Count
    """Side of the pictures in pixels; 0 where it is not known."""
    list_hash: Hash | None
    """Hash of the list of test segments (:attr:`~a2ibench.data.held_list.HeldList.hash`); None
    where the pairs were not at hand."""


class HealthEntry(Entry):
    """The mark of a judge; see :class:`~a2ibench.evaluation.judge_health.Health`."""

    what: Name
    value: Number
    low: Number | None
    chance: Number | None
    images: Count | None
    clips: Count | None
    percent: bool


class JudgeEntry(Entry):
    """A judge by its fingerprint."""

    name: Name
    held_out: HealthEntry | None
    """Its score on the clips that it held out when it was trained, where it was."""


class MetricEntry(Entry):
    """A metric in one version by one judge: what one column of scores is."""

    name: Name
    version: Count
    judge: Name
    judge_fingerprint: Name
    title: Name
    group: Group
    column: int
    percent: bool
    primary: bool
    higher_is_better: bool
    directed: bool = True
    refers_to_own_image: bool = False
    low: Number | None
    """Lowest possible value; None where there is none."""
    high: Number | None
    definition: Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_is_printable)]
    """Its documentation; empty where the version that was exported has none any more."""

    @property
    def id(self) -> str:
        """The key of its scores."""
        return metric_id(self.name, self.version, self.judge_fingerprint)


def metric_id(name: str, version: int, judge_fingerprint: str) -> str:
    """Return the key of the scores by a metric in one version by one judge."""
    return f"{name}_v{version} {judge_fingerprint}"


class ScoreEntry(ScoreValue):
    """A score of a job, with the jackknife pseudo-values of the blocks of test clips."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    value: Number | None
    spread: Number | None
    chance: Number | None = None
    undefined: Name | None = None
    blocks: Packed | None
    """None where there is no value."""
    pooled: bool = False
    """Whether it is of all images together, and not the mean of scores of single segments."""


class CostEntry(Entry):
    """The cost of a job; None for what does not apply."""

    preparation_seconds: Seconds | None
    training_seconds: Seconds | None
    evaluation_seconds: Seconds | None
    images_per_second: Annotated[FiniteFloat, Field(ge=0, le=LARGEST)] | None
    parameters: Count | None
    steps: Count | None


class JobEntry(Entry):
    """A job with its scores; ``key`` is its hash, as in the study's folder."""

    key: Key
    seed: Count
    source: Annotated[str, StringConstraints(max_length=64, pattern="^[0-9a-f]*$")]
    """Hash of the code of its method; of an outside system, of its images."""
    workers: Annotated[int, Field(ge=1)]
    a2ibench: Name
    """The version that made it."""
    hardware: Options
    cost: CostEntry
    strata: list[Count] | None
    """The stratum of each block; None in results of protocol 1."""
    scores: dict[str, ScoreEntry]
    """By the key of the metric."""

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        sizes = {len(unpack(one.blocks)) for one in self.scores.values() if one.blocks is not None}
        if self.strata is not None:
            sizes.add(len(self.strata))
            if max(self.strata, default=0) >= max(len(self.strata), 1):
                raise ValueError(f"strata: expected numbers below {len(self.strata)}")
        if len(sizes) > 1:
            raise ValueError(f"blocks: expected one number of them, got {sorted(sizes)}")
        for name, score in self.scores.items():
            if (score.value is None) != (score.blocks is None):
                raise ValueError(f"scores.{name}: expected blocks with a value, and none without")
        return self


class EncoderEntry(Entry):
    """The encoder that heard the sounds."""

    name: Name
    fingerprint: Name
    """Its identity in the hash of a job: weights, options, version and code."""
    config: Options


class RowEntry(Entry):
    """A method, reference row or outside system with its jobs, one for each seed."""

    label: Name
    kind: Kind
    model: Name
    change: Line
    """The difference from its full model, as printed; empty for a full model."""
    definition: str
    """Hash of all that makes its jobs, the seed apart; empty where it has no result."""
    config: Options
    protocol: Count
    pairs: Name
    """Content hash of the pairs."""
    encoder: EncoderEntry
    budget: Count | None
    """Training images; None for what is not trained here."""
    scale: Name
    asked: Annotated[int, Field(ge=1, le=MAX_SEEDS)]
    """Number of seeds that were asked for."""
    floor_of: list[Group]
    ceiling: bool
    jobs: list[JobEntry]

    @model_validator(mode="after")
    def _check_jobs(self) -> Self:
        seeds = [job.seed for job in self.jobs]
        if seeds != sorted(set(seeds)):
            raise ValueError(f"jobs: expected seeds in ascending order, each once, got {seeds}")
        if bool(self.jobs) != bool(self.definition):
            raise ValueError("definition: expected one with jobs, and none without")
        return self


def outside_definition(jobs: Iterable[str]) -> str:
    """Return what defines a row of an outside system, given the keys of its jobs: all that is known
    of it are the hashes of its images."""
    return content_key(sorted(jobs))


class Content(Entry):
    """All that is exported."""

    format: Literal[1]
    parts: list[Hash]
    """The hashes of the files that it was merged from; none in an export."""
    pairs: dict[Name, PairsEntry]
    """By content hash."""
    judges: dict[Name, JudgeEntry]
    """By fingerprint."""
    metrics: dict[str, MetricEntry]
    """By :attr:`MetricEntry.id`."""
    rows: list[RowEntry]

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        def check(what: str, names: Iterable[str], known: Iterable[str]) -> None:
            if lost := sorted({*names} - {*known}):
                raise ValueError(f"{what}: {lost[0]!r} is described nowhere")

        jobs = [job for row in self.rows for job in row.jobs]
        check("rows.pairs", (row.pairs for row in self.rows), self.pairs)
        check("rows.jobs.scores", (name for job in jobs for name in job.scores), self.metrics)
        judges = {one.judge_fingerprint for one in self.metrics.values()} - {OWN}
        check("metrics.judge_fingerprint", judges, self.judges)
        for name, metric in self.metrics.items():
            if metric.id != name:
                raise ValueError(f"metrics: {name!r} describes {metric.id!r}")
        return self


class SignedFile(WholeFile):
    """An exported file: its content, and the hash of that."""

    model_config = ConfigDict(extra="forbid")

    content: dict[str, Any]
    sha256: Hash
