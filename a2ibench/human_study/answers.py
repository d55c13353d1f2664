"""Answers of a forced-choice study: validated, checked for attention, scored."""

import csv
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydantic

from a2ibench.errors import UserError
from a2ibench.evaluation.statistics import MIN_CLIPS
from a2ibench.human_study.bradley_terry import BradleyTerry, Comparison, fit, why_not_scored
from a2ibench.human_study.preference import Preference, preference
from a2ibench.human_study.trials import FORMAT, KEY, Key, Trial

MAX_BYTES = 2**20
"""Largest size of an answer file in bytes; 1,000 trials take a tenth of it."""
COLUMNS = ("participant", "trial", "choice", "milliseconds", "plays")
"""Columns of an answer file that is a table."""
Choice = Literal["left", "right", "tie"]


class Answer(pydantic.BaseModel):
    """A participant's choice in one trial."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    trial: str = pydantic.Field(max_length=40)
    choice: Choice
    milliseconds: int = pydantic.Field(ge=0)
    plays: int = pydantic.Field(ge=0)


class Answers(pydantic.BaseModel):
    """One participant's file, as the page writes it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1]
    study: str = pydantic.Field(max_length=40)
    participant: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")
    started: str = pydantic.Field(max_length=40)
    answers: list[Answer] = pydantic.Field(max_length=10_000)

    @property
    def choices(self) -> dict[str, Choice]:
        """The chosen side of each trial, or a tie."""
        return {answer.trial: answer.choice for answer in self.answers}


@dataclass(frozen=True)
class Participant:
    """Summary of one participant's answers.

    Attributes:
        checks_passed: number of attention checks answered with the real picture.
        repeats_kept: number of comparisons answered the same way the second time.
        left: share of comparisons answered with the left picture, a tie counting half.
        kept: whether their answers count.
    """

    name: str
    checks_passed: int
    checks: int
    repeats_kept: int
    repeats: int
    left: float
    kept: bool


@dataclass(frozen=True)
class Scores:
    """The result of a study.

    Attributes:
        preferences: one per pair of arms, over the participants who are kept.
        model: the Bradley–Terry scores of all arms, of the same answers; None where
            ``not_scored`` says what is missing.
        participants: everyone whose file could be used.
        units: what intervals take as drawn at random beside participants: ``clips``, or
            ``segments`` where there are fewer than :data:`MIN_CLIPS` clips.
        skipped: answer file → why it was not used.
        needed: share of attention checks that a participant must pass.
    """

    study: str
    preferences: list[Preference]
    model: BradleyTerry | None
    not_scored: str | None
    participants: list[Participant]
    units: Literal["clips", "segments"]
    skipped: dict[str, str] = field(default_factory=dict)
    needed: float = 0.8


def read_key(folder: Path) -> Key:
    """Read the key of a study.

    Raises:
        UserError: the key is missing or damaged.
    """
    path = folder / KEY
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected what `human-study make` wrote")
    try:
        return Key.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise UserError(f"{path}: damaged ({_first(error)})") from None


def score(key: Key, files: Sequence[Path], needed: float) -> Scores:
    """Score the preferences of everyone who passed their attention checks.

    Args:
        key: the study's key.
        files: the participants' files; those that cannot be used are skipped with the reason.
        needed: share of attention checks to pass.

    Raises:
        UserError: nobody is left; the message says why.
    """
    usable, skipped = _read_all(key, files)
    participants = [_describe(key, one, needed) for one in usable]
    kept = [one for one, who in zip(usable, participants, strict=True) if who.kept]
    if not kept:
        failed = [f"{who.name} passed {who.checks_passed} of {who.checks}" for who in participants]
        why = [f"{name}: {reason}" for name, reason in skipped.items()] + failed
        raise UserError(f"no valid answers: {'; '.join(why) or 'no files'}")
    clips = {trial.id: trial.clip or trial.id for trial in _compared(key)}
    few = len(set(clips.values())) < MIN_CLIPS
    if few:
        clips = {trial: trial for trial in clips}
    preferences = [
        _preference(key, kept, a, b, clips)
        for a, b in itertools.combinations(key.arms, 2)
        if any({trial.left, trial.right} == {a, b} for trial in _compared(key))
    ]
    comparisons = [
        Comparison(name, clips[trial.id], trial.left, trial.right, _arm(trial, choices[trial.id]))
        for name, choices in [(one.participant, one.choices) for one in kept]
        for trial in _compared(key)
    ]
    missing = why_not_scored(comparisons, key.arms)
    model = None if missing is not None else fit(comparisons, key.arms)
    units: Literal["clips", "segments"] = "segments" if few else "clips"
    return Scores(key.study, preferences, model, missing, participants, units, skipped, needed)


