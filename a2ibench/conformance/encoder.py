"""The demands of the contract on an encoder."""

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from a2ibench.conformance import options
from a2ibench.conformance.rules import Rules, expect, farthest
from a2ibench.conformance.sample import make_sounds
from a2ibench.conformance.side_effects import expect_no_effects, record_effects
from a2ibench.contracts.encoder import Encoder
from a2ibench.errors import UserError
from a2ibench.types import FloatArray

SECONDS = 1.0
TOLERANCE = 1e-4
"""Relative: rounding may depend on the size of a batch."""


class EncoderSubject(options.Configured):
    """An encoder plug-in under examination."""

    def make(self, **changed: Any) -> Encoder:
        """Make a fresh one."""
        encoder: Encoder = self.plugin(self.configure(**changed))
        return encoder

    @cached_property
    def encoder(self) -> Encoder:
        """One encoder for all rules."""
        return self.make()

    @cached_property
    def sounds(self) -> FloatArray:
        """Sounds ``[n, T]``, a second each, or the shortest that the encoder takes."""
        length = max(self.encoder.min_samples, round(SECONDS * self.encoder.sample_rate))
        return np.stack(list(make_sounds(length, self.encoder.sample_rate).values()))


rules: Rules[EncoderSubject] = Rules()
options.add_rules(rules)


@rules.rule("see the error; an option may have to be given (--set)", gate=True)
def made(subject: EncoderSubject) -> None:
    """It can be made."""
    encoder = subject.encoder
    for name in ("dim", "min_samples"):
        size = getattr(encoder, name, None)
        expect(size is not None and size >= 1, f"self.{name} ≥ 1, set in __init__", size)
    expect(encoder.sample_rate >= 1_000, "a sample rate in hertz", encoder.sample_rate)


@rules.rule("reduce over time, by a mean for instance, and end with .astype(np.float32)", gate=True)
def shape(subject: EncoderSubject) -> None:
    """encode maps waveforms [n, T] to float32 [n, d], for any n and T ≥ min_samples."""
    encoder = subject.encoder
    longest = subject.sounds.shape[1]
    for length in {encoder.min_samples, (encoder.min_samples + longest) // 2, longest}:
        for n in (1, 3):
            feature = encoder.encode(subject.sounds[-n:, :length].copy())
            expect(isinstance(feature, np.ndarray), "a NumPy array", type(feature).__name__)
            expect(feature.dtype == np.float32, "float32", feature.dtype)
            expect(
                feature.shape == (n, encoder.dim),
                f"{(n, encoder.dim)} for {length} samples",
                feature.shape,
            )


@rules.rule("bound the arguments of logarithms and divisors from below")
def finite(subject: EncoderSubject) -> None:
    """Its features of silence, of clicks and of the loudest sound are finite."""
    names = make_sounds(1, subject.encoder.sample_rate)
    for name, sound in zip(names, subject.sounds, strict=True):
        feature = subject.encoder.encode(sound[np.newaxis].copy())
        expect(np.isfinite(feature).all(), f"finite features of {name}", "NaN or infinite ones")


@rules.rule("do not override __call__, which mixes, resamples and tiles")
def any_sound(subject: EncoderSubject) -> None:
    """It takes any sound: one sample, two channels, another rate."""
    encoder = subject.encoder
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (4_000, 2))
    for waveform, rate in ((stereo, 8_000), (np.array([0.5]), encoder.sample_rate)):
        feature = encoder(waveform, rate)
        expect(feature.shape == (encoder.dim,), f"[{encoder.dim}]", feature.shape)
        expect(np.isfinite(feature).all(), "finite features", "NaN or infinite ones")


@rules.rule("normalise each waveform by itself, if at all")
def rows(subject: EncoderSubject) -> None:
    """A feature does not depend on the other sounds of its batch."""
    among = subject.encoder.encode(subject.sounds.copy())
    alone = np.concatenate([subject.encoder.encode(one[np.newaxis]) for one in subject.sounds])
    apart = farthest(among, alone)
    expect(apart < TOLERANCE, "the same feature alone and in a batch", f"{apart:.2g} apart")


@rules.rule("fix the seed of random weights, and use no dropout")
def repeats(subject: EncoderSubject) -> None:
    """The same sound has the same feature in every instance, to the last bit."""
    import torch

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002  # what a plug-in might draw from
    first = subject.make().encode(subject.sounds.copy())
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    again = subject.make().encode(subject.sounds.copy())
    expect(np.array_equal(first, again), "the same bits", "other features")


@rules.rule("make sure that the waveform reaches the feature")
def distinguishes(subject: EncoderSubject) -> None:
    """Different sounds have different features."""
    features = subject.encoder.encode(subject.sounds[-3:].copy())
    distinct = len(np.unique(features, axis=0))
    expect(distinct == 3, "three features of three sounds", f"{distinct}")


@rules.rule(
    "hash the configuration, the version and the weights: a2ibench.storage.content_key([…])"
)
def fingerprint(subject: EncoderSubject) -> None:
    """An option that changes a feature changes the fingerprint, by which features are cached."""
    own = subject.encoder.fingerprint()
    expect(bool(own) and isinstance(own, str), "a text", repr(own))
    expect(subject.make().fingerprint() == own, f"{own} again", "another one")
    noise = subject.sounds[-1]
    feature = subject.encoder(noise, subject.encoder.sample_rate)
    for name, value in _other_values(subject):
        try:
            other = subject.make(**{name: value})
        except (UserError, ValueError):
            continue  # the values of options may exclude each other
        try:
            changed = other(noise, other.sample_rate)
        except UserError:
            continue
        if not np.array_equal(changed, feature):
            expect(
                other.fingerprint() != own,
                f"another fingerprint with {name}={value!r}, which changes the feature",
                "the same one",
            )


def _other_values(subject: EncoderSubject) -> Iterator[tuple[str, Any]]:
    made = subject.encoder.config
    hints = get_type_hints(type(made))
    for field in dataclasses.fields(made):
        value, hint = getattr(made, field.name), hints[field.name]
        if get_origin(hint) is Literal:
            yield from ((field.name, other) for other in get_args(hint) if other != value)
        elif hint is bool:
            yield field.name, not value
        elif hint in (int, float):
            yield from ((field.name, other) for other in (value * 2, value + 1, value / 2))


@rules.rule("copy before changing a waveform in place; use a generator of its own")
def quiet(subject: EncoderSubject) -> None:
    """It leaves its input unchanged, draws no global random numbers, prints and writes nothing."""
    sounds = subject.sounds.copy()
    with record_effects() as effects:
        subject.encoder.encode(sounds)
    expect(np.array_equal(sounds, subject.sounds), "the waveforms unchanged", "other samples")
    expect_no_effects(effects)
