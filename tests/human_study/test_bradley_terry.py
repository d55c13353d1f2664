"""Bradley–Terry scores: published and independent numbers, intervals, and refusals."""

import numpy as np
import pytest

from a2ibench.human_study.bradley_terry import Comparison, fit, why_not_scored

# Games of the eastern division of the American League in 1987, home wins and away wins (Agresti,
# Categorical Data Analysis, 2nd edition, 2002, p. 438); rows are home, columns away.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
HOME = """
    -   4-3 4-2 4-3 6-1 4-2 6-0
    3-3 -   4-2 4-3 6-0 6-1 4-3
    2-5 4-3 -   2-4 4-3 4-2 6-0
    3-3 5-1 2-5 -   4-3 4-2 6-1
    5-1 2-5 3-3 4-2 -   5-2 6-0
    2-5 3-3 3-4 4-3 4-2 -   2-4
    2-5 1-5 1-6 2-4 1-6 3-4 -
"""


def independent(answers: list[tuple[str, str, str | None]]) -> list[Comparison]:
    """Answers of one person each, to one clip each."""
    return [Comparison(f"p{i}", f"c{i}", *answer) for i, answer in enumerate(answers)]


def games() -> list[Comparison]:
    played = []
    for home, line in zip(TEAMS, HOME.split("\n")[1:-1], strict=True):
        for away, result in zip(TEAMS, line.split(), strict=True):
            if home != away:
                won, lost = map(int, result.split("-"))
                played += [(home, away, home)] * won + [(home, away, away)] * lost
    return independent(played)


def test_baseball_teams_and_their_advantage_at_home_have_the_published_scores() -> None:
    found = fit(games(), TEAMS)
    abilities = np.exp([one.score.value for one in found.scores])
    assert [one.arm for one in found.scores] == list(TEAMS)
    # Agresti, Table 10.11, and the order effect in its text.
    published = [0.220, 0.190, 0.164, 0.157, 0.137, 0.088, 0.044]
    assert abilities / abilities.sum() == pytest.approx(published, abs=5e-4)
    assert found.position.value == pytest.approx(0.302, abs=5e-4)
    assert found.tie == pytest.approx(0, abs=1e-9)
    assert (found.scores[0].won, found.scores[0].lost) == (50, 28)
    # Standard errors of differences "of about 0.3": answers are independent here.
    one = found.differences[0].difference
    assert one.low is not None
    assert (one.value - one.low) / 1.96 == pytest.approx(0.3, abs=0.05)


def table() -> list[Comparison]:
    """Numbers of wins on the left, ties, and wins on the right."""
    counts = {
        ("a", "b"): (7, 3, 4), ("b", "a"): (3, 4, 8), ("a", "c"): (9, 2, 2),
        ("c", "a"): (2, 3, 9), ("b", "c"): (6, 5, 3), ("c", "b"): (5, 2, 6),
    }  # fmt: skip
    answers: list[tuple[str, str, str | None]] = []
    for (left, right), numbers in counts.items():
        for chosen, number in zip((left, None, right), numbers, strict=True):
            answers += [(left, right, chosen)] * number
    return independent(answers)


def test_ties_give_the_estimates_of_an_independent_implementation() -> None:
    found = fit(table(), "abc")
    # statsmodels 0.15.0: OrdinalGEE(answer, design, groups=range(n), cov_struct=Independence()).
    cuts, (b, c) = (0.554877, -0.519739), (-0.697595, -1.108608)
    scores = {one.arm: one.score.value for one in found.scores}
    assert scores["b"] - scores["a"] == pytest.approx(b, abs=1e-5)
    assert scores["c"] - scores["a"] == pytest.approx(c, abs=1e-5)
    assert sum(scores.values()) == pytest.approx(0, abs=1e-9)
    assert found.position.value == pytest.approx(sum(cuts) / 2, abs=1e-5)
    assert found.tie == pytest.approx((cuts[0] - cuts[1]) / 2, abs=1e-5)
    assert found.scores[0].tied == 12


def test_exchanging_sides_reverses_the_position_and_leaves_the_scores() -> None:
    mirrored = [one._replace(left=one.right, right=one.left) for one in table()]
    one, other = fit(table(), "abc"), fit(mirrored, "abc")
    assert other.position.value == pytest.approx(-one.position.value)
    for a, b in zip(one.scores, other.scores, strict=True):
        assert (a.arm, a.score.value) == (b.arm, pytest.approx(b.score.value))
        assert a.score.low == pytest.approx(b.score.low)


def simulated(rng: np.random.Generator, people: int, trials: int) -> list[Comparison]:
    """Arms of scores 0.8, 0 and −0.8, a preference for the left of 0.5, and ties; people differ."""
    scores, pairs = np.array([0.8, 0.0, -0.8]), ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))
    found = []
    for person in range(people):
        own = scores + 0.3 * rng.normal(size=3)
        for trial in range(trials):
            left, right = pairs[trial % 6]
            latent = own[left] - own[right] + 0.5 + rng.logistic()
            chosen = None if abs(latent) < 0.4 else "abc"[left if latent > 0 else right]
            found.append(Comparison(f"{person}", f"{trial}", "abc"[left], "abc"[right], chosen))
    return found


