"""Disjoint test segments: of those of a clip that overlap, one counts.

Two segments that share a part of their sound are one recording twice. They are drawn and scored
like all others, but they are no further evidence: neither for the number of segments that a metric
needs, nor in a pool that an image is to be found in.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.types import IntArray, Pairs

SLACK = 1e-3
"""Seconds by which one segment may begin before the other ends: times are rounded."""


def find_disjoint(pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Mark the largest possible number of segments of every recording of which no two overlap.

    In the order of their ends, each is marked that begins after the last marked one has ended; of
    several images of one sound the first.

    Returns:
        bool ``[n]``; all True where it is not known where the sounds lie.
    """
    if not len(pairs.span):
        return np.ones(len(pairs), dtype=np.bool_)
    begin, end = pairs.span.T
    disjoint = np.zeros(len(pairs), dtype=np.bool_)
    recording = pairs.recording if len(pairs.recording) else pairs.source
    last: dict[tuple[str, str], float] = {}
    for row in np.lexsort((begin, end)).tolist():
        name = str(pairs.source[row]), str(recording[row])
        if begin[row] >= last.get(name, -math.inf) - SLACK:
            disjoint[row] = True
            last[name] = float(end[row])
    return disjoint


def check_size(metric: Metric, test: Pairs) -> None:
    """Refuse a metric that needs more test segments or clips than there are; say what would do."""
    disjoint = find_disjoint(test)
    label, source = test.label[disjoint], test.source[disjoint]
    clips = {int(one): len(np.unique(source[label == one])) for one in np.unique(label)}
    for one, count in clips.items():
        if count < metric.clips_in_class:
            raise UserError(
                f"{metric.name}: needs test clips: {metric.clips_in_class} or more of every"
                f" class, {test.classes[one]!r} has {count}"
            )
    try:
        metric.check(label, test.classes)
    except UserError as error:
        said = [str(error)]
        if len(label) < len(test):
            said.append(f"of {len(test)} test pairs {len(label)} do not overlap: those count")
        total = len(np.unique(source))
        said.append(f"they are of {total} clip{'' if total == 1 else 's'}")
        if would_do := _clips_needed(metric, label, clips, total, len(test.classes)):
            said.append(f"about {would_do} would do")
        raise UserError("; ".join(said)) from None


def _clips_needed(
    metric: Metric, label: IntArray, clips: Mapping[int, int], total: int, classes: int
) -> str | None:
    """Say how many clips would do, as far as the metric says what it needs."""
    counts = np.bincount(label, minlength=classes)
    fewest = int(counts.min(initial=len(label)))
    if fewest < metric.fewest_in_class:
        own, segments = clips.get(int(counts.argmin()), 0), fewest
        if not segments:  # as those of the other classes are, on the average
            own, segments = total, len(label)
        if not segments:
            return None
        return f"{math.ceil(metric.fewest_in_class * own / segments)} clips of every class"
    if 0 < len(label) < metric.fewest:
        return f"{math.ceil(metric.fewest * total / len(label))} clips of such length"
    return None
