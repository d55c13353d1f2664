"""Each rule on metrics finds what breaks it, and nothing in metrics that keep the contract."""

import numpy as np
import pytest
import torch
from broken import assert_all_met, finding

from a2ibench.conformance.metric import MetricSubject, rules
from a2ibench.contracts.metric import OWN, Metric, Score
from a2ibench.errors import UserError


class Good(Metric):
    """The mean distance of a sound and its image; the image's row less the others' mean."""

    name = "good"
    judge = OWN
    title = "good"
    group = "own"
    higher_is_better = False
    bounds = (0.0, float("inf"))

    def compute(self, outputs):
        apart = np.abs(outputs.generated["acoustic"] - outputs.acoustic).mean(axis=1)
        return Score(float(apart.mean(dtype=np.float64)), len(apart), per_segment=apart)


class OfSets(Good):
    """The distance of the means of two sets, with the shortcut for blocks."""

    fewest = 30

    def compute(self, outputs):
        apart = outputs.generated["acoustic"].mean(axis=0) - outputs.acoustic.mean(axis=0)
        return Score(float(np.abs(apart).mean()), len(outputs.label))

    def without_blocks(self, outputs, block):
        rows = [np.flatnonzero(block != b) for b in range(block.max() + 1)]
        return np.array([self.compute(outputs.take(part)).value for part in rows])


class UnknownJudge(Good):
    judge = "nobody"


class UnknownGroup(Good):
    judge, group = "pixels", "beauty"


class NeverEnough(Good):
    def check(self, label, classes):
        raise UserError("more segments")


class OutOfBounds(Good):
    bounds = (0.0, 1e-6)


class ReadsMore(Good):
    reads = ("features",)


class NoScore(Good):
    def compute(self, outputs):
        return None


class Exits(Good):
    def compute(self, outputs):
        raise SystemExit(0)


class NoNumber(Good):
    def compute(self, outputs):
        return Score(float("nan"), len(outputs.label))


class TooMany(Good):
    def compute(self, outputs):
        return Score(super().compute(outputs).value, 10**6)


class AnotherMean(Good):
    def compute(self, outputs):
        score = super().compute(outputs)
        return Score(score.value, score.n, per_segment=score.per_segment + 1)


class ByChance(Good):
    def compute(self, outputs):
        rows = torch.randperm(len(outputs.label))[: len(outputs.label) // 2].numpy()
        return Score(super().compute(outputs.take(np.sort(rows))).value, len(rows))


class ByPosition(Good):
    def compute(self, outputs):
        half = np.arange(len(outputs.label) // 2)
        return Score(super().compute(outputs.take(half)).value, len(half))


class Fixed(Good):
    """Right in total; each segment's own score stays where it was."""

    def compute(self, outputs):
        score = super().compute(outputs)
        return Score(score.value, score.n, per_segment=np.sort(score.per_segment))


class Divides(Good):
    def compute(self, outputs):
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.ptp(outputs.generated["acoustic"], axis=0).sum()
            return Score(float(np.float32(0.1) * spread / spread), len(outputs.label))


class TakesAny(Good):
    fewest = 10

    def check(self, label, classes):
        pass


class WrongShortcut(OfSets):
    def without_blocks(self, outputs, block):
        return super().without_blocks(outputs, block) + 1


class NotWithoutABlock(OfSets):
    without_blocks = Metric.without_blocks

    def compute(self, outputs):
        if len(outputs.label) < 48:
            raise IndexError("row 47")
        return super().compute(outputs)


class InPlace(Good):
    def compute(self, outputs):
        score = super().compute(outputs)
        outputs.label[:] = outputs.label[::-1]
        return score


class Seeds(Good):
    def compute(self, outputs):
        torch.manual_seed(2_020)
        return super().compute(outputs)


class Prints(Good):
    def compute(self, outputs):
        print("computing")  # noqa: T201
        return super().compute(outputs)


BROKEN = [
    ("declared", UnknownJudge), ("declared", UnknownGroup),
    ("possible", NeverEnough), ("scored", OutOfBounds), ("scored", NoNumber), ("scored", TooMany),
    ("scored", Exits), ("scored", ReadsMore), ("scored", NoScore),
    ("segments", AnotherMean), ("repeats", ByChance), ("order", ByPosition), ("order", Fixed),
    ("constant", Divides), ("floor", TakesAny), ("blocks", WrongShortcut),
    ("blocks", NotWithoutABlock), ("quiet", InPlace), ("quiet", Seeds), ("quiet", Prints),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_metric_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, MetricSubject(plugin()), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_every_rule_has_a_metric_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


@pytest.mark.parametrize("plugin", [Good, OfSets])
def test_a_good_metric_breaks_none(plugin):
    assert_all_met(rules, MetricSubject(plugin()))


def test_a_metric_that_says_that_it_goes_by_position_may():
    class SaysSo(ByPosition):
        orderless = False

    assert_all_met(rules, MetricSubject(SaysSo()))
