"""The test segments of a study, as they lie in its pair store."""

from dataclasses import dataclass

import numpy as np

from a2ibench.data.features import split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.reporting.media import picture_uri, sound_uri
from a2ibench.results.job_state import Jobs
from a2ibench.results.read_record import DamagedError
from a2ibench.results.samples import read_images
from a2ibench.types import IntArray

DIMENSIONS = {"test.npy": 4, "grid.npy": 5}
"""Dimensions of the pictures in a job's ``samples``, by file."""


@dataclass(frozen=True)
class Sound:
    """A test segment.

    Attributes:
        label: its class.
        where: the clip it comes from, and where in it.
        sound: a data URI.
        picture: of the same moment, a data URI.
    """

    label: str
    where: str
    sound: str
    picture: str


@dataclass(frozen=True)
class Asked:
    """The test segments of a study, as they lie in its store.

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
