"""The test segments of a study to be heard and seen, and what its rows drew for them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from a2ibench.data.features import split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.media.data_uris import picture_uri, sound_uri
from a2ibench.results.job_images import read_images
from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import DamagedError
from a2ibench.results.study import Study
from a2ibench.types import IntArray

DIMENSIONS = {"test.npy": 4, "grid.npy": 5}
"""Dimensions of the pictures in a job's ``samples``, by file."""


class Sound(NamedTuple):
    """A test segment: its class, its clip and the place in it, its sound and picture as URIs."""

    label: str
    where: str
    sound: str
    picture: str


@dataclass(frozen=True)
class Asked:
    """The test segments of a store, without features."""

    store: PairStore
    exam: EvalSet

    def sound(self, segment: int) -> Sound:
        """Return one test segment, to be heard and seen."""
        row = int(self.store.rows("test")[segment])
        here = self.store.index.iloc[row]
        return Sound(
            label=str(here["label"]),
            where=f"{here['source']}, {float(here['start']):.2f} s",
            sound=sound_uri(self.store.waveform(row), self.store.sample_rate),
            picture=picture_uri(self.store.images[row]),
        )


def open_exam(store: PairStore) -> Asked:
    """Find the test segments of a store; nothing is encoded, since only sounds and pictures are
    shown."""
    train, test, _ = split_pairs(store, np.zeros((len(store), 0), dtype=np.float32))
    return Asked(store, make_eval_set(reserve_for_judges(train)[0], test))


def damaged_pictures(jobs: Iterable[JobState]) -> list[str]:
    """Return a line for each file of pictures that cannot be shown."""
    found = []
    for ran in (ran for ran in jobs if ran.result is not None):
        for name, dimensions in DIMENSIONS.items():
            path = ran.folder / "samples" / name
            if path.is_file():
                try:
                    read_images(path, dimensions)
                except DamagedError as error:
                    found.append(f"job {ran.folder.name}, samples: damaged ({error})")
    return found


class Drawing(NamedTuple):
    """The pictures of a row's seed, as data URIs; none where the row has no result."""

    label: str
    seed: int
    pictures: tuple[str, ...]


class AtBudget(NamedTuple):
    """The rows of a budget, by its name; of none, those of every budget."""

    name: str
    rows: tuple[Drawing, ...]


class Drawings(NamedTuple):
    """Sounds, and rows with a picture for each, budget by budget: a page shows one of these.

    Attributes:
        shown: the place of the budget that is shown first.
    """

    sounds: tuple[Sound, ...]
    always: tuple[Drawing, ...]
    budgets: tuple[AtBudget, ...]
    shown: int


class Draws(NamedTuple):
    """A sound, and rows with several draws for it."""

    sound: Sound
    rows: tuple[Drawing, ...]


def draw_all(asked: Asked, study: Study, chosen: IntArray) -> Drawings:
    """Show a picture per row, budget and chosen test segment, of the first seed that has any."""
    drawn = {
        trained: [(row.budget, _draw(row.label, row.jobs, "test.npy", chosen)) for row in rows]
        for trained, rows in groupby(study.all_rows, key=lambda row: row.arm is not None)
    }
    budgets = tuple(
        AtBudget(f"{budget or study.budget:,} images", tuple(drawing for _, drawing in rows))
        for budget, rows in groupby(drawn.get(True, ()), key=lambda one: one[0])
    )
    return Drawings(
        tuple(asked.sound(int(i)) for i in chosen),
        tuple(drawing for _, drawing in drawn.get(False, ())),
        budgets,
        study.budgets.index(study.budget),
    )


def draw_several(asked: Asked, study: Study, chosen: IntArray) -> list[Draws]:
    """Show every draw of each arm's first seed for the chosen ones of those that have several."""
    rows = asked.exam.grid_rows
    arms = [row for row in study.rows if not row.reference]
    return [
        Draws(
            asked.sound(int(rows[at])),
            tuple(_draw(row.label, row.jobs, "grid.npy", at) for row in arms),
        )
        for at in chosen
    ]


def _draw(label: str, jobs: Sequence[JobState], name: str, chosen: IntArray) -> Drawing:
    """Show pictures of the first seed that has a result and left such a file."""
    for ran in jobs:
        path = ran.folder / "samples" / name
        if ran.result is not None and path.is_file():
            with suppress(DamagedError):
                images = read_images(path, DIMENSIONS[name])[chosen]
                return Drawing(label, ran.seed, tuple(map(picture_uri, images)))
    return Drawing(label, 0, ())