def _read_all(key: Key, files: Sequence[Path]) -> tuple[list[Answers], dict[str, str]]:
    usable: dict[str, Answers] = {}
    skipped = {}
    for path in files:
        try:
            one = _read(key, path)
        except UserError as error:
            skipped[str(path)] = str(error)
            continue
        if one.participant in usable:
            skipped[str(path)] = f"a second file of participant {one.participant}"
        else:
            usable[one.participant] = one
    return [usable[name] for name in sorted(usable)], skipped


def _read(key: Key, path: Path) -> Answers:
    if not path.is_file():
        raise UserError("no such file")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"larger than {MAX_BYTES} bytes")
    try:
        one = (
            Answers.model_validate(_read_table(key, path))
            if path.suffix.lower() == ".csv"
            else Answers.model_validate_json(path.read_bytes())
        )
    except pydantic.ValidationError as error:
        raise UserError(f"not answers from this page ({_first(error)})") from None
    if one.study != key.study:
        raise UserError(f"answers to another study ({one.study!r}, here {key.study})")
    ids = [answer.trial for answer in one.answers]
    if len(set(ids)) < len(ids):
        raise UserError("a trial is answered twice")
    if unknown := set(ids) - {trial.id for trial in key.trials}:
        raise UserError(f"unknown trial {min(unknown)!r}")
    if not key.ties and "tie" in one.choices.values():
        raise UserError("a tie, which this study has no button for")
    if len(ids) < len(key.trials):
        raise UserError(f"unfinished: {len(ids)} of {len(key.trials)} trials")
    return one


def _read_table(key: Key, path: Path) -> dict[str, Any]:
    """Return the content of the page's CSV file, which belongs to the study of its trials."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
        if not rows or tuple(rows[0]) != COLUMNS:
            raise UserError(f"not answers from this page (expected columns {','.join(COLUMNS)})")
        people = {row.pop("participant") for row in rows}
        answers = [row | {name: int(row[name]) for name in COLUMNS[3:]} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"not answers from this page ({error})") from None
    if len(people) > 1:
        raise UserError(f"answers of {len(people)} participants; expected a file for each")
    return {
        "format": FORMAT, "study": key.study, "participant": people.pop(), "started": "",
        "answers": answers,
    }  # fmt: skip


def _describe(key: Key, one: Answers, needed: float) -> Participant:
    choices = one.choices
    arms = {trial.id: _arm(trial, choices[trial.id]) for trial in key.trials}
    checks = [arms[trial.id] == "real" for trial in key.trials if trial.kind == "attention"]
    repeats = [arms[t.id] == arms[t.of] for t in key.trials if t.of is not None]
    sides = [_SIDE[choices[trial.id]] for trial in _compared(key)]
    return Participant(
        name=one.participant,
        checks_passed=sum(checks),
        checks=len(checks),
        repeats_kept=sum(repeats),
        repeats=len(repeats),
        left=sum(sides) / len(sides),
        kept=sum(checks) >= needed * len(checks) - 1e-9,  # 0.56 × 25 is a little more than 14
    )


def _preference(
    key: Key, kept: Sequence[Answers], a: str, b: str, clips: Mapping[str, str]
) -> Preference:
    trials = [trial for trial in _compared(key) if {trial.left, trial.right} == {a, b}]
    value = {a: 1.0, b: 0.0, None: 0.5}
    choices = {
        name: {trial.id: value[_arm(trial, sides[trial.id])] for trial in trials}
        for name, sides in [(one.participant, one.choices) for one in kept]
    }
    return preference(a, b, choices, clips)


def _compared(key: Key) -> list[Trial]:
    """Return the comparisons, without repeats."""
    return [trial for trial in key.trials if trial.kind == "compare"]


_SIDE: dict[Choice, float] = {"left": 1.0, "right": 0.0, "tie": 0.5}


def _arm(trial: Trial, choice: Choice) -> str | None:
    return {"left": trial.left, "right": trial.right, "tie": None}[choice]


def _first(error: pydantic.ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}".removeprefix(": ")
