"""Pictures of pictures: one row per method, one column per sound."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.storage import atomic_write, content_key
from a2ibench.types import ImageArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEY = "a2ibench"
"""The text in a PNG that holds the hash of its content."""
DPI = 200
GRID_COLUMNS = 12
"""Test segments of a figure."""
SIDE, GAP = 192, 6
"""Pixels of an image in a grid, and between two."""


def choose_segments(label: IntArray, columns: int) -> IntArray:
    """Choose test segments for a figure: the classes in turn, spread over each class.

    The choice looks at the labels alone, int64 ``[n]``, so that no picture is picked for its
    beauty; the positions are int64, at most ``columns`` of them.
    """
    classes = np.unique(label)
    per_class = -(-columns // len(classes))
    chosen = []
    for c in classes:
        rows = np.flatnonzero(label == c)
        count = min(per_class, len(rows))
        chosen.append(rows[(2 * np.arange(count) + 1) * len(rows) // (2 * count)])
    longest = max(len(rows) for rows in chosen)
    turns = [rows[i] for i in range(longest) for rows in chosen if i < len(rows)]
    return np.sort(np.array(turns[:columns], dtype=np.int64))


def save_grid(rows: Mapping[str, ImageArray], headings: Sequence[str], path: Path) -> None:
    """Write a labelled grid as PNG, of rows uint8 ``[columns, S, S, 3]`` with a heading above each
    column; one of the same content is left as it is. Without any row there is no picture."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    cells = {label: images.tobytes().hex() for label, images in rows.items()}
    key = content_key([[*rows], cells, list(headings)])
    if _key_of(path) == key:
        return
    import matplotlib
    from matplotlib.figure import Figure

    pictures = _together(list(rows.values()))
    margin = round((0.085 * max(len(label) for label in rows) + 0.15) * DPI)
    top = round(0.3 * DPI)
    height, width = pictures.shape[0] + top, pictures.shape[1] + margin
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        figure.figimage(pictures, margin, 0)
        for c, word in enumerate(headings):
            x, y = (margin + _start(c) + SIDE / 2) / width, 1 - 0.85 * top / height
            figure.text(x, y, plain(word), fontsize=7, ha="center")
        for r, label in enumerate(rows):
            x, y = (margin - 0.08 * DPI) / width, 1 - (top + _start(r) + SIDE / 2) / height
            figure.text(x, y, plain(label), ha="right", va="center")
        save_figure(figure, path, {KEY: key})


def save_figure(figure: "Figure", path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a figure as PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata=metadata)


def _start(i: int) -> int:
    return i * (SIDE + GAP)


def _together(rows: Sequence[ImageArray]) -> ImageArray:
    """Put all pictures into one, each enlarged to :data:`SIDE`, on white."""
    columns = max(len(images) for images in rows)
    canvas = np.full((_start(len(rows)), _start(columns), 3), 255, np.uint8)
    for r, images in enumerate(rows):
        nearest = np.arange(SIDE) * images.shape[1] // SIDE
        for c, image in enumerate(images):
            y, x = _start(r), _start(c)
            canvas[y : y + SIDE, x : x + SIDE] = image[nearest][:, nearest]
    return canvas


def _key_of(path: Path) -> str | None:
    """Return the key that :func:`save_grid` wrote into a picture; None for any other."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return picture.info.get(KEY)
    except OSError:
        return None


def plain(text: str) -> str:
    """Return text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
