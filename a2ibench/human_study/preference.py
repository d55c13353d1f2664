"""Preferences of participants: shares with intervals, and the agreement between participants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from a2ibench.evaluation.statistics import LEVEL, MIN_CLIPS, SeedScores, interval


@dataclass(frozen=True)
class Preference:
    """Answers to comparisons of one arm, a, with another, b.

    Attributes:
        chosen: number of answers for a.
        tied: number of answers that no picture fits better.
        answers: number of all answers, without repeats.
        share: of the answers for a, a tie counting half.
        low: lower end of its 95 % interval; None with fewer than five clips.
        high: upper end of its 95 % interval; likewise.
        p: p-value of no preference, by an exact binomial test of the answers without ties (the
            sign test) that assumes independent answers: too small where they are not.
        participants: number of participants.
        items: number of test segments.
        alpha: Krippendorff's α of the participants' choices; None with one participant or where all
            choices are equal.
    """

    a: str
    b: str
    chosen: int
    tied: int
    answers: int
    share: float
    low: float | None
    high: float | None
    p: float
    participants: int
    items: int
    alpha: float | None


def preference(
    a: str, b: str, choices: Mapping[str, Mapping[str, float]], clips: Mapping[str, str]
) -> Preference:
    """Compute the share that prefers a, from complete answers.

    Participants and clips both count as drawn at random, as training seeds and test clips do
    (:func:`~a2ibench.evaluation.statistics.interval`); with one participant the clips alone. The
    interval is at least Clopper and Pearson's for independent answers, so that unanimous answers
    have one. With fewer than five clips there is none.

    Args:
        a: label of the first arm.
        b: label of the second arm.
        choices: participant → item → 1 where a was chosen, 0 where b was, 0.5 for a tie; every
            participant has every item.
        clips: item → the source clip of its sound.
    """
    items = list(next(iter(choices.values())))
    table = np.array([[one[item] for item in items] for one in choices.values()])
    tied, answers = int((table == 0.5).sum()), table.size
    chosen, share = int((table == 1).sum()), float(table.mean())
    p = scipy.stats.binomtest(chosen, answers - tied).pvalue if tied < answers else 1.0
    # Clopper and Pearson's, in the form that takes halves.
    exact = scipy.stats.beta.ppf(
        ((1 - LEVEL) / 2, (1 + LEVEL) / 2),
        (share * answers, share * answers + 1),
        ((1 - share) * answers + 1, (1 - share) * answers),
    )
    ends = np.where(np.isnan(exact), (0, 1), exact)
    blocks = _pseudo_values(table, [clips[item] for item in items])
    people = SeedScores(tuple(range(len(table))), table.mean(axis=1), len(items), None, blocks)
    low: float | None = None
    high: float | None = None
    if blocks.shape[1] >= MIN_CLIPS:
        low, high = interval(people) or (1.0, 0.0)
        low, high = max(0.0, min(float(ends[0]), low)), min(1.0, max(float(ends[1]), high))
    return Preference(
        a=a,
        b=b,
        chosen=chosen,
        tied=tied,
        answers=answers,
        share=share,
        low=low,
        high=high,
        p=float(p),
        participants=table.shape[0],
        items=table.shape[1],
        alpha=agreement(choices),
    )


def _pseudo_values(table: npt.NDArray[np.float64], clips: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return each participant's jackknife pseudo-values of the clips: ``[P, C]``."""
    member = np.equal.outer(clips, np.unique(clips)).astype(np.float64)
    count, C = member.sum(axis=0), member.shape[1]
    rest = (table.sum(axis=1, keepdims=True) - table @ member) / np.maximum(len(clips) - count, 1)
    values: npt.NDArray[np.float64] = C * table.mean(axis=1, keepdims=True) - (C - 1) * rest
    return values


def agreement(choices: Mapping[str, Mapping[str, float]]) -> float | None:
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
