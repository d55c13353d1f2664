"""The demands of the contract on a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from a2ibench.conformance.rules import Rules, expect, farthest, same
from a2ibench.conformance.sample import (
    ACOUSTIC_DIM,
    CLASSES,
    SIZE,
    make_images,
    make_pairs,
    make_sounds,
)
from a2ibench.conformance.side_effects import expect_no_effects, record_effects
from a2ibench.contracts.judge import METHODS, Judge, Kind
from a2ibench.types import FloatArray, Spec

Batch = npt.NDArray[Any]
"""Images, waveforms, or texts."""
TEXTS = ("playing violin", "dog", "space invaders", "thunder")
TRAINING_PAIRS = 40
SIZES = (16, SIZE, 96)
TOLERANCE = 1e-3
"""Relative: rounding may depend on the size of a batch."""


class JudgeSubject:
    """A judge plug-in under examination."""

    def __init__(self, plugin: type[Judge]) -> None:
        self.plugin = plugin

    def make(self) -> Judge:
        """Make a fresh one that is built for small data."""
        judge = self.plugin()
        judge.build(Spec(SIZE, 0 if self.plugin.encoder_free else ACOUSTIC_DIM, CLASSES))
        return judge

    @cached_property
    def fitted(self) -> tuple[Judge, Mapping[str, float]]:
        """A judge that is ready, for all rules, and what its training reported."""
        torch.manual_seed(1)
        return self.fit()

    def fit(self) -> tuple[Judge, Mapping[str, float]]:
        """Make a fresh one that is ready."""
        judge = self.make()
        pairs = make_pairs(TRAINING_PAIRS)
        if self.plugin.encoder_free:
            pairs = replace(pairs, acoustic=pairs.acoustic[:, :0])
        figures = judge.fit(pairs) if judge.trained else {}
        return judge.eval(), figures

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that it embeds."""
        return sorted(self.plugin.embeds)

    def batch(self, kind: Kind, size: int = SIZE) -> Batch:
        """Return images of some size, sounds of a second or the least length, or class names."""
        if kind == "images":
            return make_images(4, size)
        if kind == "texts":
            return np.array(TEXTS)
        judge = self.fitted[0]
        length = max(judge.min_samples, judge.sample_rate)
        return np.stack(list(make_sounds(length, judge.sample_rate).values()))

    def embed(self, kind: Kind, batch: Batch, judge: Judge | None = None) -> dict[str, FloatArray]:
        """Return its outputs, or those of another one of its kind, for a batch."""
        method = getattr(judge or self.fitted[0], METHODS[kind])
        return dict(method(batch.tolist() if kind == "texts" else batch.copy()))

    def everything(self, judge: Judge | None = None) -> dict[str, FloatArray]:
        """Return its outputs for a batch of each kind that it embeds."""
        return {
            f"{name} of {kind}": output
            for kind in self.kinds
            for name, output in self.embed(kind, self.batch(kind), judge).items()
        }


def _weights(judge: Judge) -> dict[str, npt.NDArray[np.generic]]:
    return {name: value.cpu().numpy().copy() for name, value in judge.state_dict().items()}


rules: Rules[JudgeSubject] = Rules()


@rules.rule(
    "return None or what to do from missing(); raise nothing and download nothing there", gate=True
)
def missing(subject: JudgeSubject) -> None:
    """It says what it lacks: nothing, or a text."""
    lack = subject.plugin.missing()
    expect(lack is None or isinstance(lack, str), "None or a text", repr(lack))
    expect(lack is None, "a judge that can be used", f"one that lacks something: {lack}")


@rules.rule("see the error; layers whose sizes the data fix are made in build()", gate=True)
def made(subject: JudgeSubject) -> None:
    """It can be made, built for a dataset's sizes, and fitted where it is trained."""
    judge, figures = subject.fitted
    expect(isinstance(judge.weights_hash(), str), "weights_hash() a text", judge.weights_hash())
    for name, value in figures.items():
        number = isinstance(value, int | float) and np.isfinite(value)
        expect(number, f"figure {name!r} a finite number", repr(value))


@rules.rule("resize to one size first, and end with .float().cpu().numpy()", gate=True)
def outputs(subject: JudgeSubject) -> None:
    """It maps uint8 [n, S, S, 3] to float32 [n, k] by name, for any n and S."""
    if "images" in subject.kinds:
        _expect_outputs(subject, "images", [subject.batch("images", size) for size in SIZES])


