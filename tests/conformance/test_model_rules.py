"""Each rule on models finds what breaks it, and nothing in a model that keeps the contract."""

import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from broken import assert_all_met, broken_configs, finding
from torch import nn

from a2ibench.config import option
from a2ibench.conformance.model import ModelSubject, rules
from a2ibench.contracts.model import Model
from a2ibench.types import Sampling


@dataclass(frozen=True)
class Config:
    noise_dim: int = option(2, "length of z", minimum=0)
    lr: float = option(1e-3, "learning rate")


class Good(Model):
    """One linear layer."""

    name = "good"
    Config: ClassVar[type] = Config
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {"noise": {"noise_dim": 0}}
    scales: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {"lr": 1e-2}}

    def __init__(self, config, spec):
        super().__init__(config, spec)
        pixels = 3 * spec.image_size**2
        self.net = nn.Linear(spec.acoustic_dim + config.noise_dim, pixels)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=config.lr)
        self.optimizers = {"adam": self.adam}
        self.sampling = Sampling(4, mismatch="class")
        self.noise_dim = config.noise_dim

    @property
    def generator(self):
        return self.net

    def image(self, acoustic, noise):
        size = self.spec.image_size
        return self.net(torch.cat([acoustic, noise], 1)).float().tanh().view(-1, 3, size, size)

    def training_step(self, batch):
        drawn = self.image(batch.acoustic, torch.randn(len(batch.image), self.noise_dim))
        loss = (drawn - batch.image).abs().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"L1": loss}

    def generate(self, acoustic, noise):
        return self.image(acoustic, noise)

    def image_to_audio(self, images):
        return np.zeros((len(images), self.spec.acoustic_dim), np.float32)


class ScalesWithoutValues(Good):
    scales: ClassVar = {"small": ["lr"]}


class EndsTheProgram(Good):
    def __init__(self, config, spec):
        raise SystemExit(0)


class AblatesNothing(Good):
    ablations: ClassVar = {"rate": {"lr": 1e-2}}


class AblatesWhatIsNotThere(Good):
    ablations: ClassVar = {"noise": {"noise": 0}}


class OfOneSize(Good):
    def __init__(self, config, spec):
        if spec.image_size != 32:
            raise ValueError("32 pixels only")
        super().__init__(config, spec)


