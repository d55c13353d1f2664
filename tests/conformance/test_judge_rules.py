"""Each rule on judges finds what breaks it, and nothing in judges that keep the contract."""

import itertools

import numpy as np
import pytest
import torch
from broken import assert_all_met, finding

from a2ibench.conformance.judge import JudgeSubject, rules
from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError


class Good(Judge):
    """The mean colour of the rows."""

    name = "good"

    def build(self, spec):
        self.register_buffer("scale", torch.tensor(1 / 255))

    def weights_hash(self):
        return "good"

    def embed(self, images):
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        rows = torch.nn.functional.adaptive_avg_pool2d(pixels * self.scale, (4, 4))
        return {"features": rows.flatten(1).numpy()}


class Learned(Good):
    """The same, less the mean of the training images."""

    trained = True

    def build(self, spec):
        super().build(spec)
        self.register_buffer("mean", torch.zeros(48))

    def fit(self, train):
        self.mean += torch.from_numpy(super().embed(train.images[:])["features"].mean(axis=0))
        return {"images": float(len(train))}

    def embed(self, images):
        return {"features": super().embed(images)["features"] - self.mean.numpy()}


class Lacking(Good):
    @classmethod
    def missing(cls):
        return "its weights: set WEIGHTS"


class Asks(Good):
    @classmethod
    def missing(cls):
        raise UserError("no network")


class CannotBeBuilt(Good):
    def build(self, spec):
        raise UserError("the weight file is another one")


class ReportsTexts(Learned):
    def fit(self, train):
        super().fit(train)
        return {"accuracy": "high"}


class Doubles(Good):
    def embed(self, images):
        return {"features": super().embed(images)["features"].astype(np.float64)}


class OfOneSize(Good):
    def embed(self, images):
        if images.shape[1] != 32:
            raise ValueError("32 pixels only")
        return super().embed(images)


class Normalises(Good):
    def embed(self, images):
        features = super().embed(images)["features"]
        return {"features": features - features.mean(axis=0)}


class Blind(Good):
    def embed(self, images):
        return {"features": np.ones((len(images), 3), np.float32)}


class RandomWeights(Good):
    def build(self, spec):
        super().build(spec)
        self.register_buffer("scale", torch.rand(()))


class Counting(Good):
    made = itertools.count()

    def build(self, spec):
        self.register_buffer("scale", torch.tensor(1.0 + next(self.made)))


class OutsideOfTheState(Learned):
    def build(self, spec):
        Good.build(self, spec)
        self.mean = torch.zeros(48)


class InPlace(Good):
    def embed(self, images):
        found = super().embed(images)
        images[:] = 0
        return found


class Prints(Good):
    def embed(self, images):
        print("looking")  # noqa: T201
        return super().embed(images)


class Drifts(Good):
    """Its weights move a little with every look, too little to be seen in the outputs."""

    def build(self, spec):
        super().build(spec)
        self.register_buffer("looks", torch.zeros(()))

    def embed(self, images):
        self.looks += 1
        return super().embed(images)


class Hears(Good):
    """Images, sounds and texts, each in one space of four numbers."""

    embeds = frozenset({"images", "sounds", "texts"})
    outputs = ("features",)
    sound_outputs = ("features",)
    text_outputs = ("features",)
    sample_rate = 8_000
    min_samples = 400
    encoder_free = True

    def embed(self, images):
        return {"features": super().embed(images)["features"][:, ::12]}

    def embed_sounds(self, waveforms):
        parts = np.array_split(np.abs(np.diff(waveforms)), 4, axis=1)
        return {"features": np.stack([part.mean(axis=1) for part in parts], axis=1)}

    def embed_texts(self, texts):
        counts = [[len(text), text.count("e"), text.count("i"), hash_of(text)] for text in texts]
        return {"features": np.array(counts, dtype=np.float32)}


def hash_of(text):
    return sum(ord(letter) * (i + 1) for i, letter in enumerate(text)) % 97


class OnlyHears(Hears):
    embeds = frozenset({"sounds"})


class NoEars(Good):
    embeds = frozenset({"images", "sounds"})


class Smells(Good):
    embeds = frozenset({"images", "odours"})


class AsksForFeatures(Hears):
    trained = True

    def fit(self, train):
        return {"mean": float(train.acoustic[:, 0].mean())}


class DividesBySilence(Hears):
    def embed_sounds(self, waveforms):
        with np.errstate(invalid="ignore"):
            loudest = np.abs(waveforms).max(axis=1, keepdims=True)
            return super().embed_sounds(waveforms / loudest)


class NormalisesSounds(Hears):
    def embed_sounds(self, waveforms):
        return super().embed_sounds(waveforms / (1e-3 + np.abs(waveforms).max()))


class Deaf(Hears):
    def embed_sounds(self, waveforms):
        return {"features": np.ones((len(waveforms), 4), np.float32)}


class OneText(Hears):
    def embed_texts(self, texts):
        return {"features": super().embed_texts(texts)["features"][:1]}


class UndeclaredText(Hears):
    def embed_texts(self, texts):
        return {"words": super().embed_texts(texts)["features"]}


class TwoSpaces(Hears):
    def embed_sounds(self, waveforms):
        return {"features": super().embed_sounds(waveforms)["features"][:, :3]}


class InPlaceSounds(Hears):
    def embed_sounds(self, waveforms):
        found = super().embed_sounds(waveforms)
        waveforms[:] = 0
        return found


BROKEN = [
    ("missing", Lacking), ("missing", Asks), ("made", CannotBeBuilt), ("made", ReportsTexts),
    ("outputs", Doubles), ("outputs", OfOneSize), ("rows", Normalises), ("sees", Blind),
    ("repeats", RandomWeights), ("repeats", Counting), ("state", OutsideOfTheState),
    ("made", NoEars), ("made", Smells), ("made", AsksForFeatures), ("heard", DividesBySilence),
    ("read", OneText), ("read", UndeclaredText), ("spaces", TwoSpaces), ("rows", NormalisesSounds),
    ("sees", Deaf), ("frozen", InPlaceSounds), ("frozen", Drifts), ("frozen", InPlace),
    ("frozen", Prints),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_judge_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, JudgeSubject(plugin), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_every_rule_has_a_judge_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


@pytest.mark.parametrize("plugin", [Good, Learned, Hears, OnlyHears])
def test_a_good_judge_breaks_none(plugin):
    assert_all_met(rules, JudgeSubject(plugin))
