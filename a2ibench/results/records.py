"""The files of a study's folder as typed records: read in one place, and believed only when whole.

Keys that a record does not name are kept. A record of a whole file also holds the plain values that
it was read from: what is written again stays as it was, down to a whole number where a fraction
could stand.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PrivateAttr,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypeAliasType

from a2ibench.config import MAX_SEEDS

LAST_SECOND = 2**33
"""Since 1970: beyond it a clock is wrong, and not every system can name the day."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=LAST_SECOND)]
Value = TypeAliasType(
    "Value", "bool | int | FiniteFloat | str | list[Value] | dict[str, Value] | None"
)
"""Whatever a plug-in's option can be, nested as it likes."""
Options = dict[str, Value]


def _is_name(text: str) -> str:
    if not text or text in (".", "..") or any(one in text for one in "/\\\0"):
        raise ValueError("expected the name of a folder")
    return text


def _has_steps(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    if not all("step" in row for row in rows):
        raise ValueError("expected a step in each row")
    return rows


Key = Annotated[str, AfterValidator(_is_name)]


Jobs = dict[str, Annotated[list[Key], Field(min_length=1, max_length=MAX_SEEDS)]]
"""Label of a row → the folders of its jobs, seed by seed."""
Budget = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,10}$")]
"""A number of training images, as the key of a mapping."""


class Record(BaseModel):
    """The settings of every record."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class WholeFile(Record):
    """All values of a file."""

    _plain: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """The values as they stand in the file."""
        return self._plain


class ArmRecord(Record):
    """An arm, in ``study.json``."""

    model: str
    change: str
    config: Options
    ablated: str | None = None


class Kept(Record):
    """A result of earlier code in the place of a job; see :mod:`a2ibench.study.earlier_results`."""

    place: str
    """Key of that job: where its code changes again, the user is asked again."""
    why: str
    """The difference to the present code."""


class PairCounts(Record):
    """Numbers of pairs that train the models and the judges."""

    models: Count
    judges: Count


class Contrast(Record):
    """Two rows by their labels: is ``arm`` better than ``base``?"""

    arm: str
    base: str

    def __str__(self) -> str:
        return f"{self.arm} vs {self.base}"


class PrimaryRecord(Record):
    """The primary questions of a study, metrics × contrasts; see :mod:`a2ibench.study.primary`."""

    metrics: list[str]
    contrasts: list[Contrast]
    declared: bool
    """Whether the user named any of them; else they are the usual ones."""
    hash: str
    time: Seconds
    """When they were declared, since 1970."""
    results: Count
    """Number of results of methods that the study had then."""


class Look(Record):
    """A command that tested the primary questions when all their jobs had ended."""

    time: Seconds
    seeds: Count
    """Largest number of seeds of a row that was compared."""
    primary: str
    """Hash of the questions."""
    jobs: list[Key]
    """The jobs whose results were tested, sorted."""
    scored: str = ""
    """Hash of the versions of the metrics, and of the judges, by which these jobs were scored;
    empty where an earlier version of a2ibench did not record it."""


class StudyRecord(WholeFile):
    """``study.json``."""

    models: list[str]
    metrics: list[str]
    jobs: Jobs
    dataset: str
    content_hash: str
    encoder: str
    scale: str
    images: Count
    """The largest budget, whose jobs ``jobs`` names, beside those that have none."""
    seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS)]
    smaller: dict[Budget, Jobs] = {}
    """The arms' jobs with smaller budgets."""
    id: str = ""
    check: Options = {}
    ablate: list[str] = []
    dataset_config: Options = {}
    arms: dict[str, ArmRecord] | None = None
    kept: dict[Key, Kept] = {}
    pairs: PairCounts | None = None
    primary: PrimaryRecord | None = None
    earlier_primary: list[PrimaryRecord] = []
    """Questions that were changed when there were results already, oldest first."""
    looks: list[Look] = []

    @model_validator(mode="after")
    def _are_smaller(self) -> Self:
        if any(int(budget) >= self.images for budget in self.smaller):
            raise ValueError(f"smaller: expected budgets below {self.images}")
        return self


