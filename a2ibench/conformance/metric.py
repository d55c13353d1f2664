"""The demands of the contract on a metric."""

import copy
import dataclasses
import random
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import get_args

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.conformance.judge_outputs import make_outputs
from a2ibench.conformance.rules import Rules, expect
from a2ibench.conformance.side_effects import expect_no_effects, record_effects
from a2ibench.contracts.metric import OWN, Group, JudgeOutputs, Metric, Need, Score
from a2ibench.errors import UserError
from a2ibench.types import FloatArray

COUNTS = (24, 48, 120, 240, 480, 960)
"""Numbers of test segments that are tried until the protocol takes one."""
PART = 2 / 3
"""Share of those segments that must be enough as well: without a block, fewer are left."""
TOLERANCE = 1e-5


class MetricSubject:
    """A metric under examination, its parameters set."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    @cached_property
    def outputs(self) -> JudgeOutputs:
        """The outputs for a good generator, on as few segments as the protocol takes."""
        for count in COUNTS:
            outputs = make_outputs(self.metric.judge, count)
            part = round(PART * count)
            try:
                self.metric.check(outputs.label[:part], outputs.classes)
            except UserError:
                if count == COUNTS[-1]:
                    raise
            else:
                return self.restricted(outputs)
        raise AssertionError("unreachable")

    def restricted(self, outputs: JudgeOutputs) -> JudgeOutputs:
        """Return what the metric says that it reads."""
        metric = self.metric

        def kept(part: Mapping[str, FloatArray], names: tuple[str, ...]) -> dict[str, FloatArray]:
            return {name: value for name, value in part.items() if name in names}

        if read := metric.reads:
            outputs = dataclasses.replace(
                outputs,
                generated=kept(outputs.generated, read),
                real=kept(outputs.real, read),
                train=kept(outputs.train, read),
                grid=kept(outputs.grid, read),
            )
        return dataclasses.replace(
            outputs,
            sounds=kept(outputs.sounds, metric.reads_sounds),
            train_sounds=kept(outputs.train_sounds, metric.reads_sounds),
            texts=kept(outputs.texts, metric.reads_texts),
        )

    @cached_property
    def score(self) -> Score:
        """The score of these outputs."""
        return self.metric.score(self.outputs)

    def close(self, one: float, other: float) -> bool:
        """Return whether two numbers are equal up to rounding."""
        return bool(np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


rules: Rules[MetricSubject] = Rules()


@rules.rule("set the class attributes of a2ibench.contracts.metric.Metric", gate=True)
def declared(subject: MetricSubject) -> None:
    """It declares its judge, needs, title, group and bounds."""
    plugin = subject.metric
    names = registry.judges.names()
    expect(plugin.judge in (OWN, *names), f"a judge: {', '.join((OWN, *names))}", plugin.judge)
    expect(plugin.needs <= set(get_args(Need)), f"needs of {get_args(Need)}", set(plugin.needs))
    expect(plugin.group in get_args(Group), f"one of {get_args(Group)}", plugin.group)
    expect(bool(plugin.title.strip()), "a title", repr(plugin.title))
    low, high = plugin.bounds
    expect(low < high, "bounds (lowest, highest)", plugin.bounds)
    expect(plugin.fewest >= 1, "fewest ≥ 1", plugin.fewest)


@rules.rule(
    f"refuse in check() only what compute() cannot do; {COUNTS[-1]} segments are many", gate=True
)
def possible(subject: MetricSubject) -> None:
    """Its judge can be had, and check() takes a test split that is large enough."""
    expect(len(subject.outputs.label) >= 1, "segments", 0)


@rules.rule("widen `bounds`, or correct the formula; return Score(value, n)", gate=True)
def scored(subject: MetricSubject) -> None:
    """compute returns a Score: a finite value inside the bounds, and its number of images."""
    score = subject.score
    expect(isinstance(score, Score), "a Score", type(score).__name__)
    expect(bool(np.isfinite(score.value)), "a finite value", score.value)
    bounds = subject.metric.bounds
    expect(subject.metric.allows(score.value), f"a value in {bounds}", score.value)
    n = len(subject.outputs.label)
    expect(1 <= score.n <= n, f"n from 1 to the {n} segments", score.n)


@rules.rule("return one number a test segment, NaN where a segment is left out; value = nanmean")
def segments(subject: MetricSubject) -> None:
    """per_segment, where there is one, is float32 [n], and the value is its mean."""
    each, value = subject.score.per_segment, subject.score.value
    if each is None:
        return
    n = len(subject.outputs.label)
    found = f"{each.dtype} {each.shape}"
    expect(each.dtype == np.float32 and each.shape == (n,), f"float32 [{n}]", found)
    mean = float(np.nanmean(each, dtype=np.float64))
    expect(bool(np.isclose(mean, value, atol=1e-6)), f"the mean {mean:g}", f"{value:g}")


@rules.rule("give splits and samples a fixed seed of their own")
def repeats(subject: MetricSubject) -> None:
    """The same outputs have the same score, to the last bit."""
    import torch

    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002  # what a plug-in might draw from
    random.seed(3)
    again = copy.copy(subject.metric).score(dataclasses.replace(subject.outputs))
    expect(again.value == subject.score.value, repr(subject.score.value), repr(again.value))


@rules.rule(
    "treat segments alike; a protocol that cuts them into random parts sets orderless = False"
)
def order(subject: MetricSubject) -> None:
    """Segments in another order have the same score, each its own."""
    if not subject.metric.orderless:
        return
    turned = np.random.default_rng(0).permutation(len(subject.outputs.label)).astype(np.int64)
    score, again = subject.score, subject.metric.score(subject.outputs.take(turned))
    expect(subject.close(again.value, score.value), f"{score.value:.7g}", f"{again.value:.7g}")
    if score.per_segment is not None and again.per_segment is not None:
        moved = np.isclose(
            again.per_segment, score.per_segment[turned], atol=TOLERANCE, equal_nan=True
        )
        expect(moved.all(), "each segment's own score", f"another one for {(~moved).sum()} of them")


@rules.rule("see to divisions by a spread of 0 and to singular covariances")
def constant(subject: MetricSubject) -> None:
    """A generator that always draws one image has a score, or is refused with a UserError."""
    outputs = subject.outputs
    one = {
        name: np.repeat(output[:1], len(output), axis=0)
        for name, output in outputs.generated.items()
    }
    grid = {
        name: np.broadcast_to(output[:1, :1], output.shape).copy()
        for name, output in outputs.grid.items()
    }
    for what, changed in (
        ("one image", dataclasses.replace(outputs, generated=one, grid=grid)),
        ("the real images", dataclasses.replace(outputs, generated=outputs.real)),
    ):
        try:
            score = subject.metric.score(changed)
        except UserError:
            continue
        expect(
            subject.metric.allows(score.value),
            f"a value in {subject.metric.bounds} for {what}",
            score.value,
        )


@rules.rule("call super().check(label, classes) where check() is overridden, or refuse there")
def floor(subject: MetricSubject) -> None:
    """check() refuses a split of fewer segments than `fewest`, with a UserError."""
    outputs = subject.outputs
    for count in {0, subject.metric.fewest - 1}:
        try:
            subject.metric.check(outputs.label[:count], outputs.classes)
        except UserError:
            continue
        expect(False, f"a UserError for {count} segments", "none")


@rules.rule("compare without_blocks with self.compute(outputs.outside(block))")
def blocks(subject: MetricSubject) -> None:
    """It has a score without a block of test clips, and without_blocks is what compute gives."""
    outputs = subject.outputs
    block = outputs.block % 3
    outputs = dataclasses.replace(outputs, block=block)
    quick = subject.metric.without_blocks(outputs, block)
    if quick is None and subject.score.per_segment is not None:
        return  # the bench takes means of per_segment
    training = subject.metric.leaves_out_training
    slow = [subject.metric.score(outputs.outside(b, training)).value for b in range(3)]
    if quick is None:
        return
    expect(quick.shape == (3,), "[3]", quick.shape)
    if subject.metric.keeps_parts:
        return
    for b, value in enumerate(slow):
        expect(subject.close(value, quick[b]), f"{value:.7g} without block {b}", f"{quick[b]:.7g}")


@rules.rule("copy before changing in place; seed a generator of its own (torch.random.fork_rng)")
def quiet(subject: MetricSubject) -> None:
    """It changes neither what it sees nor everybody's random numbers, and prints nothing."""
    outputs = dataclasses.replace(subject.outputs)  # without what was found in them
    before = [array.copy() for array in _arrays(outputs)]
    with record_effects() as effects:
        subject.metric.score(outputs)
    kept = all(np.array_equal(was, now) for was, now in zip(before, _arrays(outputs), strict=True))
    expect(kept, "outputs unchanged", "other numbers in them")
    expect(not effects.seeded, "torch's seed as it was", "another one")
    expect_no_effects(effects)


def _arrays(outputs: JudgeOutputs) -> Iterator[npt.NDArray[np.generic]]:
    yield outputs.acoustic
    yield outputs.label
    for part in (outputs.generated, outputs.real, outputs.train, outputs.grid):
        yield from part.values()
    for part in (outputs.sounds, outputs.train_sounds, outputs.texts):
        yield from part.values()
