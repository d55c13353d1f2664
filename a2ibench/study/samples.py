"""The images of a job, on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.types import ImageArray, Pairs
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import Drawn
from a2ibench.evaluation.outside_images import hash_images
from a2ibench.reporting.figures import choose_segments
from a2ibench.storage import whole_file
from a2ibench.study.job import Task

ORIGIN = "outside.json"
"""In the folder of an outside system's job: where its images came from, and what was odd."""
GRID = "grid.png"
GRID_COLUMNS = 12


def read_outside(task: Task) -> tuple[Drawn, dict[str, Any]]:
    """The images of an outside system, and where they came from."""
    drawn = read_samples(task.folder)
    if hash_images(drawn.images, drawn.grid) != task.job.source:
        raise UserError(f"{task.folder / 'samples'}: not the images that were handed in")
    origin = json.loads((task.folder / ORIGIN).read_text(encoding="utf-8"))
    return drawn, {"outside": {"folder": origin["folder"], "notes": origin["notes"]}}


def read_samples(folder: Path) -> Drawn:
    """The images of a job, as :func:`save_samples` left them.

    Raises:
        UserError: they are damaged or missing.
    """
    try:
        images = np.load(folder / "samples" / "test.npy", mmap_mode="r")
        grid = folder / "samples" / "grid.npy"
        return Drawn(images, np.load(grid, mmap_mode="r") if grid.is_file() else None)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / 'samples'}: damaged or missing ({error})") from error


def save_samples(folder: Path, drawn: Drawn) -> None:
    """Writes what was drawn: ``samples/test.npy``, and ``samples/grid.npy`` where there is one."""
    for name, images in (("test", drawn.images), ("grid", drawn.grid)):
        if images is not None:
            with (
                whole_file(folder / "samples" / f"{name}.npy") as temporary,
                temporary.open("wb") as stream,
            ):
                np.save(stream, images)


def save_job_grid(folder: Path, drawn: Drawn, test: Pairs) -> None:
    """Writes a few real test images, and below them what was drawn for their sounds."""
    chosen = choose_segments(test.label, GRID_COLUMNS)
    rows = np.stack([test.images[chosen], drawn.images[chosen]])
    save_mosaic(rows, folder / "samples" / GRID)


def save_mosaic(images: ImageArray, path: Path) -> None:
    """Writes uint8 ``[rows, columns, S, S, 3]`` as one PNG, edge to edge."""
    from PIL import Image

    rows, columns, size = images.shape[:3]
    joined = images.transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, 3)
    with whole_file(path) as temporary:
        Image.fromarray(joined).save(temporary, format="png")
