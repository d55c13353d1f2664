"""The images of a job, on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.types import Pairs
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import Drawn
from a2ibench.evaluation.outside_images import hash_images
from a2ibench.reporting.figures import choose_segments, save_grid
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
    """Writes real and drawn images of a few test segments, one above the other."""
    chosen = choose_segments(test.label, GRID_COLUMNS)
    headings = [test.classes[i] for i in test.label[chosen]]
    rows = {"real": test.images[chosen], "drawn": np.asarray(drawn.images[chosen])}
    save_grid(rows, headings, folder / "samples" / GRID)
