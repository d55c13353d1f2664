"""No method draws noise, or pictures that ignore their sounds, at its small-scale defaults.

The short version of ``benchmarks/floors.py``, which asks every judge after longer trainings, at the
paper scale too.
"""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from a2ibench import config, registry
from a2ibench.data.prepare import open_dataset
from a2ibench.runs.trial_data import Data, open_data
from a2ibench.training.device import make_deterministic
from a2ibench.training.draw import draw, draw_noise
from a2ibench.training.fit import fit
from a2ibench.types import ImageArray, Spec

pytestmark = pytest.mark.integration

FLOORS = Path(__file__).parents[2] / "benchmarks" / "floors.py"
PAIRS: dict[str, Any] = {"train": 150, "test": 30, "image_size": 32, "seconds": 1.0}
BUDGETS = {"flow": 3_200, "adapted_flow": 4_000, "vae": 1_600, "cvae": 1_600, "ours": 1_600}
"""Training images that a method learns the classes from."""
USUAL = 2_400
OPTIONS: dict[str, dict[str, Any]] = {"adapted_flow": {"prior_images": 2_400}}
"""Options that stand in the same relation to these budgets as the defaults do to the usual ones."""
FROM_ELSEWHERE = {"adapter"}
"""Methods that draw only as well as the pretrained network that their user names."""


@pytest.fixture(scope="module")
def data(cache: Path) -> Data:
    return open_data(open_dataset("synthetic", PAIRS), registry.encoders.build("logmel", {}))


@pytest.fixture(scope="module")
def noise_floor(data: Data) -> float:
    """The roughness of real pictures in noise."""
    floor = runpy.run_path(str(FLOORS))["Noisy"]()
    return roughness(floor.draw(data.train, data.test, np.random.default_rng(0)))


def roughness(images: ImageArray) -> float:
    """The mean size of second differences between neighbouring pixels, in levels of 0 to 255."""
    return float(np.abs(np.diff(images.astype(np.int64), 2, axis=2)).mean())


def share_of_right_class(images: ImageArray, data: Data) -> float:
    """The share of images that are nearest, pixel by pixel, to the mean image of their class."""
    real, drawn = (one.reshape(len(one), -1) / 255 for one in (data.train.images[:], images))
    means = np.stack([real[data.train.label == label].mean(axis=0) for label in (0, 1)])
    nearest = np.square(drawn[:, None] - means).sum(axis=2).argmin(axis=1)
    return float((nearest == data.test.label).mean())


def train_and_draw(
    name: str, data: Data, folder: Path, images: int | None = None, **changed: Any
) -> ImageArray:
    make_deterministic(0, torch.device("cpu"))
    method = registry.models.get(name)
    values = {**method.scales["small"], **OPTIONS.get(name, {}), **changed}
    spec = Spec(PAIRS["image_size"], data.train.acoustic.shape[1], data.train.classes)
    model = method(config.build(method.Config, values, name), spec)
    model = model.to(memory_format=torch.channels_last)
    steps = (images or BUDGETS.get(name, USUAL)) // model.sampling.batch_size
    fit(model, data.train, steps=steps, seed=0, checkpoint=folder / "checkpoint.safetensors")
    acoustic = data.test.acoustic
    return draw(model, acoustic, draw_noise(len(acoustic), model.noise_dim, 0))


@pytest.mark.parametrize("name", sorted({*registry.models.names()} - FROM_ELSEWHERE))
def test_a_method_is_above_its_floors(
    name: str, data: Data, noise_floor: float, tmp_path: Path
) -> None:
    images = train_and_draw(name, data, tmp_path)
    assert roughness(images) < 0.7 * noise_floor
    assert share_of_right_class(images, data) > 0.65  # the row of shuffled sounds has 0.5


def test_a_flow_that_has_to_carry_the_noise_is_not(
    data: Data, noise_floor: float, tmp_path: Path
) -> None:
    """At small scale its network has 32 channels for the 48 numbers of a patch."""
    images = train_and_draw("flow", data, tmp_path, images=800, predicts="velocity")
    assert roughness(images) > noise_floor
