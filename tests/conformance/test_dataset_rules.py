"""Each rule on datasets finds what breaks it, and nothing in a dataset that keeps the contract."""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from broken import assert_all_met, broken_configs, finding

from a2ibench.config import option
from a2ibench.conformance.dataset import DatasetSubject, rules
from a2ibench.contracts.dataset import Dataset
from a2ibench.errors import UserError
from a2ibench.types import Pair, Part


@dataclass(frozen=True)
class Config:
    image_size: int = option(64, "side", minimum=16)
    seed: int = option(0, "of all chance")


class Good(Dataset):
    """Twelve pairs of noise, two a source."""

    name = "good"
    Config: ClassVar[type] = Config

    def __len__(self):
        return 12

    def pairs(self):
        return (self.pair(i) for i in range(12))

    def pair(self, i):
        rng = np.random.default_rng([self.config.seed, i])
        size = self.config.image_size
        return Pair(
            image=rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
            audio=rng.uniform(-1, 1, 100).astype(np.float32),
            label="ab"[i % 2],
            source=f"clip{i // 2}",
            split="test" if i < 4 else "train",
        )


class InParts(Good):
    def parts(self, done=0):
        for start in range(2 * done, 12, 2):
            yield Part([self.pair(start), self.pair(start + 1)])


class Sizeless(Good):
    @dataclass(frozen=True)
    class Config:
        seed: int = option(0, "of all chance")


class WithoutEmulator(Good):
    def __init__(self, config):
        raise UserError("needs an emulator: pip install it")


class OddProvenance(Good):
    def provenance(self):
        return {"folder": Path()}


def changed(**values):
    """A dataset whose pairs differ in one thing."""

    class Changed(Good):
        def pair(self, i):
            return dataclasses.replace(super().pair(i), **values)

    return Changed


class OtherSize(Good):
    def pair(self, i):
        pair = super().pair(i)
        return dataclasses.replace(pair, image=pair.image[:16, :16])


class Loud(Good):
    def pair(self, i):
        pair = super().pair(i)
        return dataclasses.replace(pair, audio=pair.audio * 2)


class Leaks(Good):
    def pair(self, i):
        return dataclasses.replace(super().pair(i), split="test" if i % 2 else "train")


class OneSided(Good):
    def pair(self, i):
        return dataclasses.replace(super().pair(i), split="train")


class Longer(Good):
    def __len__(self):
        return 3


class ByChance(Good):
    def pair(self, i):
        pair = super().pair(i)
        return dataclasses.replace(pair, start=float(np.random.rand()))  # noqa: NPY002


class ByClock(Good):
    clock = itertools.count()

    def pair(self, i):
        return dataclasses.replace(super().pair(i), start=float(next(self.clock)))


class ByChanceAtTheEnd(Good):
    def pairs(self):
        return (self.pair(i) for i in range(90))

    def __len__(self):
        return 90

    def pair(self, i):
        pair = super().pair(i)
        if i < 80:
            return dataclasses.replace(pair, split="train")
        return dataclasses.replace(pair, split="test", start=float(np.random.rand()))  # noqa: NPY002


class FromTheStart(InParts):
    def parts(self, done=0):
        return super().parts(0)


BROKEN = [
    *broken_configs(Good),
    ("sized", Sizeless), ("made", WithoutEmulator),
    ("made", OddProvenance), ("pairs", OtherSize), ("pairs", Loud),
    ("pairs", changed(split="validation")), ("pairs", changed(label="")),
    ("pairs", changed(audio=np.zeros(100))), ("pairs", changed(factors={"hue": float("nan")})),
    ("split", Leaks), ("sides", OneSided), ("length", Longer), ("repeats", ByChance),
    ("repeats", ByClock), ("parts", FromTheStart), ("prepares", ByChanceAtTheEnd),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_dataset_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, DatasetSubject(plugin, {}), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_parts_that_are_not_skipped_are_told_from_those_that_are_too_few():
    class AsMany(Good):
        def parts(self, done=0):
            pairs = list(self.pairs())
            for i in range(0, len(pairs), 2):
                yield Part(pairs[i : i + 2])

    found = finding(rules, DatasetSubject(AsMany, {}), "parts")
    assert (found.state, found.got) == ("broken", "another pair at [0]")


def test_every_rule_has_a_dataset_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


@pytest.mark.parametrize("plugin", [Good, InParts])
def test_a_good_dataset_breaks_none(plugin):
    assert_all_met(rules, DatasetSubject(plugin, {}))


def test_files_are_asked_for_where_a_dataset_cuts_them_and_only_there(tmp_path):
    class Cuts(Good):
        unit = "files"

    with pytest.raises(UserError, match="--files FOLDER"):
        DatasetSubject(Cuts, {})
    with pytest.raises(UserError, match="takes no --files"):
        DatasetSubject(Good, {}, tmp_path)