class EmptyBatches(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.sampling = Sampling(0)


class FlipsTooOften(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.sampling = Sampling(4, flip=2)


class WithoutOptimizers(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        del self.optimizers


class ByProperties(Good):
    """Properties in the place of attributes, as the contract once had them."""

    def __init__(self, config, spec):
        Model.__init__(self, config, spec)
        pixels = 3 * spec.image_size**2
        self.net = nn.Linear(spec.acoustic_dim + config.noise_dim, pixels)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=config.lr)

    @property
    def optimizers(self):
        return {"adam": self.adam}

    @property
    def sampling(self):
        return Sampling(4)

    @property
    def noise_dim(self):
        return self.config.noise_dim


class Forgotten(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.more = nn.Linear(2, 2)


class Loose(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.mean = torch.zeros(3)


class Fails(Good):
    def training_step(self, batch):
        raise KeyError("audio")


class OfRows(Good):
    def training_step(self, batch):
        super().training_step(batch)
        return {"L1": batch.image.mean(dim=(1, 2, 3))}


class NotANumber(Good):
    def training_step(self, batch):
        super().training_step(batch)
        return {"L1": torch.tensor(float("nan"))}


class OfFloats(Good):
    def training_step(self, batch):
        return {name: loss.item() for name, loss in super().training_step(batch).items()}


class Idle(Good):
    def training_step(self, batch):
        return {"L1": torch.zeros(())}


class Float32Only(Good):
    def training_step(self, batch):
        drawn = self.net(torch.randn(4, self.net.in_features))
        if drawn.dtype != torch.float32:
            return {"L1": torch.tensor(float("inf"))}
        return super().training_step(batch)


class FromZero(Good):
    def generate(self, acoustic, noise):
        return (self.image(acoustic, noise) + 1) / 2


class Of8Bits(Good):
    def generate(self, acoustic, noise):
        return (self.image(acoustic, noise) * 127.5 + 127.5).round().to(torch.uint8)


class OfLargeNumbers(Good):
    def generate(self, acoustic, noise):
        return self.image(acoustic, noise) * 127.5 + 127.5


class ChannelsLast(Good):
    def generate(self, acoustic, noise):
        return super().generate(acoustic, noise).permute(0, 2, 3, 1)


class LooksAtNeighbours(Good):
    def generate(self, acoustic, noise):
        image = super().generate(acoustic, noise)
        return (image - image.mean(dim=0)).clamp(-1, 1)


class ChanceOfItsOwn(Good):
    def generate(self, acoustic, noise):
        return super().generate(acoustic, torch.randn_like(noise))


class CountsLives(Good):
    counter = itertools.count()

    def __init__(self, config, spec):
        super().__init__(config, spec)
        with torch.no_grad():
            self.net.bias.fill_(next(self.counter) / 100)


class Forgetful(Good):
    """How often it has trained is in no state dict."""

    steps = 0

    def training_step(self, batch):
        self.steps += 1
        self.adam.param_groups[0]["lr"] = 1e-2 / self.steps
        return super().training_step(batch)


class EveryFifthStep(Good):
    """Decays its weights now and then, and keeps no count in its state."""

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.count = 0

    def training_step(self, batch):
        self.count += 1
        if self.count % 5 == 0:
            with torch.no_grad():
                self.net.weight.mul_(0.5)
        return super().training_step(batch)


class TrainsOnlyWithNoise(Good):
    def training_step(self, batch):
        if not self.noise_dim:
            raise ValueError("no noise to train with")
        return super().training_step(batch)


class OfSpectralNorm(Good):
    """Its weight is computed anew from others before each pass."""

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.net = nn.utils.spectral_norm(self.net)


class DrawsBrighter(Good):
    """What it draws follows from an attribute that no checkpoint holds."""

    bright = 0.0

    def training_step(self, batch):
        self.bright = 0.3
        return super().training_step(batch)

    def generate(self, acoustic, noise):
        return (super().generate(acoustic, noise) + self.bright).clamp(-1, 1)


class ChangesWhileDrawing(Good):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.register_buffer("drawn", torch.zeros(()))

    def generate(self, acoustic, noise):
        self.drawn += 1
        return super().generate(acoustic, noise)


class NeedsNoise(Good):
    def generate(self, acoustic, noise):
        return super().generate(acoustic, noise) + 0 * noise[:, 0].view(-1, 1, 1, 1)


class OfNumPy(Good):
    def training_step(self, batch):
        np.random.rand()  # noqa: NPY002
        return super().training_step(batch)


class Seeds(Good):
    def training_step(self, batch):
        torch.manual_seed(3)
        return super().training_step(batch)


class Prints(Good):
    def training_step(self, batch):
        print("step")  # noqa: T201
        return super().training_step(batch)


class Writes(Good):
    def training_step(self, batch):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "loss.txt").write_text("1")
        return super().training_step(batch)


class HearsDoubles(Good):
    def image_to_audio(self, images):
        return super().image_to_audio(images).astype(np.float64)


BROKEN = [
    *broken_configs(Good),
    ("defaults", ScalesWithoutValues),
    ("made", EndsTheProgram), ("declared", AblatesNothing),
    ("declared", AblatesWhatIsNotThere), ("made", OfOneSize), ("sampling", EmptyBatches),
    ("sampling", FlipsTooOften), ("optimised", Forgotten), ("registered", Loose),
    ("made", WithoutOptimizers), ("lives", Fails), ("losses", OfRows), ("losses", NotANumber),
    ("learns", Idle),
    ("mixed_precision", Float32Only), ("draws", FromZero), ("draws", OfLargeNumbers),
    ("lives", Of8Bits), ("draws", ChannelsLast),
    ("rows", LooksAtNeighbours), ("repeats", ChanceOfItsOwn), ("seeded", CountsLives),
    ("resumes", Forgetful), ("resumes", EveryFifthStep), ("ablated", TrainsOnlyWithNoise),
    ("redraws", DrawsBrighter), ("draws_only", ChangesWhileDrawing),
    ("ablated", NeedsNoise), ("chance", OfNumPy), ("chance", Seeds), ("quiet", Prints),
    ("quiet", Writes), ("own_network", HearsDoubles),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "plugin"), BROKEN)
def test_a_broken_model_is_found_with_what_was_expected_and_what_came(rule, plugin):
    found = finding(rules, ModelSubject(plugin, {}), rule)
    assert found.state == "broken"
    assert found.expected
    assert found.got
    assert found.fix


def test_images_from_0_to_1_and_of_8_bits_are_told_what_to_change():
    found = finding(rules, ModelSubject(FromZero, {}), "draws")
    assert found.expected == "some pixels below 0, the middle grey of training images"
    assert found.got.startswith("none: the lowest is 0.")
    assert "the bench maps it to [0, 1] and to uint8" in found.fix
    found = finding(rules, ModelSubject(Of8Bits, {}), "lives")
    assert (found.expected, found.got) == ("floats in [−1, 1]", "torch.uint8")


def test_a_model_with_properties_in_the_place_of_attributes_keeps_the_contract():
    assert_all_met(rules, ModelSubject(ByProperties, {}))


def test_a_model_with_spectral_norm_keeps_the_contract():
    assert_all_met(rules, ModelSubject(OfSpectralNorm, {}))


def test_a_loss_that_is_no_tensor_is_one_finding():
    found = {one.rule for one in rules.check(ModelSubject(OfFloats, {})) if one.state == "broken"}
    assert found == {"losses"}


def test_every_rule_has_a_model_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(rules.names)


def test_a_good_model_breaks_none():
    assert_all_met(rules, ModelSubject(Good, {}))


def test_behind_a_closed_gate_nothing_is_tried():
    states = [found.state for found in rules.check(ModelSubject(OfOneSize, {}))]
    assert states.count("broken") == 1
    assert states[states.index("broken") + 1 :] == ["unreached"] * (
        len(states) - states.index("broken") - 1
    )
    assert states[-1] == "unreached"
