"""Do 95 % intervals of Bradley–Terry scores cover the truth in 95 of 100 studies?

Every person answers every trial, as on a page of ``a2ibench human-study make``: each trial has a
clip and a pair of arms, with either on the left in turn. On the scale of log-odds, arms have scores
of their own, people and clips like single arms more or less than others do, and people differ in
their preference for the left; those three effects are normal with the standard deviations of a
line. The truth is what infinitely many people and clips would give: differences of people make
population scores smaller than a single person's.
"""

import itertools
import sys

import numpy as np

from a2ibench.human_study.bradley_terry import Comparison, Interval, fit, why_not_scored

SCORES = np.array([0.6, 0.0, -0.6])
ARMS = ("0", "1", "2")
POSITION = 0.3
TRIALS = (30, 60)
PEOPLE = (3, 5, 10, 30)
EFFECTS = (
    ((0, 0, 0), 0.0), ((0.5, 0, 0.3), 0.4), ((0, 0.7, 0), 0.0), ((0.5, 0.7, 0.3), 0.4),
    ((1, 1, 0.5), 0.0),
)  # fmt: skip
"""Standard deviations over people, over clips, and of people's preference for the left; τ."""
STUDIES = 400


def ends(one: Interval) -> tuple[float, float]:
    """Return the ends of an interval, which has some where there are answers enough."""
    assert one.low is not None
    assert one.high is not None
    return one.low, one.high


def answers(
    people: int,
    trials: int,
    effects: tuple[float, float, float],
    tie: float,
    rng: np.random.Generator,
    crossed: bool = True,
) -> list[Comparison]:
    """Draw a study; without crossing, every answer is of a person and a clip of its own."""
    k, pairs = len(SCORES), list(itertools.combinations(range(len(SCORES)), 2))
    order = [pairs[i % len(pairs)][:: -1 if (i // len(pairs)) % 2 else 1] for i in range(trials)]
    left, right = np.array(order).T
    shape = (people, trials)
    by_person = effects[0] * rng.normal(size=(people, 1 if crossed else trials, k))
    by_clip = effects[1] * rng.normal(size=(1 if crossed else people, trials, k))
    liking = SCORES + by_person + by_clip
    side = POSITION + effects[2] * rng.normal(size=(people, 1 if crossed else trials))
    at = np.arange(trials)
    d = liking[:, at, left] - liking[:, at, right] + side
    latent = d + rng.logistic(size=shape)
    return [
        Comparison(
            f"p{p if crossed else (p, t)}", f"c{t if crossed else (p, t)}", str(left[t]),
            str(right[t]),
            None if abs(latent[p, t]) < tie else str((left if latent[p, t] > 0 else right)[t]),
        )
        for p, t in np.ndindex(*shape)
    ]  # fmt: skip


def truth(effects: tuple[float, float, float], tie: float) -> dict[str, float]:
    drawn = answers(600, 60, effects, tie, np.random.default_rng(0), crossed=False)
    found = fit(drawn, ARMS)
    return {one.arm: one.score.value for one in found.scores}


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    print(f"{studies} studies a line; coverage in %, mean half width in log-odds")
    print("people trials ties  person clip side   scores  differences  refused  half width")
    covered_all = []
    for effects, tie in EFFECTS:
        true = truth(effects, tie)
        for people, trials in itertools.product(PEOPLE, TRIALS):
            rng = np.random.default_rng(
                [people, trials, *(int(10 * one) for one in (*effects, tie))]
            )
            scores, differences, widths, refused = [], [], [], 0
            for _ in range(studies):
                drawn = answers(people, trials, effects, tie, rng)
                if why_not_scored(drawn, ARMS) is not None:
                    refused += 1
                    continue
                found = fit(drawn, ARMS)
                for one in found.scores:
                    low, high = ends(one.score)
                    scores.append(low <= true[one.arm] <= high)
                    widths.append((high - low) / 2)
                for pair in found.differences:
                    low, high = ends(pair.difference)
                    differences.append(low <= true[pair.a] - true[pair.b] <= high)
            covered_all.append((people, 100 * np.mean(scores)))
            print(
                f"{people:6} {trials:6} {tie:4.1f}  {effects[0]:6.1f} {effects[1]:4.1f}"
                f" {effects[2]:4.1f} {100 * np.mean(scores):8.1f}"
                f" {100 * np.mean(differences):12.1f} {100 * refused / studies:8.1f}"
                f" {np.mean(widths):10.2f}",
                flush=True,
            )
    for people in PEOPLE:
        mine = [one for number, one in covered_all if number == people]
        print(f"{people} people: {min(mine):.1f} to {max(mine):.1f}, mean {np.mean(mine):.1f}")


if __name__ == "__main__":
    main()
