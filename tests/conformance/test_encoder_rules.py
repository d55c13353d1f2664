"""Each rule on encoders finds what breaks it, and nothing in an encoder that keeps the contract."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from broken import assert_all_met, broken_configs, finding

from a2ibench.config import option, to_dict
from a2ibench.conformance.encoder import EncoderSubject, rules
from a2ibench.contracts.encoder import Encoder
from a2ibench.errors import UserError
from a2ibench.storage import content_key


@dataclass(frozen=True)
class Config:
    bands: int = option(8, "equal parts of the spectrum", minimum=1, maximum=64)


class Good(Encoder):
    """The mean magnitude of parts of one spectrum."""

    name = "good"
    Config: ClassVar[type] = Config
    min_samples = 256

    @property
    def dim(self):
        return self.config.bands

    def fingerprint(self):
        return content_key(to_dict(self.config))

    def encode(self, waveforms):
        spectrum = np.abs(np.fft.rfft(waveforms, axis=1))
        parts = np.array_split(spectrum, self.dim, axis=1)
        return np.stack([part.mean(axis=1) for part in parts], axis=1).astype(np.float32)


class WithoutWeights(Good):
    def __init__(self, config):
        raise UserError("no weights: give a file")


class RefusesPairsOfOptions(Good):
    """In its constructor, as the bench's own models refuse image sizes."""

    def __init__(self, config):
        if config.bands % 8:
            raise ValueError(f"{config.bands} bands: expected a multiple of 8")
        super().__init__(config)


class Doubles(Good):
    def encode(self, waveforms):
        return super().encode(waveforms).astype(np.float64)


class KeepsTime(Good):
    def encode(self, waveforms):
        return np.abs(waveforms[:, :300])


class Logarithm(Good):
    def encode(self, waveforms):
        with np.errstate(divide="ignore"):
            return np.log(super().encode(waveforms))


class MonoOnly(Good):
    def __call__(self, waveform, sample_rate):
        return self.encode(np.asarray(waveform, np.float32)[np.newaxis])[0]


class Relative(Good):
    def encode(self, waveforms):
        features = super().encode(waveforms)
        return features / (1 + features.max())


class RandomWeights(Good):
    def encode(self, waveforms):
        return super().encode(waveforms) @ self.weights

    def __init__(self, config):
        super().__init__(config)
        self.weights = np.random.rand(8, 8).astype(np.float32)  # noqa: NPY002


class Counting(Good):
    calls = itertools.count()

    def __init__(self, config):
        super().__init__(config)
        self.call = next(self.calls)

    def encode(self, waveforms):
        return super().encode(waveforms) + np.float32(self.call)


class Deaf(Good):
    def encode(self, waveforms):
        return np.ones((len(waveforms), self.dim), np.float32)


class OneFingerprint(Good):
    def fingerprint(self):
        return "good"


class InPlace(Good):
    def encode(self, waveforms):
        features = super().encode(waveforms)
        waveforms *= 0.5
        return features


class Draws(Good):
    def encode(self, waveforms):
        np.random.rand()  # noqa: NPY002
        return super().encode(waveforms)


class Prints(Good):
    def encode(self, waveforms):
        print("encoding")  # noqa: T201
        return super().encode(waveforms)


BROKEN = [
    *broken_configs(Good),
    ("made", WithoutWeights), ("shape", Doubles),
    ("shape", KeepsTime), ("finite", Logarithm), ("any_sound", MonoOnly), ("rows", Relative),
    ("repeats", RandomWeights), ("repeats", Counting), ("distinguishes", Deaf),
    ("fingerprint", OneFingerprint), ("quiet", InPlace), ("quiet", Draws), ("quiet", Prints),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_encoder_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, EncoderSubject(plugin, {}), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_every_rule_has_an_encoder_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


@pytest.mark.parametrize("plugin", [Good, RefusesPairsOfOptions])
def test_a_good_encoder_breaks_none(plugin):
    assert_all_met(rules, EncoderSubject(plugin, {}))