def test_known_scores_position_and_ties_of_simulated_people_are_found() -> None:
    found = fit(simulated(np.random.default_rng(1), 150, 60), "abc")
    assert [one.arm for one in found.scores] == ["a", "b", "c"]
    assert [one.score.value for one in found.scores] == pytest.approx([0.8, 0, -0.8], abs=0.08)
    assert found.position.value == pytest.approx(0.5, abs=0.08)
    assert found.tie == pytest.approx(0.4, abs=0.05)


def test_a_preference_for_one_side_does_not_move_the_scores() -> None:
    """Left is chosen twice as often; the arms, each on either side, are equal."""
    answers = []
    for left, right in (("a", "b"), ("b", "a")):
        answers += [(left, right, left)] * 20 + [(left, right, right)] * 10
    found = fit(independent(answers), "ab")
    assert [one.score.value for one in found.scores] == pytest.approx([0, 0], abs=1e-9)
    assert found.position.value == pytest.approx(np.log(2))


def test_intervals_cover_and_are_wider_where_people_differ() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(40):
        found = fit(simulated(rng, 10, 30), "abc")
        for one, true in zip(
            sorted(found.scores, key=lambda s: s.arm), (0.78, 0, -0.78), strict=True
        ):
            assert one.score.low is not None
            assert one.score.high is not None
            covered.append(one.score.low <= true <= one.score.high)
    assert 0.9 <= np.mean(covered) <= 0.99


def test_answers_of_one_person_or_clip_count_as_alike() -> None:
    answers = table()

    def width(**same: list[str]) -> float:
        given = [
            one._replace(**{k: v[i] for k, v in same.items()}) for i, one in enumerate(answers)
        ]
        low, high = fit(given, "abc").scores[0].score.low, fit(given, "abc").scores[0].score.high
        assert low is not None
        assert high is not None
        return high - low

    apart = width()
    # Who chose what goes together: people, or clips, that always answer alike.
    alike = [f"{one.chosen}{i % 2}" for i, one in enumerate(answers)]
    assert width(person=alike) > 1.3 * apart
    assert width(clip=[f"{one}{i % 4}" for i, one in enumerate(alike)]) > 1.2 * apart


def test_one_person_has_an_interval_over_clips_and_two_who_complete_each_other_none() -> None:
    one = fit([answer._replace(person="p") for answer in table()], "abc").scores[0].score
    # With a clip for each answer, clips alone vary as much as clips and people that do not differ.
    assert one.low == pytest.approx(fit(table(), "abc").scores[0].score.low)
    # Without either of them an arm is compared with none.
    two = [o._replace(person="p" if "a" in (o.left, o.right) else "q") for o in table()]
    assert fit(two, "abc").scores[0].score.low is None


def test_few_clips_or_an_arm_that_hangs_on_one_clip_give_no_interval() -> None:
    few = [one._replace(clip=f"{i % 4}") for i, one in enumerate(table())]
    assert fit(few, "abc").scores[0].score.low is None
    one = [o._replace(clip="x") if "c" in (o.left, o.right) else o for o in table()]
    found = fit(one, "abc")
    assert found.scores[0].score.low is None


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([("a", "b", "a"), ("c", "d", "d")], "no comparison connects a, b with c, d: compare"),
        ([("a", "b", "a"), ("b", "a", "b")], "no comparison connects a, b with c with d"),
        (
            [("a", "b", "a"), ("b", "a", "b"), ("c", "a", "a"), ("b", "c", "b"), ("c", "d", "c"),
             ("d", "c", "d")],
            "a, b won all of 2 comparisons with c, d: the difference has no finite estimate",
        ),
        (
            [("a", "b", "a"), ("b", "c", "b"), ("c", "d", "c"), ("d", "a", "a")],
            "a won all of 2 comparisons with b, c, d",
        ),
        # Everybody takes the left one.
        (
            [("a", "b", "a"), ("b", "a", "b"), ("c", "a", "c"), ("a", "c", "a"), ("c", "d", "c"),
             ("d", "c", "d")],
            "cannot be told from the preference for a side",
        ),
        # Everything is a tie.
        ([("a", "b", None), ("b", "c", None), ("c", "d", None)], "or for a tie"),
        # Each pair in one order only, which the preference for a side explains as well.
        (
            [("a", "b", "a"), ("a", "b", "b"), ("c", "b", "b"), ("c", "b", "c"), ("c", "d", "c"),
             ("c", "d", "d"), ("a", "d", "d"), ("a", "d", "a")],
            "trials with each arm on either side",
        ),
    ],
)  # fmt: skip
def test_what_has_no_finite_scores_is_refused_with_what_is_missing(
    answers: list[tuple[str, str, str | None]], expected: str
) -> None:
    why = why_not_scored(independent(answers), "abcd")
    assert why is not None
    assert expected in why


def test_a_tie_is_enough_for_an_arm_that_never_won() -> None:
    balanced = [one for one in table() if {one.left, one.right} == {"a", "b"}]
    lost = [Comparison("p", "x", "c", "a", "a"), Comparison("p", "y", "a", "c", "a")]
    tied = [one._replace(chosen=None) for one in lost]
    assert "a, b won all of 2 comparisons with c" in str(why_not_scored([*balanced, *lost], "abc"))
    assert why_not_scored([*balanced, *lost, *tied], "abc") is None
    assert fit([*balanced, *lost, *tied], "abc").scores[-1].arm == "c"
