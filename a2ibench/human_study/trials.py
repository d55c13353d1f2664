"""Trials of a forced-choice study: which of two pictures fits the sound?"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import numpy as np
import pydantic

from a2ibench.data.pair_labels import labels_of
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import spread
from a2ibench.results.job_images import read_samples
from a2ibench.results.study import Study
from a2ibench.storage import content_key
from a2ibench.types import ImageArray, IntArray

KEY = "key.json"
FORMAT: Final = 1
Kind = Literal["compare", "attention", "repeat"]


class Trial(pydantic.BaseModel):
    """One question.

    Attributes:
        id: random, so that the page does not reveal what is compared.
        kind: a comparison of two arms, an attention check (the real picture of the moment against
            one that shares no class with it), or a repeated comparison with the sides exchanged.
        row: the test segment's row in the store.
        left: the arm, or ``real`` or ``other``, whose picture stands on the left.
        right: likewise on the right.
        seeds: training seeds of the left and the right picture.
        clip: the source clip of the segment; None in a study made by an earlier version.
        of: id of the trial that a repeat repeats.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    kind: Kind
    row: int
    left: str
    right: str
    seeds: tuple[int, int] = pydantic.Field(default=(0, 0), strict=False)
    clip: str | None = None
    of: str | None = None


class Key(pydantic.BaseModel):
    """The content of ``key.json``, which the participants must not see.

    Attributes:
        format: version of the layout.
        study: hash of the trials; answers carry it.
        arms: labels of the arms that are compared.
        dataset: content hash of the pairs.
        seed: seed of every random choice.
        ties: whether "no difference" is an answer.
        trials: in the order of the page, before each participant's shuffling.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1]
    study: str
    arms: list[str]
    dataset: str
    seed: int
    ties: bool = False
    trials: list[Trial]

    @pydantic.model_validator(mode="after")
    def _check_trials(self) -> "Key":
        for one, times in Counter(trial.id for trial in self.trials).items():
            if times > 1:
                raise ValueError(f"two trials have the id {one!r}")
        compared = {trial.id for trial in self.trials if trial.kind == "compare"}
        if not compared:
            raise ValueError("expected trials, got no comparison")
        for trial in self.trials:
            sides = {trial.left, trial.right}
            if trial.kind == "attention":
                if sides != {"real", "other"}:
                    raise ValueError(
                        f"trial {trial.id} shows {trial.left!r} and {trial.right!r}; expected real"
                        " and other"
                    )
            elif len(sides) < 2 or not sides <= set(self.arms):
                raise ValueError(
                    f"trial {trial.id} compares {trial.left!r} with {trial.right!r}; expected two"
                    f" of {', '.join(self.arms)}"
                )
            if trial.of not in (compared if trial.kind == "repeat" else {None}):
                raise ValueError(f"trial {trial.id} repeats {trial.of!r}, which is no comparison")
        return self


@dataclass(frozen=True)
class Trials:
    """A study's trials and their pictures: trial id → uint8 ``[2, S, S, 3]``, left and right."""

    key: Key
    pictures: dict[str, ImageArray]


@dataclass(frozen=True)
class ArmImages:
    """The pictures of one arm: uint8 ``[n, S, S, 3]`` per training seed."""

    label: str
    images: tuple[ImageArray, ...]


def load_arms(study: Study, arms: Sequence[str]) -> list[ArmImages]:
    """Read the pictures that arms, reference rows or outside systems of a study drew.

    Raises:
        UserError: an arm is unknown, given twice, alone, or without pictures.
    """
    rows = [study.row(arm) for arm in arms]
    if len(rows) < 2 or len({row.label for row in rows}) < len(rows):
        raise UserError("--arms: expected two or more, all different, as in ours,wan2019")
    return [
        ArmImages(row.name, tuple(read_samples(job.folder).images for job in row.jobs))
        for row in rows
    ]


