"""Mean ranks of methods, and the least difference that separates them (Demšar, JMLR 7, 2006)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from a2ibench.errors import UserError

LEVEL = 0.05
LEAST = 3
"""Methods, and rows (data sets or metrics), that there must be."""


@dataclass(frozen=True)
class Ranks:
    """Mean ranks and what separates them.

    Attributes:
        mean: float64 ``[k]``, 1 is best.
        critical: the least difference of two mean ranks that is significant at 5 % (Nemenyi).
        p: of Friedman's test that all methods are alike.
        rows: number of data sets or metrics that were ranked.
    """

    mean: npt.NDArray[np.float64]
    critical: float
    p: float
    rows: int


def critical_value(k: int) -> float:
    """Return Nemenyi's q_0.05: the studentised range of k means over √2 (Demšar, table 5)."""
    return float(scipy.stats.studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2))


def rank(scores: npt.NDArray[np.float64]) -> Ranks:
    """Rank methods on every row.

    Args:
        scores: float64 ``[N, k]``, one row per data set or metric, higher is better; equal
            scores share their mean rank.

    Raises:
        UserError: fewer than three methods or rows, or scores that are missing.
    """
    N, k = scores.shape
    if N < LEAST or k < LEAST:
        raise UserError(f"a critical difference needs {LEAST} methods and rows, got {k} and {N}")
    if not np.isfinite(scores).all():
        raise UserError("a critical difference needs every score of every method")
    ranks = scipy.stats.rankdata(-scores, axis=1)
    tied = np.ptp(ranks) == 0  # all alike everywhere: Friedman's statistic is 0 / 0
    p = 1.0 if tied else float(scipy.stats.friedmanchisquare(*ranks.T).pvalue)
    return Ranks(ranks.mean(axis=0), critical_value(k) * np.sqrt(k * (k + 1) / (6 * N)), p, N)


def cliques(ranks: Ranks) -> list[tuple[int, int]]:
    """Return the first and last position of the longest runs of two or more methods, in order of
    mean rank, that are not separated; none lies inside another."""
    ordered = np.sort(ranks.mean)
    found: list[tuple[int, int]] = []
    for first in range(len(ordered)):
        last = int(np.searchsorted(ordered, ordered[first] + ranks.critical, side="right")) - 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
