"""The demands of the contract on a reference row."""

from functools import cached_property
from typing import get_args

import numpy as np

from a2ibench.conformance.rules import Rules, expect
from a2ibench.conformance.sample import SIZE, make_pairs
from a2ibench.conformance.side_effects import expect_no_effects, record_effects
from a2ibench.contracts.metric import Group
from a2ibench.contracts.reference import Reference
from a2ibench.types import ImageArray

TRAIN, TEST = 24, 12


class ReferenceSubject:
    """A reference plug-in under examination."""

    def __init__(self, plugin: type[Reference]) -> None:
        self.plugin = plugin

    @cached_property
    def drawn(self) -> ImageArray:
        """The images of seed 0."""
        return self.draw(0)

    def draw(self, seed: int) -> ImageArray:
        """Draw one image per test segment."""
        train, test = make_pairs(TRAIN, seed=1), make_pairs(TEST, seed=2)
        return self.plugin().draw(train, test, np.random.default_rng(seed))


rules: Rules[ReferenceSubject] = Rules()


@rules.rule(f"choose from {', '.join(get_args(Group))}")
def declared(subject: ReferenceSubject) -> None:
    """It is declared the floor of groups of metrics that exist."""
    unknown = set(subject.plugin.floor_of) - set(get_args(Group))
    expect(not unknown, f"groups of {get_args(Group)}", sorted(unknown))


@rules.rule("return images of the test segments' number and size, as uint8", gate=True)
def draws(subject: ReferenceSubject) -> None:
    """It draws one image per test segment: uint8 [n, S, S, 3]."""
    images = subject.drawn
    expect(isinstance(images, np.ndarray), "a NumPy array", type(images).__name__)
    expect(images.dtype == np.uint8, "uint8", images.dtype)
    expect(images.shape == (TEST, SIZE, SIZE, 3), (TEST, SIZE, SIZE, 3).__repr__(), images.shape)


@rules.rule("take all chance from the argument `rng`")
def repeats(subject: ReferenceSubject) -> None:
    """The same seed draws the same images, to the last bit."""
    expect(np.array_equal(subject.draw(0), subject.drawn), "the same bits", "other images")


@rules.rule("set random = True where `rng` is used, and only there")
def chance(subject: ReferenceSubject) -> None:
    """`random` says whether the images depend on the seed."""
    moved = any(not np.array_equal(subject.draw(seed), subject.drawn) for seed in (1, 2, 3))
    expect(moved == subject.plugin.random, f"random = {moved}", f"random = {subject.plugin.random}")


@rules.rule("use the argument `rng`")
def quiet(subject: ReferenceSubject) -> None:
    """It draws no global random numbers, prints nothing and writes no file."""
    with record_effects() as effects:
        subject.draw(0)
    expect(not effects.seeded, "torch's seed as it was", "another one")
    expect_no_effects(effects)
