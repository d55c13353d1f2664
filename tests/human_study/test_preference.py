"""Preferences: shares, intervals over people and items, agreement."""

import pytest
from scipy import stats

from a2ibench.human_study.preference import Preference, agreement, preference

VALUES = {"1": 1.0, "0": 0.0, "=": 0.5}


def choices(*people: str) -> dict[str, dict[str, float]]:
    """``"11="``: a was chosen for items 0 and 1, item 2 is a tie."""
    return {
        f"p{i}": {f"t{j}": VALUES[answer] for j, answer in enumerate(answers)}
        for i, answers in enumerate(people)
    }


def preferred(*people: str, clips: str | None = None) -> Preference:
    """The preference; each item has a clip of its own, or that of the letter in its place."""
    letters = clips or map(str, range(len(people[0])))
    return preference("a", "b", choices(*people), {f"t{j}": one for j, one in enumerate(letters)})


def test_unanimous_answers_have_the_exact_binomial_interval() -> None:
    found = preferred("11111", "11111")
    exact = stats.binomtest(10, 10).proportion_ci(0.95, method="exact")
    assert (found.share, found.low, found.high) == (1, pytest.approx(exact.low), 1)
    assert found.alpha is None


def test_the_interval_widens_when_people_differ() -> None:
    mixed = preferred("110100", "001011", "101010", "010101")
    split = preferred("111111", "111111", "000000", "000000")
    assert mixed.share == split.share == 0.5
    assert split.low < mixed.low


def test_the_interval_widens_when_the_items_are_of_few_clips() -> None:
    people = ["110011001100"] * 3
    apart, together = preferred(*people), preferred(*people, clips="aabbccddeeff")
    assert apart.share == together.share == 0.5
    assert together.low < apart.low
    # Clips of several items weigh as many: the share of all answers stays in the middle.
    uneven = preferred("1110001", "1010101", "1001101", clips="aaabcde")
    assert (uneven.low + uneven.high) / 2 == pytest.approx(uneven.share, abs=0.02)


def test_a_tie_counts_half_in_the_share_and_not_in_the_test() -> None:
    found = preferred("11=0==1", "=11=0==")
    assert (found.chosen, found.tied, found.answers) == (5, 7, 14)
    assert found.share == 8.5 / 14
    assert found.p == stats.binomtest(5, 7).pvalue
    assert preferred("===", "===").p == 1
    assert preferred("===", "===").share == 0.5


def test_without_ties_the_least_interval_is_clopper_and_pearson_s() -> None:
    exact = stats.binomtest(11, 15).proportion_ci(0.95, method="exact")
    found = preferred("11111", "10111", "11000")
    assert found.chosen == 11
    assert found.low <= exact.low + 1e-9
    assert found.high >= exact.high - 1e-9


def test_fewer_than_five_clips_have_no_interval_however_many_items_and_people() -> None:
    for found in (preferred("1110", "1010"), preferred(*["110110"] * 20, clips="aabbcd")):
        assert (found.low, found.high) == (None, None)
    assert preferred(*["11010"] * 20).low is not None


def test_alpha_is_that_of_the_definition() -> None:
    # Coincidences of 2 people on 4 items with one disagreement: D_o = 2/8, D_e = 2·3·5/(8·7).
    assert agreement(choices("1100", "1000")) == pytest.approx(1 - (2 / 8) / (2 * 3 * 5 / 56))
    assert agreement(choices("1100")) is None


# The examples of Krippendorff (2011), "Computing Krippendorff's alpha-reliability": A, binary; B,
# nominal; C, nominal and incomplete.
@pytest.mark.parametrize(
    ("observers", "alpha"),
    [
        (("0100000010", "1110010000"), 0.095),
        (("112243335441", "212223335444"), 0.692),
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
    ],
)
def test_alpha_is_the_published_one(observers: tuple[str, ...], alpha: float) -> None:
    coded = {
        name: {unit: int(value) for unit, value in enumerate(values) if value != "."}
        for name, values in enumerate(observers)
    }
    assert agreement(coded) == pytest.approx(alpha, abs=5e-4)
