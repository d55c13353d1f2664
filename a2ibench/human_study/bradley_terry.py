"""Bradley–Terry scores of several arms, from answers of people who all hear the same sounds.

With the picture of arm l on the left and of arm r on the right, and d = score_l − score_r:

    P(left is chosen) = σ(d + γ − τ),  P(right is chosen) = σ(−d − γ − τ),  else a tie

(Bradley & Terry 1952; ties, τ ≥ 0, by Rao & Kupper 1967; γ is the effect of the position). This is
a cumulative logit, estimated as two logistic regressions with common coefficients, "not the right
one" and "the left one": generalised estimating equations with working independence (Lipsitz, Kim
& Zhao 1994). Without ties it is the maximum-likelihood estimate of Bradley and Terry's model.

People and clips are crossed, and the answers of one person, or to one clip, are alike. The variance
of a score is that of Cameron, Gelbach & Miller (2011), V = P + max(C − E, 0), with the jackknife
variances P over people, C over clips and E over single answers, which both P and C hold. As for
training seeds (:mod:`a2ibench.evaluation.statistics`), intervals are Student's with the degrees of
freedom of Satterthwaite, and at least as wide as by people alone.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from a2ibench.evaluation.statistics import LEVEL, MIN_CLIPS
from a2ibench.evaluation.variance import Estimate, satterthwaite
from a2ibench.types import IntArray

Array = npt.NDArray[np.float64]

SINGULAR = 1e12
"""Condition number of the information beyond which coefficients are not defined."""


class Comparison(NamedTuple):
    """An answer: which of two arms' pictures a person preferred; ``chosen`` is None for a tie."""

    person: str
    clip: str
    left: str
    right: str
    chosen: str | None