def make_trials(
    store: PairStore,
    arms: Sequence[ArmImages],
    count: int,
    checks: int,
    repeats: int,
    seed: int,
    ties: bool = False,
) -> Trials:
    """Choose segments, sides and training seeds at random.

    Segments come from the classes in turn, regardless of their pictures. Each class is divided
    evenly among the pairs of arms and their two orders, left and right, and so is the whole:
    numbers of trials differ by one at most.

    Args:
        store: the pairs that the study was run on.
        arms: at least two.
        count: number of comparisons.
        checks: number of attention checks.
        repeats: number of comparisons that are shown twice.
        seed: seed of every choice.
        ties: whether "no difference" is an answer.

    Raises:
        UserError: there are more trials or checks than test segments, fewer trials than pairs of
            arms, more repeats than trials, more checks than segments whose classes another one does
            not share, or arms of other data.
    """
    rows = store.rows("test")
    label = store.label(rows)
    for arm in arms:
        if any(images.shape[0] != len(rows) for images in arm.images):
            raise UserError(f"{arm.label}: its pictures belong to other test segments")
    if count > len(rows):
        raise UserError(f"--trials {count}: there are only {len(rows)} test segments")
    if count < (pairs := math.comb(len(arms), 2)):
        raise UserError(
            f"--trials {count}: {len(arms)} arms make {pairs} pairs; expected a trial"
            " of each at least"
        )
    if repeats > count:
        raise UserError(f"--repeats {repeats}: at most as many as --trials ({count})")
    rng = np.random.default_rng(seed)
    clips = store.index["source"].iloc[rows].astype(str).to_list()
    trials, pictures = _compare(rows, label, clips, arms, count, rng)
    for trial in [trials[i] for i in np.sort(rng.permutation(count)[:repeats])]:
        exchanged = {"left": trial.right, "right": trial.left, "seeds": trial.seeds[::-1]}
        again = {"id": _random_id(rng), "kind": "repeat", "of": trial.id, **exchanged}
        trials.append(trial.model_copy(update=again))
        pictures[trials[-1].id] = pictures[trial.id][::-1]
    for position, others in _attention_checks(store, rows, checks, rng):
        other = rng.choice(others)
        sides = ("real", "other") if rng.random() < 0.5 else ("other", "real")
        trial = Trial(
            id=_random_id(rng), kind="attention", row=int(rows[position]), left=sides[0],
            right=sides[1], clip=clips[position],
        )  # fmt: skip
        shown = {"real": rows[position], "other": rows[other]}
        trials.append(trial)
        pictures[trial.id] = np.stack([store.images[shown[side]] for side in sides])
    labels = [arm.label for arm in arms]
    plain = [trial.model_dump() for trial in trials]
    shown_hashes = [sha256(pictures[trial.id].tobytes()).hexdigest() for trial in trials]
    study = content_key([FORMAT, store.content_hash, labels, seed, ties, plain, shown_hashes])
    # A table of answers names trials alone: they tell the study.
    named = {trial.id: content_key([study, trial.id])[:12] for trial in trials}
    trials = [
        trial.model_copy(update={"id": named[trial.id], "of": named.get(trial.of or "")})
        for trial in trials
    ]
    pictures = {named[old]: images for old, images in pictures.items()}
    key = Key(
        format=FORMAT, study=study, arms=labels, dataset=store.content_hash, seed=seed, ties=ties,
        trials=trials,
    )  # fmt: skip
    return Trials(key, pictures)


def _attention_checks(
    store: PairStore, rows: IntArray, count: int, rng: np.random.Generator
) -> list[tuple[int, IntArray]]:
    """Choose positions among the rows, each with those of the pairs that share no class with it."""
    labels = labels_of(store, rows)
    classes = store.label(rows)[:, None] if labels is None else labels.label
    chosen: list[tuple[int, IntArray]] = []
    for position in rng.permutation(len(rows)).tolist():
        if len(chosen) == count:
            break
        own = classes[position][classes[position] >= 0]
        others = np.flatnonzero(~np.isin(classes, own).any(axis=1))
        if len(others):
            chosen.append((position, others))
    if len(chosen) < count:
        raise UserError(
            f"--checks {count}: expected at most {len(chosen)}, the number of test segments for"
            " which some picture shares no class with the sound"
        )
    return chosen


def _compare(
    rows: IntArray,
    label: IntArray,
    clips: Sequence[str],
    arms: Sequence[ArmImages],
    count: int,
    rng: np.random.Generator,
) -> tuple[list[Trial], dict[str, ImageArray]]:
    pairs = list(itertools.combinations(arms, 2))
    rng.shuffle(pairs)
    trials, pictures = [], {}
    chosen = rng.permutation(spread(label, count, rng))
    # Class by class, so that the turns divide each of them.
    for i, position in enumerate(chosen[np.argsort(label[chosen], kind="stable")]):
        pair = pairs[i % len(pairs)]
        if (i // len(pairs)) % 2:
            pair = pair[::-1]
        seeds = tuple(int(rng.integers(len(arm.images))) for arm in pair)
        trial = Trial(
            id=_random_id(rng), kind="compare", row=int(rows[position]), left=pair[0].label,
            right=pair[1].label, seeds=(seeds[0], seeds[1]), clip=clips[position],
        )  # fmt: skip
        trials.append(trial)
        pictures[trial.id] = np.stack(
            [arm.images[s][position] for arm, s in zip(pair, seeds, strict=True)]
        )
    return trials, pictures


def _random_id(rng: np.random.Generator) -> str:
    return rng.bytes(6).hex()
