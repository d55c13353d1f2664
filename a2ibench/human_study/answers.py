"""Answers of a forced-choice study: validated, checked for attention, scored."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import pydantic

from a2ibench.errors import UserError
from a2ibench.human_study.preference import Preference, preference
from a2ibench.human_study.trials import KEY, Key, Trial
from a2ibench.storage import atomic_write, write_json

MAX_BYTES = 2**20
"""Largest size of an answer file in bytes; 1,000 trials take a tenth of it."""


class Answer(pydantic.BaseModel):
    """A participant's choice in one trial."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    trial: str = pydantic.Field(max_length=40)
    choice: Literal["left", "right"]
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
    def choices(self) -> dict[str, Literal["left", "right"]]:
        """The chosen side of each trial."""
        return {answer.trial: answer.choice for answer in self.answers}


@dataclass(frozen=True)
class Participant:
    """Summary of one participant's answers.

    Attributes:
        checks_passed: number of attention checks answered with the real picture.
        repeats_kept: number of comparisons answered the same way the second time.
        left: share of comparisons answered with the left picture.
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
        participants: everyone whose file could be used.
        skipped: answer file → why it was not used.
        needed: share of attention checks that a participant must pass.
    """

    study: str
    preferences: list[Preference]
    participants: list[Participant]
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
    preferences = [
        preference(a, b, {one.participant: dict(_chosen(key, one, a, b)) for one in kept})
        for a, b in itertools.combinations(key.arms, 2)
        if any({trial.left, trial.right} == {a, b} for trial in key.trials)
    ]
    return Scores(key.study, preferences, participants, skipped, needed)


def write_scores(scores: Scores, folder: Path) -> None:
    """Write ``scores.json`` and ``preferences.csv``, each whole or not at all."""
    import pandas as pd

    write_json(folder / "scores.json", asdict(scores))
    with atomic_write(folder / "preferences.csv") as temporary:
        pd.DataFrame([asdict(one) for one in scores.preferences]).to_csv(temporary, index=False)


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
        one = Answers.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise UserError(f"not answers from this page ({_first(error)})") from None
    if one.study != key.study:
        raise UserError(f"answers to another study ({one.study!r}, here {key.study})")
    ids = [answer.trial for answer in one.answers]
    if len(set(ids)) < len(ids):
        raise UserError("a trial is answered twice")
    if unknown := set(ids) - {trial.id for trial in key.trials}:
        raise UserError(f"unknown trial {min(unknown)!r}")
    if len(ids) < len(key.trials):
        raise UserError(f"unfinished: {len(ids)} of {len(key.trials)} trials")
    return one


def _describe(key: Key, one: Answers, needed: float) -> Participant:
    choices = one.choices
    arms = {trial.id: _arm(trial, choices[trial.id]) for trial in key.trials}
    checks = [arms[trial.id] == "real" for trial in key.trials if trial.kind == "attention"]
    repeats = [arms[t.id] == arms[t.of] for t in key.trials if t.of is not None]
    sides = [choices[trial.id] == "left" for trial in key.trials if trial.kind == "compare"]
    return Participant(
        name=one.participant,
        checks_passed=sum(checks),
        checks=len(checks),
        repeats_kept=sum(repeats),
        repeats=len(repeats),
        left=sum(sides) / len(sides),
        kept=sum(checks) >= needed * len(checks),
    )


def _chosen(key: Key, one: Answers, a: str, b: str) -> Iterator[tuple[str, bool]]:
    """Yield (item, whether a was chosen) for the trials of a pair of arms, without repeats."""
    choices = one.choices
    for trial in key.trials:
        if trial.kind == "compare" and {trial.left, trial.right} == {a, b}:
            yield trial.id, _arm(trial, choices[trial.id]) == a


def _arm(trial: Trial, side: Literal["left", "right"]) -> str:
    return trial.left if side == "left" else trial.right


def _first(error: pydantic.ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}".removeprefix(": ")
