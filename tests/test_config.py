"""Configurations: converted, checked, and explained where they are wrong."""

import enum
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import config
from a2ibench.errors import UserError


@dataclass(frozen=True)
class Config:
    width: int = config.option(64, "channels", minimum=1, maximum=512)
    rate: float = config.option(2e-4, "learning rate", minimum=0)
    law: Literal["normal", "uniform"] = config.option("normal", "of the noise")
    games: tuple[str, ...] = config.option(("pong",), "names")
    flip: bool = config.option(True, "mirror images")

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError("width must be even")


def test_strings_become_the_fields_types() -> None:
    made = config.build(
        Config,
        {"width": "32", "rate": "1e-3", "games": "pong, tennis", "flip": "false"},
        "mine",
    )
    assert made == Config(32, 1e-3, "normal", ("pong", "tennis"), False)


@pytest.mark.parametrize("given", [None, "none"])
def test_an_option_without_a_value_has_no_range(given: str | None) -> None:
    @dataclass(frozen=True)
    class Share:
        share: float | None = config.option(0.5, "of a batch", minimum=0, maximum=1)

    assert config.build(Share, {"share": given}, "mine").share is None
    assert config.takes(Share) == {"share": "number | none ≥ 0 and ≤ 1"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"widht": "3"}, "unknown option of mine 'widht'; did you mean width"),
        ({"width": "many"}, "mine.width='many': .*integer"),
        ({"width": "0"}, "mine.width=0: expected a number ≥ 1 and ≤ 512"),
        ({"rate": "nan"}, "mine.rate=nan: expected a finite number"),
        ({"rate": "1e999"}, "mine.rate=inf: expected a finite number"),
        ({"law": "cauchy"}, "mine.law='cauchy'.*normal"),
        ({"width": "33"}, "options of mine: width must be even"),
    ],
)
def test_a_wrong_value_is_explained(values: dict[str, str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        config.build(Config, values, "mine")


def test_plain_values_build_the_same_configuration_again() -> None:
    made = config.build(Config, {"games": "pong,tennis"}, "mine")
    assert config.build(Config, config.to_dict(made), "mine") == made


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("pong, tennis", ["pong", "tennis"]),
        ('"cattle, bovinae cowbell", dog barking', ["cattle, bovinae cowbell", "dog barking"]),
        ("opening a door (slowly)", ["opening a door (slowly)"]),
        ("(a) b (c)", ["(a) b (c)"]),
        ("[pong, tennis]", ["pong", "tennis"]),
        ('"(pong)"', ["(pong)"]),
        ('the "great",b', ['the "great"', "b"]),
        ('"the ""great"", b"', ['the "great", b']),
        ("pong,", ["pong"]),
        ("", []),
        ("[]", []),
    ],
)
def test_a_list_in_one_text_is_read_by_the_rules_of_csv(text: str, entries: list[str]) -> None:
    assert config.split_list(text) == entries


@pytest.mark.parametrize("text", [",", '"a, b', '"a" b,c'])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"mine\.games=.*list"):
        config.build(Config, {"games": text}, "mine")


@given(st.lists(st.text(min_size=1).map(str.strip).filter(bool)))
def test_a_list_that_was_written_is_read_again(entries: list[str]) -> None:
    assert config.split_list(config.join_list(entries)) == entries


LABELS = ("barking", "cattle, bovinae cowbell", "pigeon, dove cooing", "running (slowly)", "cattle")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("cattle, bovinae cowbell", ["cattle, bovinae cowbell"]),
        ("barking,cattle,bovinae cowbell", ["barking", "cattle, bovinae cowbell"]),
        ("pigeon,dove cooing,cattle", ["pigeon, dove cooing", "cattle"]),
        ('"pigeon, dove cooing",running (slowly)', ["pigeon, dove cooing", "running (slowly)"]),
        ("barking,barking", ["barking"]),
    ],
)
def test_names_with_commas_are_found_among_the_known_ones(text: str, chosen: list[str]) -> None:
    assert config.choose("class", config.split_list(text), LABELS) == chosen


def test_a_name_that_is_not_known_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown class 'pigeon'; did you mean"):
        config.choose("class", ["barking", "pigeon", "dove coing"], LABELS)
    with pytest.raises(UserError, match="unknown class 'barkin'; did you mean barking"):
        config.choose("class", ["cattle", "barkin", "barking"], LABELS)


class Law(enum.Enum):
    NORMAL = "normal"
    UNIFORM = "uniform"


@dataclass(frozen=True)
class Shown(Config):
    law_too: Law = config.option(Law.NORMAL, "of the noise")  # noqa: RUF009  # as plug-ins do
    limit: int | None = config.option(None, "of steps")
    name: str = config.option("", "of a file")


def test_what_an_option_takes_is_told_in_words():
    assert config.takes(Shown) == {
        "width": "whole number ≥ 1 and ≤ 512",
        "rate": "number ≥ 0",
        "law": "normal | uniform",
        "games": "text, …",
        "flip": "true or false",
        "law_too": "normal | uniform",
        "limit": "whole number | none",
        "name": "text",
    }


@pytest.mark.parametrize("value", ["9" * 400, 10**12, -(2**31), "1" * 5000])
def test_a_whole_number_of_absurd_size_is_refused(value: object) -> None:
    @dataclass(frozen=True)
    class Wide:
        steps: int = config.option(1, "how many")

    with pytest.raises(UserError, match=r"option mine\.steps") as error:
        config.build(Wide, {"steps": value}, "mine")
    assert len(str(error.value)) < 300
