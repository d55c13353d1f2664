"""Pictures at a few steps of a training: how a model came to draw what it draws."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench.reporting.figures import choose_segments
from a2ibench.results.samples import save_mosaic
from a2ibench.types import Pairs

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

SEGMENTS = 6
NOISES = 2


def steps_folder(folder: Path) -> Path:
    """Where the pictures of a job lie: ``<step>.png``, eight digits."""
    return folder / "samples" / "steps"


def step_drawer(model: "Model", test: Pairs, seed: int, folder: Path) -> Callable[[int], None]:
    """Makes what draws the same few test segments with the same noise, at any step.

    Args:
        model: in training; see :func:`a2ibench.training.preview.as_if_finished`.
        test: the test pairs.
        seed: of the noise.
        folder: of the job.
    """
    from a2ibench.training.draw import draw_grid

    rows = choose_segments(test.label, SEGMENTS)
    real, acoustic = test.images[rows], test.acoustic[rows]
    noises = NOISES if model.noise_dim else 1

    def look(step: int) -> None:
        try:
            drawn = draw_grid(model, acoustic, noises, seed)
        except ValueError:
            # What cannot be drawn yet (NaN) is no picture, and no reason to end the training.
            return
        save_mosaic(
            np.stack([real, *drawn.swapaxes(0, 1)]), steps_folder(folder) / f"{step:08}.png"
        )

    return look
