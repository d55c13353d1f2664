"""Pictures: what each row drew for the same sounds, and with other noise."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.figures import GRID_COLUMNS, choose_segments
from a2ibench.reporting.media import LONGEST, picture_uri
from a2ibench.reporting.page.exam import DIMENSIONS, Asked, Sound
from a2ibench.reporting.page.view import StudyView
from a2ibench.results.job_state import Jobs, JobState
from a2ibench.results.read_record import DamagedError
from a2ibench.results.samples import read_images
from a2ibench.types import ImageArray

SEVERAL = 4
"""Sounds that are shown with several draws each."""


@dataclass(frozen=True)
class Drawing:
    """The pictures of one row.

    Attributes:
        label: of the row.
        seed: whose pictures they are.
        pictures: data URIs; none where the row has no result.
    """

    label: str
    seed: int
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Drawings:
    """Sounds, and what was drawn for them.

    Attributes:
        sounds: a column each; or a single one.
        rows: with a picture a sound; or, for a single sound, with several draws each.
    """

    sounds: tuple[Sound, ...]
    rows: tuple[Drawing, ...]


class Pictures(Section):
    """Figures 2 and 3."""

    name, title, place = "pictures", "Pictures", 40

    def collect(self, study: StudyView) -> Mapping[str, Any]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        for line in study.damaged_pictures:
            study.say(f"left out: {line}")
        asked, rows = study.asked, study.rows
        return {
            "unseen": study.unseen,
            "pictures": None if asked is None else pictures_of_all(asked, rows),
            "several": [] if asked is None else several_draws(asked, rows, study.arms),
            "longest": LONGEST,
        }


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
