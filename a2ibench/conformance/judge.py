"""The demands of the contract on a judge."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from a2ibench.conformance.rules import Rules, expect, farthest, same
from a2ibench.conformance.sample import ACOUSTIC_DIM, CLASSES, SIZE, make_images, make_pairs
from a2ibench.conformance.side_effects import expect_no_effects, record_effects
from a2ibench.contracts.judge import Judge
from a2ibench.types import FloatArray, ImageArray, Spec

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
        judge.build(Spec(SIZE, ACOUSTIC_DIM, CLASSES))
        return judge

    @cached_property
    def fitted(self) -> tuple[Judge, Mapping[str, float]]:
        """A judge that is ready, for all rules, and what its training reported."""
        torch.manual_seed(1)
        return self.fit()

    def fit(self) -> tuple[Judge, Mapping[str, float]]:
        """Make a fresh one that is ready."""
        judge = self.make()
        figures = judge.fit(make_pairs(TRAINING_PAIRS)) if judge.trained else {}
        return judge.eval(), figures

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """Return its outputs for some images."""
        return self.fitted[0].embed(images.copy())


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
    names: set[str] = set()
    for size in SIZES:
        for n in (1, 3):
            found = subject.embed(make_images(n, size))
            expect(bool(found), "at least one output", dict(found))
            expect(not names or set(found) == names, f"outputs {sorted(names)}", sorted(found))
            names = set(found)
            declared = set(subject.plugin.outputs) or names
            expect(names == declared, f"the declared outputs {sorted(declared)}", sorted(names))
            for name, output in found.items():
                is_array = isinstance(output, np.ndarray)
                expect(is_array, f"{name!r} a NumPy array", type(output).__name__)
                expect(output.dtype == np.float32, f"{name!r} float32", output.dtype)
                expect(
                    output.ndim == 2 and len(output) == n,
                    f"{name!r} of shape [{n}, k] at {size} px",
                    list(output.shape),
                )
                expect(np.isfinite(output).all(), f"{name!r} finite", "NaN or infinite numbers")


@rules.rule("stay in evaluation mode; normalise no batch")
def rows(subject: JudgeSubject) -> None:
    """Outputs do not depend on the other images of the batch, nor on their order."""
    images = make_images(6, SIZE)
    among, reverse = subject.embed(images), subject.embed(images[::-1])
    for name, output in among.items():
        for what, other in (
            ("alone", np.concatenate([subject.embed(images[i : i + 1])[name] for i in range(6)])),
            ("in reverse", reverse[name][::-1]),
        ):
            apart = farthest(output, other)
            expect(apart < TOLERANCE, f"the same {name!r} {what}", f"a difference of {apart:.2g}")


@rules.rule("see that the pixels reach the outputs")
def sees(subject: JudgeSubject) -> None:
    """Different images have different outputs."""
    for name, output in subject.embed(make_images(4, SIZE)).items():
        distinct = len(np.unique(output, axis=0))
        expect(distinct == 4, f"four different rows of {name!r}", distinct)


@rules.rule("give build() and fit() a seed of their own")
def repeats(subject: JudgeSubject) -> None:
    """It is made the same, to the last bit, whatever random numbers came before."""
    images = make_images(4, SIZE)
    first = subject.embed(images)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002  # what a plug-in might draw from
    again, _ = subject.fit()
    different = same(dict(first), dict(again.embed(images)))
    expect(not different, "equal outputs", f"other {', '.join(different)}")


@rules.rule("keep what fit() finds in parameters or buffers that build() makes")
def state(subject: JudgeSubject) -> None:
    """Its state dict holds what it has learnt."""
    images = make_images(4, SIZE)
    judge = subject.make()
    judge.load_state_dict(subject.fitted[0].state_dict())
    different = same(dict(subject.embed(images)), dict(judge.eval().embed(images)))
    expect(not different, "equal outputs", f"other {', '.join(different)}")


@rules.rule("use torch.inference_mode() and evaluation mode; copy before changing pixels in place")
def frozen(subject: JudgeSubject) -> None:
    """Embedding changes nothing: not the judge, not the images, not everybody's random numbers."""
    judge = subject.fitted[0]
    images = make_images(4, SIZE)
    before = _weights(judge)
    with record_effects() as effects:
        judge.embed(images)
    changed = same(before, _weights(judge))
    expect(not changed, "an unchanged state dict", f"changes in {changed[:3]}")
    expect(np.array_equal(images, make_images(4, SIZE)), "the images unchanged", "other pixels")
    expect_no_effects(effects)
