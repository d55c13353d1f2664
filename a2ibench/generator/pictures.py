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
"""Largest side of ``all.png`` in pixels: a wider row is continued below, and what is then too high
is made smaller."""


def names_of(starts: list[float | None], count: int) -> list[str]:
    """Return the names of pictures in rows: ``00.png``, ``01.png``, …, or with the second at which
    the window of a row begins, ``0005.00s_00.png``.
    """
    places = ["" if start is None else f"{start:07.2f}s_" for start in starts]
    return [f"{place}{i:02}.png" for place in places for i in range(count)]


def save_pictures(rows: list[Row], folder: Path, about: Mapping[str, Any]) -> Path:
    """Write every picture, and all of them side by side, enlarged where there is room; return the
    path of ``all.png``.

    Args:
        rows: at least one, of equally many pictures.
        folder: made if it does not exist; pictures of an earlier call are removed from it.
        about: description of the pictures, for :data:`RECORD`.

    Raises:
        UserError: a file is in the way that no earlier call wrote.
    """
    from PIL import Image

    names = names_of([row.start for row in rows], len(rows[0].images))
    images: list[ImageArray] = [image for row in rows for image in row.images]
    grid = Image.fromarray(np.concatenate([_wrap(row.images) for row in rows]))
    zoom = min(ZOOM, LARGEST // max(grid.size))
    with writing(folder, RECORD, [*names, ALL], about):
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image).save(folder / name)
        if zoom >= 1:
            enlarged = (grid.width * zoom, grid.height * zoom)
            grid = grid.resize(enlarged, Image.Resampling.NEAREST)
        else:
            grid.thumbnail((LARGEST, LARGEST))
        grid.save(folder / ALL)
    return folder / ALL


def _wrap(images: ImageArray) -> ImageArray:
    """Put pictures side by side, in as many lines as :data:`LARGEST` asks for, on white."""
    count, side = images.shape[:2]
    lines = -(-count // (LARGEST // side))
    across = -(-count // lines)
    blank = np.full((lines * across - count, *images.shape[1:]), 255, np.uint8)
    grid = np.concatenate([images, blank]).reshape(lines, across, *images.shape[1:])
    return grid.swapaxes(1, 2).reshape(lines * side, across * side, 3)
