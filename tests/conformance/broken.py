"""Runs the rules on a plug-in that breaks one of them."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from a2ibench.config import option
from a2ibench.conformance.rules import Finding, Rules


def finding(rules: Rules[Any], subject: Any, rule: str) -> Finding:
    """What comes of one rule; those before it are met."""
    for found in rules.check(subject):
        if found.rule == rule:
            return found
        assert found.state == "met", found
    raise AssertionError(f"no rule {rule}")


def assert_all_met(rules: Rules[Any], subject: Any) -> None:
    assert [found for found in rules.check(subject) if found.state != "met"] == []


def broken_configs(good: Any) -> list[tuple[str, type]]:
    """Rules on ``Config``, each with a plug-in like ``good`` that breaks it."""

    @dataclass(frozen=True)
    class Refuses(good.Config):
        def __post_init__(self):
            raise ValueError("never right")

    @dataclass(frozen=True)
    class Odd(good.Config):
        parts: frozenset[str] = option(frozenset("ab"), "no JSON")

    @dataclass(frozen=True)
    class Mute(good.Config):
        depth: int = 3

    own = [
        (field.name, field.type, option(field.default, field.metadata["doc"]))
        for field in dataclasses.fields(good.Config)
    ]
    configs = {
        "defaults": Refuses,
        "frozen": dataclasses.make_dataclass("Assignable", own),
        "plain": Odd,
        "documented": Mute,
    }
    return [
        (rule, type(config.__name__, (good,), {"Config": config}))
        for rule, config in configs.items()
    ]