class JobRecord(Record):
    """The job of a result; see :class:`a2ibench.results.job.Job`."""

    kind: Literal["model", "reference", "outside"]
    method: str
    config: Options
    source: str
    store: str
    encoder: str
    seed: Count
    images: Count
    workers: Annotated[int, Field(ge=1)] = 1
    protocol: Count = 1


class EncoderRecord(Record):
    """The encoder that heard the sounds."""

    name: str
    config: Options
    fingerprint: str | None = None


class ScoreValue(Record):
    """The value of a metric and what it rests on.

    There is no value where the metric does not apply to the method, or is ``undefined``.
    """

    value: FiniteFloat | None
    n: Count
    spread: FiniteFloat | None
    clips: Count | None = None
    chance: FiniteFloat | None = None
    undefined: str | None = None


class ScoreRecord(ScoreValue):
    """A metric of a job, with its judge."""

    version: int
    judge: str
    judge_fingerprint: str
    judge_figures: dict[str, FiniteFloat] = {}
    judge_files: dict[str, str] = {}
    """The sha256 of each file of the user's that the judge was made from."""
    parts: dict[str, FiniteFloat] = {}


class SpecRecord(Record):
    """The sizes that a model was made for."""

    image_size: Annotated[int, Field(ge=1, le=2**14)]
    acoustic_dim: Annotated[int, Field(ge=1, le=2**24)]
    classes: list[str]


class FrozenRecord(Record):
    """A part of a method that was frozen; see :class:`a2ibench.contracts.model.FrozenPart`."""

    name: str
    images: Count | None
    of_budget: bool
    files: dict[str, str] = {}


class HandedIn(Record):
    """The origin of the images of an outside system."""

    folder: str
    notes: list[str]


class Result(WholeFile):
    """``result.json``."""

    format: int
    protocol: Count
    key: str
    job: JobRecord
    encoder: EncoderRecord
    dataset: str
    version: str
    metrics: dict[str, ScoreRecord]
    spec: SpecRecord | None = None
    segment_seconds: Annotated[FiniteFloat, Field(gt=0)] | None = None
    sources: dict[str, str] | None = None
    files: dict[Key, str] = {}
    checksum: str | None = None
    evaluation_seconds: Seconds | None = None
    preparation_seconds: Seconds | None = None
    preparation_images: Count | None = None
    """Training images, repeated ones counted, that the method's own pretraining read."""
    frozen: list[FrozenRecord] = []
    training_seconds: Seconds | None = None
    images_per_second: Annotated[FiniteFloat, Field(ge=0)] | None = None
    parameters: Count | None = None
    steps: Count | None = None
    weights: str | None = None
    hardware: Options = {}
    notes: list[str] = []
    curve: Annotated[list[dict[str, FiniteFloat]], AfterValidator(_has_steps)] = []
    outside: HandedIn | None = None

    def score(self, metric: str) -> ScoreRecord | None:
        """Return the score by a metric; None where there is none, or none with a value."""
        found = self.metrics.get(metric)
        return found if found is not None and found.value is not None else None

    @property
    def frozen_images(self) -> int | None:
        """Images of the budget by which a part that is frozen since was trained."""
        return self._seen(of_budget=True)

    @property
    def outside_images(self) -> int | None:
        """Images in addition to the budget by which a frozen part was trained, where known."""
        return self._seen(of_budget=False)

    def _seen(self, of_budget: bool) -> int | None:
        seen = [one.images for one in self.frozen if one.of_budget == of_budget]
        known = [images for images in seen if images is not None]
        return sum(known) if known and len(known) == len(seen) else None

    @property
    def seconds(self) -> float:
        """The time that its job took."""
        return float(sum(getattr(self, part) or 0.0 for part in SPENT))


SPENT = ("preparation_seconds", "training_seconds", "evaluation_seconds")
"""The parts of the time that a job took."""


class Format(Record):
    """The part of a result that is the same in every format."""

    format: int


class Failure(Record):
    """``failure.json``."""

    reason: str
    trace: str | None


class Origin(Record):
    """``outside.json``: a job of an outside system, and where its images came from."""

    job: JobRecord
    folder: str
    mapping: str | None
    notes: list[str]


Sample = dict[str, FiniteFloat]
"""One sample of the machine while a trial trains: a row of ``system.json``."""
