"""The images of a job, on disk."""

import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import GeneratedImages
from a2ibench.evaluation.outside_images import hash_images
from a2ibench.results import records
from a2ibench.results.job import Task
from a2ibench.results.job_state import ORIGIN
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.storage import atomic_write
from a2ibench.types import ImageArray

GRID = "samples/grid.png"
"""In a job's folder: a few real test images, and below them what was drawn for their sounds."""
STEPS = "samples/steps"


def read_outside(task: Task) -> tuple[GeneratedImages, dict[str, Any]]:
    """Return the images of an outside system, and where they came from."""
    drawn = read_samples(task.folder)
    if hash_images(drawn.images, drawn.grid) != task.job.source:
        raise UserError(f"{task.folder / 'samples'}: not the images that were handed in")
    try:
        origin = read_record(records.Origin, task.folder / ORIGIN)
    except (OSError, DamagedError) as error:
        raise UserError(
            f"{task.folder / ORIGIN}: damaged or missing ({error}); evaluate the images again"
        ) from error
    return drawn, {"outside": {"folder": origin.folder, "notes": origin.notes}}


def read_samples(folder: Path) -> GeneratedImages:
    """Return the images of a job; raise a UserError where they are damaged or missing."""
    grid = folder / "samples" / "grid.npy"
    try:
        images = read_images(folder / "samples" / "test.npy")
        return GeneratedImages(images, read_images(grid, 5) if grid.is_file() else None)
    except (OSError, DamagedError) as error:
        raise UserError(f"{folder / 'samples'}: damaged or missing ({error})") from error


def read_images(path: Path, dimensions: int = 4) -> ImageArray:
    """Return the images of a file of :func:`save_samples`: uint8 ``[…, S, S, 3]``, memory-mapped.

    Raises:
        DamagedError: it holds something else, or another number of dimensions.
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
    """Write what was drawn: ``samples/test.npy``, and ``samples/grid.npy`` where there is one."""
    for name, images in (("test", drawn.images), ("grid", drawn.grid)):
        if images is not None:
            with (
                atomic_write(folder / "samples" / f"{name}.npy") as temporary,
                temporary.open("wb") as stream,
            ):
                np.save(stream, images)


def step_picture(folder: Path, step: int) -> Path:
    """Return where a job keeps what its model drew at a step of its training."""
    return folder / STEPS / f"{step:08}.png"


def copy_step_pictures(folder: Path, earlier: Iterable[Path], steps: Container[int]) -> None:
    """Copy pictures of some steps that a job lacks from jobs of its training with smaller budgets:
    it began where they had ended."""
    for there in earlier:
        for step, path in step_pictures(there).items():
            own = step_picture(folder, step)
            if step in steps and not own.exists():
                with atomic_write(own) as temporary:
                    shutil.copyfile(path, temporary)


def step_pictures(folder: Path) -> dict[int, Path]:
    """Return the pictures of a job by the steps of its training, in their order."""
    return {int(path.stem): path for path in sorted((folder / STEPS).glob("[0-9]*.png"))}
