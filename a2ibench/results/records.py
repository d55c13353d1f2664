"""The files of a study's folder as typed records: read in one place, and believed only when whole.

A record is a plain dictionary, as it stands in its JSON file, whose keys and types were checked.
Keys that a record does not name are kept.
"""

import functools
import json
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypeAliasType, TypedDict

from a2ibench.config import MOST_SEEDS
from a2ibench.printable import printable

R = TypeVar("R")

LARGEST = 2**26
"""Bytes of a file that is read at all; the largest that is written has less than a tenth."""
FEW = 300
"""Characters of a reason."""
LAST_SECOND = 2**33
"""Since 1970: beyond it a clock is wrong, and not every system can name the day."""

_record = with_config(ConfigDict(strict=True, extra="allow"))

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


@_record
class Arm(TypedDict):
    """An arm, in ``study.json``."""

    model: str
    change: str
    config: Options
    ablated: NotRequired[str]


@_record
class Kept(TypedDict):
    """A result of earlier code in the place of a job; see :mod:`a2ibench.study.earlier_code`."""

    place: str
    """Key of that job: where its code changes again, the user is asked again."""
    why: str
    """What is other than now."""


@_record
class PairCounts(TypedDict):
    """How many pairs train what."""

    models: Count
    judges: Count


@_record
class Study(TypedDict):
    """``study.json``."""

    models: list[str]
    metrics: list[str]
    jobs: dict[str, Annotated[list[Key], Field(min_length=1, max_length=MOST_SEEDS)]]
    dataset: str
    content_hash: str
    encoder: str
    scale: str
    images: Count
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)]
    id: NotRequired[str]
    check: NotRequired[Options]
    ablate: NotRequired[list[str]]
    dataset_config: NotRequired[Options]
    arms: NotRequired[dict[str, Arm]]
    kept: NotRequired[dict[Key, Kept]]
    pairs: NotRequired[PairCounts]


@_record
class Job(TypedDict):
    """What a result is the result of; see :class:`a2ibench.results.job.Job`."""

    kind: Literal["model", "reference", "outside"]
    method: str
    config: Options
    source: str
    store: str
    encoder: str
    seed: Count
    images: Count
    workers: NotRequired[Annotated[int, Field(ge=1)]]
    protocol: NotRequired[Count]


@_record
class Encoder(TypedDict):
    """What heard the sounds."""

    name: str
    config: Options
    fingerprint: NotRequired[str]


@_record
class Score(TypedDict):
    """A metric of a job; no value where it does not apply to the method."""

    value: FiniteFloat | None
    n: Count
    spread: FiniteFloat | None
    version: int
    judge: str
    judge_fingerprint: str
    judge_figures: NotRequired[dict[str, FiniteFloat]]
    parts: NotRequired[dict[str, FiniteFloat]]
    clips: NotRequired[Count]
    chance: NotRequired[FiniteFloat | None]


@_record
class Spec(TypedDict):
    """The sizes that a model was made for."""

    image_size: Annotated[int, Field(ge=1, le=2**14)]
    acoustic_dim: Annotated[int, Field(ge=1, le=2**24)]
    classes: list[str]


@_record
class Handed(TypedDict):
    """Where the images of an outside system came from."""

    folder: str
    notes: list[str]


@_record
class Result(TypedDict):
    """``result.json``."""

    format: int
    protocol: Count
    key: str
    job: Job
    encoder: Encoder
    dataset: str
    version: str
    metrics: dict[str, Score]
    spec: NotRequired[Spec]
    segment_seconds: NotRequired[Annotated[FiniteFloat, Field(gt=0)]]
    sources: NotRequired[dict[str, str]]
    files: NotRequired[dict[Key, str]]
    checksum: NotRequired[str]
    evaluation_seconds: NotRequired[Seconds]
    preparation_seconds: NotRequired[Seconds]
    training_seconds: NotRequired[Seconds]
    images_per_second: NotRequired[Annotated[FiniteFloat, Field(ge=0)]]
    parameters: NotRequired[Count]
    steps: NotRequired[Count]
    weights: NotRequired[str]
    hardware: NotRequired[Options]
    notes: NotRequired[list[str]]
    curve: NotRequired[Annotated[list[dict[str, FiniteFloat]], AfterValidator(_has_steps)]]
    outside: NotRequired[Handed]


@_record
class Format(TypedDict):
    """What every result says of itself, whatever its format."""

    format: int


@_record
class Failure(TypedDict):
    """``failure.json``."""

    reason: str
    trace: str | None


@_record
class Origin(TypedDict):
    """``outside.json``: a job of an outside system, and where its images came from."""

    job: Job
    folder: str
    mapping: str | None
    notes: list[str]


@_record
class TrialProgress(TypedDict):
    """How far a trial of the present command is."""

    step: Count
    steps: Count
    begun: Seconds
    resumed: Count | None
    ended: bool


@_record
class Progress(TypedDict):
    """``progress.json``."""

    pid: Annotated[int, Field(ge=1, lt=2**31)]
    host: str
    started: Seconds
    updated: Seconds
    ended: Literal["done", "interrupted", "stopped"] | None
    trials: dict[str, TrialProgress]


@_record
class Rung(TypedDict):
    """A score of a trial of a search."""

    rung: Count
    value: FiniteFloat


@_record
class SearchTrial(TypedDict):
    """``trial.json``: a trial of a search."""

    options: Options
    state: Literal["running", "done", "stopped", "failed", "broken"]
    rungs: list[Rung]
    started: Seconds
    seconds: Seconds
    reason: str | None


Sample = dict[str, FiniteFloat]
"""Of the machine, while a trial trains: a row of ``system.json``."""


class DamagedError(Exception):
    """A file does not hold what was written; the message says why, in one line."""


def read(kind: type[R], path: Path) -> R:
    """The record in a JSON file.

    Args:
        kind: one of the types of this module.
        path: the file.

    Raises:
        DamagedError: it is no JSON, or not of this kind.
        OSError: it cannot be read at all.
    """
    if path.stat().st_size > LARGEST:
        raise DamagedError(f"{path.stat().st_size:,} bytes, far more than were written")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _adapter(kind).validate_python(content)  # type: ignore[arg-type]  # types are hashable
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedError(_short(f"{place}: {first['msg']}" if place else first["msg"])) from error
    except RecursionError as error:
        raise DamagedError("nested too deeply") from error
    except (ValueError, OverflowError) as error:
        raise DamagedError(_short(str(error))) from error
    # As it was written: a whole number in the place of a float stays one.
    record: R = content
    return record


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _short(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= FEW else f"{line[:FEW]} …"
