"""The accuracy of a classifier on held-out clips, for the judges that report it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from a2ibench.types import IntArray

MIN_CLIPS = 5
"""Minimum number of clips that have an interval."""
LEVEL = 0.95


def classifier_figures(
    right: npt.NDArray[np.bool_], label: IntArray, source: npt.NDArray[np.str_]
) -> Mapping[str, float]:
    """Compute the figures that :meth:`~a2ibench.contracts.judge.Judge.fit` returns.

    ``right``, bool ``[n]``, says whether each held-out image is classified correctly; ``label``
    holds the true classes, ``source`` the clips.

    Returns:
        ``held_out_accuracy``; ``held_out_images`` and ``held_out_clips``; ``held_out_chance``, the
        share of the most frequent class; and, from five clips on, ``held_out_low``, the lower end
        of a 95 % interval of the accuracy (Student's t over clips, the ratio estimator of Cochran
        1977, § 2.11).
    """
    clips, position = np.unique(source, return_inverse=True)
    accuracy = float(right.mean())
    figures = {
        "held_out_accuracy": accuracy,
        "held_out_images": float(len(right)),
        "held_out_clips": float(len(clips)),
        "held_out_chance": float(np.bincount(label).max() / len(label)),
    }
    if len(clips) >= MIN_CLIPS:
        excess = np.bincount(position, right - accuracy)
        error = float(np.sqrt(np.square(excess).sum() * len(clips) / (len(clips) - 1)) / len(right))
        reach = float(stdtrit(len(clips) - 1, (1 + LEVEL) / 2)) * error
        figures["held_out_low"] = accuracy - reach
    return figures
