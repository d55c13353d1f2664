"""Runs the rules on a plug-in that breaks one of them."""

from typing import Any

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
