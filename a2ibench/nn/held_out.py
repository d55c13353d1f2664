"""Figures of a judge on clips that it held out, and choices that are made on the same clips."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from a2ibench.hash_order import rank_by_hash
from a2ibench.types import IntArray

MIN_CLIPS = 5
"""Minimum number of clips that have an interval."""
LEVEL = 0.95

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


def classifier_figures(
    right: npt.NDArray[np.bool_] | Array, label: IntArray, source: Names
) -> Mapping[str, float]:
    """Compute the figures that :meth:`~a2ibench.contracts.judge.Judge.fit` returns.

    ``right``, ``[n]``, says whether each held-out image is classified correctly; ``label`` holds
    the true classes, ``source`` the clips.

    Returns:
        ``held_out_accuracy``, ``held_out_chance``, the share of the most frequent class, and those
        of :func:`ratio_figures`.
    """
    return {
        **ratio_figures("held_out_accuracy", np.asarray(right), np.ones(len(right)), source),
        "held_out_chance": float(np.bincount(label).max() / len(label)),
    }


def ratio_figures(name: str, value: Array, of: Array, source: Names) -> dict[str, float]:
    """Compute the ratio of two sums over held-out images.

    Args:
        name: of the ratio.
        value: ``[n]``, what is summed.
        of: ``[n]``, what it is divided by, with a sum above 0.
        source: ``[n]``, the clips.

    Returns:
        The ratio; ``held_out_images`` and ``held_out_clips``; and, from five clips on,
        ``held_out_low``, the lower end of its 95 % interval (Student's t over clips, the ratio
        estimator of Cochran 1977, § 2.11).
    """
    clips, position = np.unique(source, return_inverse=True)
    ratio, total = float(value.sum() / of.sum()), float(of.sum())
    figures = {
        name: ratio,
        "held_out_images": float(len(source)),
        "held_out_clips": float(len(clips)),
    }
    if len(clips) >= MIN_CLIPS:
        excess = np.bincount(position, value - ratio * of)
        error = float(np.sqrt(np.square(excess).sum() * len(clips) / (len(clips) - 1)) / total)
        figures["held_out_low"] = ratio - float(stdtrit(len(clips) - 1, (1 + LEVEL) / 2)) * error
    return figures


def choose(scores: Array, source: Names) -> tuple[int, IntArray]:
    """Choose the best of some options on held-out images.

    Args:
        scores: float64 ``[K, n]``, of each option on each image; higher is better.
        source: ``[n]``, the clips.

    Returns:
        The best option; and int64 ``[n]``, for each image the best one by the other half of the
        clips. A figure computed with these is not biased by the choice.
    """
    best = int(scores.sum(axis=1).argmax())
    clips, position = np.unique(source, return_inverse=True)
    half = rank_by_hash(clips)[position] % 2
    without = np.full(len(source), best, dtype=np.int64)
    if len(clips) > 1:
        for one in (0, 1):
            without[half == one] = scores[:, half != one].sum(axis=1).argmax()
    return best, without
