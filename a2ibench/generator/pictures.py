"""The pictures of one sound in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.generator.generate import Row
from a2ibench.results.recorded_files import writing
from a2ibench.types import ImageArray

ALL = "all.png"
RECORD = "pictures.json"
ZOOM = 4
LARGEST = 16_384
"""Pixels of a side of ``all.png``: it is enlarged as far as that."""


def names_of(starts: list[float | None], count: int) -> list[str]:
    """The names of the pictures in rows: ``00.png``, ``01.png``, …, or with the second at which
    the window of a row begins, ``0005.00s_00.png``.

    Args:
        starts: of each row, in seconds; None for the whole sound.
        count: pictures per row.
    """
    places = ["" if start is None else f"{start:07.2f}s_" for start in starts]
    return [f"{place}{i:02}.png" for place in places for i in range(count)]


def save_pictures(rows: list[Row], folder: Path, about: Mapping[str, Any]) -> Path:
    """Writes every picture, and all of them side by side, enlarged, as ``all.png``.

    Args:
        rows: at least one, of equally many pictures.
        folder: made if it is not there; pictures of an earlier call are removed from it.
        about: what they are pictures of, for :data:`RECORD`.

    Returns:
        The path of ``all.png``.

    Raises:
        UserError: a file is in the way that no earlier call wrote.
    """
    from PIL import Image

    names = names_of([row.start for row in rows], len(rows[0].images))
    images: list[ImageArray] = [image for row in rows for image in row.images]
    grid = Image.fromarray(
        np.concatenate([np.concatenate(list(row.images), axis=1) for row in rows])
    )
    zoom = max(1, min(ZOOM, LARGEST // max(grid.size)))
    with writing(folder, RECORD, [*names, ALL], about):
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image).save(folder / name)
        enlarged = (grid.width * zoom, grid.height * zoom)
        grid.resize(enlarged, Image.Resampling.NEAREST).save(folder / ALL)
    return folder / ALL
