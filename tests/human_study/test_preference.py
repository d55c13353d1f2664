"""Preferences: shares, intervals over people and items, agreement."""

import pytest
from scipy import stats

from a2ibench.human_study.preference import agreement, preference


def choices(*people: str) -> dict[str, dict[str, bool]]:
    """``"110"``: a was chosen for items 0 and 1."""
    return {
        f"p{i}": {f"t{j}": answer == "1" for j, answer in enumerate(answers)}
        for i, answers in enumerate(people)
    }


def test_unanimous_answers_have_the_exact_binomial_interval() -> None:
    found = preference("a", "b", choices("1111", "1111"))
    exact = stats.binomtest(8, 8).proportion_ci(0.95, method="exact")
    assert (found.share, found.low, found.high) == (1, pytest.approx(exact.low), 1)
    assert found.alpha is None


def test_the_interval_widens_when_people_differ() -> None:
    mixed = preference("a", "b", choices("110100", "001011", "101010", "010101"))
    split = preference("a", "b", choices("111111", "111111", "000000", "000000"))
    assert mixed.share == split.share == 0.5
    assert split.low < mixed.low


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
