"""Build, train and draw with the model of a job, for studies and searches alike."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench import registry
from a2ibench.evaluation.eval_set import GRID_NOISES, EvalSet
from a2ibench.evaluation.evaluate import GeneratedImages
from a2ibench.results.job import Job
from a2ibench.training.data_parallel import ALONE, Team
from a2ibench.training.fit import Progress, fit
from a2ibench.types import FloatArray, ImageArray, Pairs, Spec

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model
    from a2ibench.training.checkpoint import TrainingState

OWN_BATCH = 64


def build(job: Job, train: Pairs) -> "Model":
    """Build a job's model for some pairs, with random weights from the job's seed, on its device.

    Raises:
        UserError: the method does not have the job's options.
    """
    from a2ibench.training.device import choose_device, make_deterministic, place

    make_deterministic(job.seed, choose_device())
    spec = Spec.of(train)
    return place(registry.models.build(job.method, job.config, spec))


def steps_of(images: int, model: "Model") -> int:
    """Return the training steps of a budget, at least one."""
    return max(1, images // model.sampling.batch_size)


def train(
    model: "Model",
    job: Job,
    pairs: Pairs,
    checkpoint: Path,
    steps: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    team: Team = ALONE,
    preview: Callable[[int], None] | None = None,
    earlier: Sequence[Path] = (),
) -> "TrainingState":
    """Train a model from :func:`build` on the budget of its job, or for fewer ``steps``.

    See :func:`~a2ibench.training.fit.fit` for the other arguments.
    """
    return fit(
        model,
        pairs,
        steps=steps_of(job.images, model) if steps is None else steps,
        seed=job.seed,
        checkpoint=checkpoint,
        report=report,
        team=team,
        preview=preview,
        earlier=earlier,
    )


def draw_eval_set(
    model: "Model", eval_set: EvalSet, seed: int, grid: bool = True
) -> GeneratedImages:
    """Draw images for the test segments.

    Args:
        grid: whether the segments of the grid are drawn several times as well.

    Raises:
        ValueError: the model draws something other than finite images of its size.
    """
    from a2ibench.training.draw import draw, draw_grid, draw_noise

    acoustic = eval_set.test.acoustic
    images = draw(model, acoustic, draw_noise(len(acoustic), model.noise_dim, seed))
    several = draw_grid(model, acoustic[eval_set.grid_rows], GRID_NOISES, seed) if grid else None
    own = None if model.image_to_audio(images[:1]) is None else partial(_own, model)
    return GeneratedImages(images, several, own)


def _own(model: "Model", images: ImageArray) -> FloatArray:
    """Apply the method's own image-to-audio network, in batches."""
    starts = range(0, len(images), OWN_BATCH)
    # Copies, since torch takes no arrays that are read-only, as images mapped from a file are.
    answers = [model.image_to_audio(images[i : i + OWN_BATCH].copy()) for i in starts]
    return np.concatenate([answer for answer in answers if answer is not None])
