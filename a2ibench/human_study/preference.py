"""Preferences of participants: shares with intervals, and the agreement between participants."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from a2ibench.evaluation.statistics import LEVEL, SeedScores, interval


@dataclass(frozen=True)
class Preference:
    """Answers to comparisons of one arm, a, with another, b.

    Attributes:
        chosen: number of answers for a.
        answers: number of all answers, without repeats.
        share: ``chosen / answers``.
        low: lower end of its 95 % interval.
        high: upper end of its 95 % interval.
        p: p-value of no preference, by an exact binomial test that assumes independent answers: too
            small where they are not.
        participants: number of participants.
        items: number of test segments.
        alpha: Krippendorff's α of the participants' choices; None with one participant or where all
            choices are equal.
    """

    a: str
    b: str
    chosen: int
    answers: int
    share: float
    low: float
    high: float
    p: float
    participants: int
    items: int
    alpha: float | None


def preference(a: str, b: str, choices: Mapping[str, Mapping[str, bool]]) -> Preference:
    """Compute the share that prefers a, from complete answers.

    Participants and items both count as drawn at random, as training seeds and test clips do
    (:func:`~a2ibench.evaluation.statistics.interval`); with one participant the items alone. The
    interval is at least Clopper and Pearson's for independent answers, so that unanimous answers
    have one.

    Args:
        a: label of the first arm.
        b: label of the second arm.
        choices: participant → item → whether a was chosen; every participant has every item.
    """
    table = np.array([list(one.values()) for one in choices.values()], dtype=np.float64)
    chosen, answers = int(table.sum()), table.size
    exact = scipy.stats.binomtest(chosen, answers)
    ends = exact.proportion_ci(LEVEL, method="exact")
    people = SeedScores(tuple(range(len(table))), table.mean(axis=1), table.shape[1], None, table)
    low, high = interval(people) or (1.0, 0.0)
    return Preference(
        a=a,
        b=b,
        chosen=chosen,
        answers=answers,
        share=chosen / answers,
        low=max(0.0, min(float(ends.low), low)),
        high=min(1.0, max(float(ends.high), high)),
        p=float(exact.pvalue),
        participants=table.shape[0],
        items=table.shape[1],
        alpha=agreement(choices),
    )


def agreement(choices: Mapping[str, Mapping[str, bool]]) -> float | None:
    """Return Krippendorff's α for nominal data (Krippendorff 2004); an item may lack answers.

    1 is full agreement, 0 what chance gives. None with one participant, or where every choice is
    the same and α is not defined.
    """
    values = {value for one in choices.values() for value in one.values()}
    if len(choices) < 2 or len(values) < 2:
        return None
    import krippendorff

    items = dict.fromkeys(item for one in choices.values() for item in one)
    table = [[float(one.get(item, np.nan)) for item in items] for one in choices.values()]
    return float(krippendorff.alpha(table, level_of_measurement="nominal"))
