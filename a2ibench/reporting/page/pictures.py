"""The figures of a study's page: what each row drew for the same sounds, and with other noise."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from a2ibench.data.features import split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.reporting.figures import GRID_COLUMNS, choose_segments
from a2ibench.reporting.media import picture_uri, sound_uri
from a2ibench.reporting.study_page import Drawing, Drawings, Sound
from a2ibench.results.job_state import Jobs, JobState
from a2ibench.results.read_record import DamagedError
from a2ibench.results.samples import read_images
from a2ibench.types import ImageArray, IntArray

DIMENSIONS = {"test.npy": 4, "grid.npy": 5}

SEVERAL = 4
"""Sounds that are shown with several draws each."""


@dataclass(frozen=True)
class Asked:
    """What the study was examined on, as it lies in its store.

    Attributes:
        store: the pairs.
        rows: int64 ``[n]``, the rows of the test segments there.
        exam: the test segments; without features.
    """

    store: PairStore
    rows: IntArray
    exam: EvalSet

    def sound(self, segment: int) -> Sound:
        """One test segment, to be heard and seen."""
        row = int(self.rows[segment])
        here = self.store.index.iloc[row]
        return Sound(
            label=str(here["label"]),
            where=f"{here['source']}, {float(here['start']):.2f} s",
            sound=sound_uri(self.store.waveform(row), self.store.sample_rate),
            picture=picture_uri(self.store.images[row]),
        )


def open_exam(store: PairStore) -> Asked:
    """The exam of a store; nothing is encoded, since its sounds and pictures are all that is
    shown."""
    train, test, _ = split_pairs(store, np.zeros((len(store), 0), dtype=np.float32))
    return Asked(store, store.rows("test"), make_eval_set(reserve_for_judges(train)[0], test))


def pictures_of_all(asked: Asked, rows: Jobs) -> Drawings:
    """One picture per row and sound: of the first seed that has any.

    Args:
        asked: the exam.
        rows: the jobs of all rows.
    """
    chosen = choose_segments(asked.exam.test.label, GRID_COLUMNS)
    drawings = []
    for label, jobs in rows.items():
        seed, images = _first(jobs, "test.npy")
        shown = () if images is None else tuple(picture_uri(images[i]) for i in chosen)
        drawings.append(Drawing(label, seed, shown))
    return Drawings(tuple(asked.sound(int(i)) for i in chosen), tuple(drawings))


def several_draws(asked: Asked, rows: Jobs, arms: Sequence[str]) -> list[Drawings]:
    """For a few sounds of several classes, every draw of each arm's first seed.

    Args:
        asked: the exam.
        rows: the jobs of all rows.
        arms: the labels of those that are shown.
    """
    grid_rows = asked.exam.grid_rows
    found = []
    for at in choose_segments(asked.exam.test.label[grid_rows], SEVERAL):
        drawings = []
        for label in arms:
            seed, images = _first(rows[label], "grid.npy")
            shown = () if images is None else tuple(picture_uri(one) for one in images[at])
            drawings.append(Drawing(label, seed, shown))
        found.append(Drawings((asked.sound(int(grid_rows[at])),), tuple(drawings)))
    return found


def _first(jobs: Sequence[JobState], name: str) -> tuple[int, ImageArray | None]:
    """The first seed that has a result and left such a file, and what is in it."""
    for ran in jobs:
        path = ran.folder / "samples" / name
        if ran.result is not None and path.is_file():
            with suppress(DamagedError):
                return ran.seed, read_images(path, DIMENSIONS[name])
    return 0, None


def damaged_pictures(rows: Jobs) -> list[str]:
    """A line for each file of pictures that cannot be shown."""
    found = []
    for ran in (ran for jobs in rows.values() for ran in jobs if ran.result is not None):
        for name, dimensions in DIMENSIONS.items():
            path = ran.folder / "samples" / name
            if path.is_file():
                try:
                    read_images(path, dimensions)
                except DamagedError as error:
                    found.append(f"job {ran.folder.name}, samples: damaged ({error})")
    return found
