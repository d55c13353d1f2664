"""Pictures: the drawings of each row for the same sounds, and with other noise."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from a2ibench.contracts.section import Section
from a2ibench.media.data_uris import LONGEST, picture_uri
from a2ibench.reporting.image_grids import GRID_COLUMNS, choose_segments
from a2ibench.reporting.page.exam import DIMENSIONS, Asked, Sound
from a2ibench.reporting.page.view import StudyView
from a2ibench.results.job_images import read_images
from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import DamagedError
from a2ibench.types import IntArray

SEVERAL = 4
"""Sounds that are shown with several draws each."""


class Drawing(NamedTuple):
    """The pictures of a row's seed, as data URIs; none where the row has no result."""

    label: str
    seed: int
    pictures: tuple[str, ...]


class Drawings(NamedTuple):
    """Sounds, and rows with a picture per sound; or one sound, and rows with several draws."""

    sounds: tuple[Sound, ...]
    rows: tuple[Drawing, ...]


class Pictures(Section):
    """Figures 2 and 3."""

    name, title, place = "pictures", "Pictures", 40

    def collect(self, study: StudyView) -> dict[str, object]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        for line in study.damaged_pictures:
            study.say(f"left out: {line}")
        asked = study.asked
        return {
            "unseen": study.unseen,
            "pictures": None if asked is None else _pictures_of_all(asked, study),
            "several": [] if asked is None else _several_draws(asked, study),
            "longest": LONGEST,
        }


def _pictures_of_all(asked: Asked, study: StudyView) -> Drawings:
    """Show a picture per row and sound, of the first seed that has any."""
    chosen = choose_segments(asked.exam.test.label, GRID_COLUMNS)
    drawings = [_draw(label, jobs, "test.npy", chosen) for label, jobs in study.rows.items()]
    return Drawings(tuple(asked.sound(int(i)) for i in chosen), tuple(drawings))


def _several_draws(asked: Asked, study: StudyView) -> list[Drawings]:
    """Show every draw of each arm's first seed for a few sounds of several classes."""
    rows = asked.exam.grid_rows
    return [
        Drawings(
            (asked.sound(int(rows[at])),),
            tuple(_draw(label, study.rows[label], "grid.npy", at) for label in study.arms),
        )
        for at in choose_segments(asked.exam.test.label[rows], SEVERAL)
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