@dataclass(frozen=True)
class Interval:
    """A number and its 95 % interval, whose ends are None where the variance is not known."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ArmScore:
    """The score of one arm, and the answers behind it.

    Attributes:
        score: in natural log-odds, relative to the mean of all arms.
        share: the probability that the arm is chosen over an average one, without ties and in
            either position: σ(score).
    """

    arm: str
    score: Interval
    share: float
    won: int
    tied: int
    lost: int


@dataclass(frozen=True)
class ScoreDifference:
    """The difference of two scores, a − b, in natural log-odds."""

    a: str
    b: str
    difference: Interval


@dataclass(frozen=True)
class BradleyTerry:
    """The fitted model.

    Attributes:
        scores: one per arm, the highest first.
        differences: one per pair of arms.
        position: γ, the log-odds of the left picture between equal arms.
        tie: τ; 0 without ties.
    """

    scores: list[ArmScore]
    differences: list[ScoreDifference]
    position: Interval
    tie: float


def why_not_scored(comparisons: Sequence[Comparison], arms: Sequence[str]) -> str | None:
    """Say what is missing for finite scores; None where nothing is.

    Scores are finite if and only if no direction of the coefficients separates the answers (Albert
    & Anderson 1984). The usual case is Ford's (1957): arms that are not connected by comparisons,
    or that were chosen in every one of them.
    """
    import scipy.optimize
    import scipy.sparse.csgraph

    wins = np.zeros((len(arms), len(arms)))
    for one in comparisons:
        ends = [(one.left, one.right), (one.right, one.left)]
        for winner, loser in ends if one.chosen is None else [_ordered(one)]:
            wins[arms.index(winner), arms.index(loser)] += 1
    parts, part = scipy.sparse.csgraph.connected_components(wins, connection="weak")
    if parts > 1:
        groups = [_list(arms, part == i) for i in range(parts)]
        return f"no comparison connects {' with '.join(groups)}: compare an arm of each"
    parts, part = scipy.sparse.csgraph.connected_components(wins, connection="strong")
    if parts > 1:
        # Components that nobody beat: their scores would be infinite.
        top = next(i for i in range(parts) if not wins[np.ix_(part != i, part == i)].any())
        count = int(wins[np.ix_(part == top, part != top)].sum())
        return (
            f"{_list(arms, part == top)} won all of {count} comparisons with"
            f" {_list(arms, part != top)}: the difference has no finite estimate until one of them"
            " goes the other way; more participants or trials are needed"
        )
    x, y = _design(comparisons, arms)
    signed = np.unique(x * (2 * y - 1)[:, np.newaxis], axis=0)
    found = scipy.optimize.linprog(
        -signed.sum(axis=0), -signed, np.zeros(len(signed)), bounds=(-1, 1)
    )
    if np.linalg.matrix_rank(x) < x.shape[1] or -found.fun > 1e-6:
        return (
            "the arms' scores cannot be told from the preference for a side, or for a tie: more"
            " participants are needed, or trials with each arm on either side"
        )
    return None


def fit(comparisons: Sequence[Comparison], arms: Sequence[str]) -> BradleyTerry:
    """Estimate the scores of arms, for which nothing must be missing (:func:`why_not_scored`)."""
    from sklearn.linear_model import LogisticRegression

    k = len(arms)
    x, y = _design(comparisons, arms)
    # Of the solvers of second order the one that is content with a start at the maximum.
    solver = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cg", tol=1e-7)
    beta: Array = solver.fit(x, y).coef_[0]
    p = special.expit(x @ beta)
    gradient = x * (y - p)[:, np.newaxis]
    information = np.einsum("i,ij,ik->ijk", p * (1 - p), x, x)
    groups = (
        _codes([one.person for one in comparisons]),
        _codes([one.clip for one in comparisons]),
        np.arange(len(comparisons)),
    )
    changes = [_left_out(gradient, information, np.tile(group, 2)) for group in groups]

    def estimate(contrast: Array) -> Interval:
        value = float(contrast @ beta)
        people, clips, answers = (_jackknife(one @ contrast) for one in changes)
        reach = _reach(people, clips, answers)
        return Interval(value, *((None, None) if reach is None else (value - reach, value + reach)))

    # Coefficients: every arm's score but that of the first, γ, and τ.
    own = np.vstack([np.zeros(k + 1), np.eye(k - 1, k + 1)])
    centred = own - own.mean(axis=0)
    scores = [
        _score(arm, estimate(row), comparisons) for arm, row in zip(arms, centred, strict=True)
    ]
    return BradleyTerry(
        scores=sorted(scores, key=lambda one: -one.score.value),
        differences=[
            ScoreDifference(arms[i], arms[j], estimate(own[i] - own[j]))
            for i, j in itertools.combinations(range(k), 2)
        ],
        position=estimate(np.eye(k + 1)[k - 1]),
        tie=float(beta[k]),
    )


def _design(comparisons: Sequence[Comparison], arms: Sequence[str]) -> tuple[Array, Array]:
    """Return the two binary outcomes of each answer and their predictors, ``[2 n, k + 1]``."""
    n, k = len(comparisons), len(arms)
    x, y = np.zeros((2, n, k + 1)), np.empty((2, n))
    for i, one in enumerate(comparisons):
        for arm, sign in ((one.left, 1.0), (one.right, -1.0)):
            if arm != arms[0]:
                x[:, i, arms.index(arm) - 1] = sign
        y[:, i] = one.chosen != one.right, one.chosen == one.left
    x[:, :, k - 1] = 1
    x[:, :, k] = [[1], [-1]]
    return x.reshape(2 * n, k + 1), y.reshape(-1)


def _left_out(gradient: Array, information: Array, group: IntArray) -> Array:
    """Return by how much the coefficients change without each group, to one step of Newton's:
    ``[G, k + 1]``; NaN where they are not defined without it."""
    count, k = int(group.max()) + 1, gradient.shape[1]
    own, lost = np.zeros((count, k)), np.zeros((count, k, k))
    np.add.at(own, group, gradient)
    np.add.at(lost, group, information)
    rest = information.sum(axis=0) - lost
    gone = np.linalg.cond(rest) > SINGULAR
    rest[gone] = np.eye(k)
    change = -np.linalg.solve(rest, own[:, :, np.newaxis])[:, :, 0]
    change[gone] = np.nan
    return change


def _jackknife(changes: Array) -> Estimate:
    G = len(changes)
    return Estimate(float((G - 1) / G * np.sum(changes**2)), G - 1)


def _reach(people: Estimate, clips: Estimate, answers: Estimate) -> float | None:
    """Return half the width of an interval, by the clips alone with one person; None where the
    variance is not known."""
    alone = people.freedom < 1
    if clips.freedom + 1 < MIN_CLIPS or not np.isfinite(clips.variance):
        return None
    if not (alone or np.isfinite(people.variance)):
        return None
    beyond = Estimate(max(clips.variance - answers.variance, 0.0), clips.freedom)
    parts = [clips] if alone else [people, satterthwaite(people, beyond)]
    return max(
        float(np.sqrt(one.variance) * special.stdtrit(one.freedom, (1 + LEVEL) / 2))
        for one in parts
    )


def _score(arm: str, score: Interval, comparisons: Sequence[Comparison]) -> ArmScore:
    own = [one for one in comparisons if arm in (one.left, one.right)]
    won = sum(one.chosen == arm for one in own)
    tied = sum(one.chosen is None for one in own)
    share = float(special.expit(score.value))
    return ArmScore(arm, score, share, won, tied, len(own) - won - tied)


def _ordered(one: Comparison) -> tuple[str, str]:
    """Return winner and loser."""
    return (one.left, one.right) if one.chosen == one.left else (one.right, one.left)


def _codes(names: Sequence[str]) -> IntArray:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _list(arms: Sequence[str], chosen: npt.NDArray[np.bool_]) -> str:
    return ", ".join(arm for arm, one in zip(arms, chosen, strict=True) if one)
