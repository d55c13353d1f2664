"""Configurations: converted, checked, and explained where they are wrong."""

import enum
from dataclasses import dataclass
from typing import Literal

import pytest

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
