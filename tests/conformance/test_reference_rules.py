"""Each rule on reference rows finds what breaks it, and nothing in one that keeps the contract."""

import itertools

import numpy as np
import pytest
from broken import assert_all_met, finding

from a2ibench.conformance.reference import ReferenceSubject, rules
from a2ibench.contracts.reference import Reference


class Good(Reference):
    """The test images in another order."""

    name = "good"
    random = True

    def draw(self, train, test, rng):
        return test.images[rng.permutation(len(test))]


class OfNoGroup(Good):
    floor_of = frozenset({"beauty"})


class TooFew(Good):
    def draw(self, train, test, rng):
        return super().draw(train, test, rng)[1:]


class Floats(Good):
    def draw(self, train, test, rng):
        return super().draw(train, test, rng) / 255


class ByCall(Good):
    calls = itertools.count()

    def draw(self, train, test, rng):
        return super().draw(train, test, rng) + np.uint8(next(self.calls))


class SaysItIsFixed(Good):
    random = False


class Draws(Good):
    def draw(self, train, test, rng):
        np.random.rand()  # noqa: NPY002
        return super().draw(train, test, rng)


BROKEN = [
    ("declared", OfNoGroup), ("draws", TooFew), ("draws", Floats), ("repeats", ByCall),
    ("chance", SaysItIsFixed), ("quiet", Draws),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_reference_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, ReferenceSubject(plugin), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_every_rule_has_a_reference_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


def test_a_good_reference_breaks_none():
    assert_all_met(rules, ReferenceSubject(Good))
