"""Pictures of pictures: a row a method, a column a sound."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from a2ibench.data.types import ImageArray, IntArray
from a2ibench.storage import content_key, whole_file

KEY = "a2ibench"
"""Of the text in a PNG that says what it shows."""


def choose_segments(label: IntArray, columns: int) -> IntArray:
    """Positions of test segments for a figure: the classes in turn, spread over each class.

    The choice looks at the labels alone, so that no picture is picked for its beauty.

    Args:
        label: int64 ``[n]``.
        columns: how many to choose.

    Returns:
        int64 ``[min(columns, n)]``.
    """
    classes = np.unique(label)
    per_class = -(-columns // len(classes))
    chosen = []
    for c in classes:
        rows = np.flatnonzero(label == c)
        steps = np.linspace(0, len(rows) - 1, min(per_class, len(rows)) + 2)[1:-1]
        chosen.append(rows[np.unique(steps.round().astype(int))])
    longest = max(len(rows) for rows in chosen)
    turns = [rows[i] for i in range(longest) for rows in chosen if i < len(rows)]
    return np.sort(np.array(turns[:columns], dtype=np.int64))


def save_grid(
    rows: Mapping[str, ImageArray], headings: Sequence[str], path: Path, zoom: int = 96
) -> None:
    """Writes a labelled grid as PNG.

    Args:
        rows: label → uint8 ``[columns, S, S, 3]``; without any there is no picture.
        headings: a word above each column.
        path: the PNG. One of the same content is left as it is.
        zoom: side of an image in the grid, in pixels.
    """
    if not rows:
        path.unlink(missing_ok=True)
        return
    cells = {label: images.tobytes().hex() for label, images in rows.items()}
    key = content_key([[*rows], cells, list(headings), zoom])
    if _key_of(path) == key:
        return
    import matplotlib
    from matplotlib.figure import Figure

    inches = zoom / 100
    columns = len(headings)
    widest = max(len(label) for label in rows)
    margin, top = 0.085 * widest + 0.15, 0.3
    width, height = columns * inches + margin, len(rows) * inches + top
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(width, height), dpi=200)
        for r, (label, images) in enumerate(rows.items()):
            for c, image in enumerate(images):
                left = (margin + c * inches) / width
                bottom = 1 - (top + (r + 1) * inches) / height
                axes = figure.add_axes(
                    (left, bottom, 0.97 * inches / width, 0.97 * inches / height)
                )
                axes.imshow(image, interpolation="nearest")
                axes.set_axis_off()
                if r == 0:
                    axes.set_title(plain(headings[c]), fontsize=7, pad=3)
            middle = 1 - (top + (r + 0.5) * inches) / height
            figure.text((margin - 0.08) / width, middle, plain(label), ha="right", va="center")
        with whole_file(path) as temporary:
            figure.savefig(temporary, format="png", metadata={KEY: key})


def _key_of(path: Path) -> str | None:
    """What :func:`save_grid` wrote into a picture; None where there is none of its own."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            key: str | None = picture.info.get(KEY)
    except OSError:
        return None
    return key


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
