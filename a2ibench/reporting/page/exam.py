"""The test segments of a study, as they lie in its pair store."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from a2ibench.data.features import split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.media.data_uris import picture_uri, sound_uri
from a2ibench.results.job_images import read_images
from a2ibench.results.job_state import Jobs
from a2ibench.results.read_record import DamagedError

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


def damaged_pictures(rows: Jobs) -> list[str]:
    """Return a line for each file of pictures that cannot be shown."""
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
