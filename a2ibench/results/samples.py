"""The images of a job, on disk."""

from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import GeneratedImages
from a2ibench.evaluation.outside_images import hash_images
from a2ibench.reporting.figures import choose_segments
from a2ibench.results import records
from a2ibench.results.job import Task
from a2ibench.results.records import DamagedError
from a2ibench.storage import whole_file
from a2ibench.types import ImageArray, Pairs

ORIGIN = "outside.json"
"""In the folder of an outside system's job: where its images came from, and what was odd."""
GRID = "grid.png"
GRID_COLUMNS = 12


def read_outside(task: Task) -> tuple[GeneratedImages, dict[str, Any]]:
    """The images of an outside system, and where they came from."""
    drawn = read_samples(task.folder)
    if hash_images(drawn.images, drawn.grid) != task.job.source:
        raise UserError(f"{task.folder / 'samples'}: not the images that were handed in")
    try:
        origin = records.read(records.Origin, task.folder / ORIGIN)
    except (OSError, DamagedError) as error:
        raise UserError(
            f"{task.folder / ORIGIN}: damaged or missing ({error}); evaluate the images again"
        ) from error
    return drawn, {"outside": {"folder": origin["folder"], "notes": origin["notes"]}}


def read_samples(folder: Path) -> GeneratedImages:
    """The images of a job, as :func:`save_samples` left them.

    Raises:
        UserError: they are damaged or missing.
    """
    grid = folder / "samples" / "grid.npy"
    try:
        images = read_images(folder / "samples" / "test.npy")
        return GeneratedImages(images, read_images(grid, 5) if grid.is_file() else None)
    except (OSError, DamagedError) as error:
        raise UserError(f"{folder / 'samples'}: damaged or missing ({error})") from error


def read_images(path: Path, dimensions: int = 4) -> ImageArray:
    """The images of one file, uint8 ``[…, S, S, 3]``, memory-mapped.

    Args:
        path: a file of :func:`save_samples`.
        dimensions: 4, or 5 for those of the grid.

    Raises:
        DamagedError: it holds something else.
        OSError: it is missing.
    """
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OverflowError, MemoryError, TypeError, SyntaxError) as error:
        raise DamagedError(f"{path.name}: {error}") from error
    whole = isinstance(images, np.ndarray) and images.dtype == np.uint8
    if not whole or images.ndim != dimensions or images.shape[-1] != 3 or 0 in images.shape:
        raise DamagedError(f"{path.name}: holds no images")
    return images


def save_samples(folder: Path, drawn: GeneratedImages) -> None:
    """Writes what was drawn: ``samples/test.npy``, and ``samples/grid.npy`` where there is one."""
    for name, images in (("test", drawn.images), ("grid", drawn.grid)):
        if images is not None:
            with (
                whole_file(folder / "samples" / f"{name}.npy") as temporary,
                temporary.open("wb") as stream,
            ):
                np.save(stream, images)


def save_job_grid(folder: Path, drawn: GeneratedImages, test: Pairs) -> None:
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