@rules.rule("reduce over time; bound divisors and logarithms from below: a sound may be silent")
def heard(subject: JudgeSubject) -> None:
    """It maps waveforms [n, T], T ≥ min_samples, to float32 [n, k] by name, for any n and T."""
    if "sounds" not in subject.kinds:
        return
    judge = subject.fitted[0]
    expect(judge.sample_rate >= 1_000, "a sample rate in hertz", judge.sample_rate)
    expect(judge.min_samples >= 1, "min_samples ≥ 1", judge.min_samples)
    sounds = subject.batch("sounds")
    lengths = {judge.min_samples, (judge.min_samples + sounds.shape[1]) // 2, sounds.shape[1]}
    _expect_outputs(subject, "sounds", [sounds[:, :length] for length in sorted(lengths)])


@rules.rule("embed a class name as it is, or in a sentence; one row per text")
def read(subject: JudgeSubject) -> None:
    """It maps n class names to float32 [n, k] by name, for any n."""
    if "texts" in subject.kinds:
        _expect_outputs(subject, "texts", [subject.batch("texts")])


def _expect_outputs(subject: JudgeSubject, kind: Kind, batches: Sequence[Batch]) -> None:
    names: set[str] = set()
    for batch in batches:
        for n in (1, len(batch) - 1, len(batch)):
            found = subject.embed(kind, batch[:n])
            expect(bool(found), f"at least one output for {kind}", found)
            expect(not names or set(found) == names, f"outputs {sorted(names)}", sorted(found))
            names = set(found)
            declared = set(subject.plugin.gives()[kind]) or names
            expect(names == declared, f"the declared outputs {sorted(declared)}", sorted(names))
            for name, output in found.items():
                is_array = isinstance(output, np.ndarray)
                expect(is_array, f"{name!r} a NumPy array", type(output).__name__)
                expect(output.dtype == np.float32, f"{name!r} float32", output.dtype)
                expect(
                    output.ndim == 2 and len(output) == n,
                    f"{name!r} of shape [{n}, k] for {list(batch[:n].shape)}",
                    list(output.shape),
                )
                expect(np.isfinite(output).all(), f"{name!r} finite", "NaN or infinite numbers")


@rules.rule("project both into one space, or give the outputs two names")
def spaces(subject: JudgeSubject) -> None:
    """Outputs of one name for images, sounds and texts are of one length: they are one space."""
    lengths: dict[str, int] = {}
    for kind in subject.kinds:
        for name, output in subject.embed(kind, subject.batch(kind)).items():
            k = lengths.setdefault(name, output.shape[1])
            expect(output.shape[1] == k, f"{name!r} of {k} numbers for {kind} too", output.shape[1])


@rules.rule("stay in evaluation mode; normalise no batch")
def rows(subject: JudgeSubject) -> None:
    """Outputs do not depend on the others of the batch, nor on their order."""
    for kind in subject.kinds:
        batch = subject.batch(kind)
        among, reverse = subject.embed(kind, batch), subject.embed(kind, batch[::-1])
        one_by_one = [subject.embed(kind, batch[i : i + 1]) for i in range(len(batch))]
        for name, output in among.items():
            for what, other in (
                ("alone", np.concatenate([one[name] for one in one_by_one])),
                ("in reverse", reverse[name][::-1]),
            ):
                apart = farthest(output, other)
                expect(
                    apart < TOLERANCE,
                    f"the same {name!r} of {kind} {what}",
                    f"a difference of {apart:.2g}",
                )


@rules.rule("see that the pixels, samples or letters reach the outputs")
def sees(subject: JudgeSubject) -> None:
    """Different images have different outputs; so have different sounds, and texts."""
    for kind in subject.kinds:
        batch = subject.batch(kind)[-3:]
        for name, output in subject.embed(kind, batch).items():
            found = len(np.unique(output, axis=0))
            expect(found == len(batch), f"{len(batch)} different rows of {name!r} of {kind}", found)


@rules.rule("give build() and fit() a seed of their own")
def repeats(subject: JudgeSubject) -> None:
    """It is made the same, to the last bit, whatever random numbers came before."""
    first = subject.everything()
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002  # what a plug-in might draw from
    again, _ = subject.fit()
    different = same(first, subject.everything(again))
    expect(not different, "equal outputs", f"other {', '.join(different)}")


@rules.rule("keep what fit() finds in parameters or buffers that build() makes")
def state(subject: JudgeSubject) -> None:
    """Its state dict holds what it has learnt."""
    judge = subject.make()
    judge.load_state_dict(subject.fitted[0].state_dict())
    different = same(subject.everything(), subject.everything(judge.eval()))
    expect(not different, "equal outputs", f"other {', '.join(different)}")


@rules.rule("use torch.inference_mode() and evaluation mode; copy before changing a batch in place")
def frozen(subject: JudgeSubject) -> None:
    """Embedding changes nothing: not the judge, not its input, not everybody's random numbers."""
    judge = subject.fitted[0]
    before = _weights(judge)
    for kind in subject.kinds:
        batch = subject.batch(kind)
        given = batch.tolist() if kind == "texts" else batch.copy()
        with record_effects() as effects:
            getattr(judge, METHODS[kind])(given)
        expect(np.array_equal(given, batch), f"the {kind} unchanged", "others")
        expect_no_effects(effects)
    changed = same(before, _weights(judge))
    expect(not changed, "an unchanged state dict", f"changes in {changed[:3]}")
