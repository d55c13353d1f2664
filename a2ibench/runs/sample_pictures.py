"""Draw pictures of a trial at a few steps of its training, and at its end."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.evaluation.evaluate import GeneratedImages
from a2ibench.reporting.image_grids import GRID_COLUMNS, choose_segments
from a2ibench.results.job_images import GRID, step_picture
from a2ibench.storage import atomic_write
from a2ibench.types import ImageArray, Pairs

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

SEGMENTS = 6
NOISES = 2


def step_drawer(model: "Model", test: Pairs, seed: int, folder: Path) -> Callable[[int], None]:
    """Return a function that draws the same few test segments with the same noise, at any step.

    Args:
        model: a model in training; see :func:`a2ibench.training.preview.as_if_finished`.
    """
    from a2ibench.training.draw import draw_grid

    rows = choose_segments(test.label, SEGMENTS)
    real, acoustic = test.images[rows], test.acoustic[rows]
    noises = NOISES if model.noise_dim else 1

    def preview(step: int) -> None:
        try:
            drawn = draw_grid(model, acoustic, noises, seed)
        except ValueError:
            # A model that cannot draw yet (NaN) leaves no picture, and its training continues.
            return
        save_mosaic(np.stack([real, *drawn.swapaxes(0, 1)]), step_picture(folder, step))

    return preview


def save_job_grid(folder: Path, drawn: GeneratedImages, test: Pairs) -> None:
    """Write a few real test images, and below them the images drawn for their sounds."""
    chosen = choose_segments(test.label, GRID_COLUMNS)
    rows = np.stack([test.images[chosen], drawn.images[chosen]])
    save_mosaic(rows, folder / GRID)


def save_mosaic(images: ImageArray, path: Path) -> None:
    """Write uint8 ``[rows, columns, S, S, 3]`` as one PNG, edge to edge."""
    from PIL import Image

    rows, columns, size = images.shape[:3]
    joined = images.transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, 3)
    with atomic_write(path) as temporary:
        Image.fromarray(joined).save(temporary, format="png")
