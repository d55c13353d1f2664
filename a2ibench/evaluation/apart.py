"""Test segments that count: of those of a clip that overlap, one.

Two segments that share a part of their sound are one recording twice. They are drawn and scored
like all others, but they are no further evidence: neither for the number of segments that a metric
needs, nor in a pool that an image is to be found in.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.types import IntArray, Pairs

SLACK = 1e-3
"""Seconds by which one segment may begin before the other ends: times are rounded."""


def find_apart(pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Marks as many segments of every clip as there are of which no two overlap.

    Taken in the order of their ends, each is marked that begins after the last marked one has
    ended, which is the largest number there is; of several pictures of one sound the first.

    Returns:
        bool ``[n]``; all True where it is not known where the sounds lie.
    """
    if not len(pairs.span):
        return np.ones(len(pairs), dtype=np.bool_)
    begin, end = pairs.span.T
    apart = np.zeros(len(pairs), dtype=np.bool_)
    last: dict[str, float] = {}
    for row in np.lexsort((begin, end)).tolist():
        clip = str(pairs.source[row])
        if begin[row] >= last.get(clip, -math.inf) - SLACK:
            apart[row] = True
            last[clip] = float(end[row])
    return apart


@dataclass(frozen=True)
class Evidence:
    """What a test split has to show, by which metrics are allowed or refused.

    Attributes:
        label: int64 ``[m]``, the classes of the segments that do not overlap.
        source: ``[m]``, their clips.
        classes: the class names.
        pairs: how many test pairs there are in all.
    """

    label: IntArray
    source: npt.NDArray[np.str_]
    classes: tuple[str, ...]
    pairs: int

    @staticmethod
    def of(test: Pairs) -> "Evidence":
        """What some test pairs have to show."""
        apart = find_apart(test)
        return Evidence(test.label[apart], test.source[apart], test.classes, len(test))

    def check(self, metric: Metric) -> None:
        """Refuses a metric that needs more than there is.

        Raises:
            UserError: too few segments or clips; the message counts both, and says how many clips
                would do.
        """
        for label, clips in self._clips_by_class().items():
            if 0 < clips < metric.clips_in_class:
                raise UserError(
                    f"{metric.name}: needs test clips: {metric.clips_in_class} or more of every"
                    f" class, {self.classes[label]!r} has {clips}"
                )
        try:
            metric.check(self.label, self.classes)
        except UserError as error:
            raise UserError(f"{error}{self._advice(metric)}") from None

    def _advice(self, metric: Metric) -> str:
        """What there is, and how many clips would do, as far as the metric says what it needs."""
        clips = len(np.unique(self.source))
        parts = []
        if len(self.label) < self.pairs:
            parts.append(
                f"; of {self.pairs} test pairs {len(self.label)} do not overlap: those count"
            )
        parts.append(f"; they are of {_count(clips)}")
        counts = np.bincount(self.label, minlength=len(self.classes))
        fewest = int(counts.min(initial=len(self.label)))
        if fewest < metric.fewest_in_class:
            own, segments = self._clips_by_class().get(int(counts.argmin()), 0), fewest
            if not segments:  # as those of the other classes are, on the average
                own, segments = clips, len(self.label)
            if segments:
                needed = math.ceil(metric.fewest_in_class * own / segments)
                parts.append(f"; about {needed} clips of every class would do")
        elif 0 < len(self.label) < metric.fewest:
            needed = math.ceil(metric.fewest * clips / len(self.label))
            parts.append(f"; about {needed} clips of such length would do")
        return "".join(parts)

    def _clips_by_class(self) -> dict[int, int]:
        return {
            int(label): len(np.unique(self.source[self.label == label]))
            for label in np.unique(self.label)
        }


def _count(clips: int) -> str:
    return f"{clips} clip{'' if clips == 1 else 's'}"
