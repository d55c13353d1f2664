"""The classifier that is trained on real training images."""

import numpy as np
import pytest
import torch

from a2ibench.types import Pairs, Spec
from a2ibench_plugins.judges import resnet18
from a2ibench_plugins.judges.resnet18 import ResNet18Classifier

pytestmark = pytest.mark.integration

CLASSES = ("disc", "square")


def shapes(n: int, rng: np.random.Generator) -> Pairs:
    """A warm disc or a cold square anywhere on noise; ten pictures a source."""
    row, column = np.mgrid[:32, :32]
    label = np.arange(n) % 2
    images = rng.integers(0, 80, (n, 32, 32, 3), dtype=np.uint8)
    for image, kind in zip(images, label, strict=True):
        y, x = rng.integers(10, 22, size=2)
        disc = (row - y) ** 2 + (column - x) ** 2 <= 64
        square = (abs(row - y) <= 7) & (abs(column - x) <= 7)
        red, blue = rng.integers(120, 256), rng.integers(0, 120)
        image[square if kind else disc] = (blue, 100, red) if kind else (red, 100, blue)
    return Pairs(
        images=images,
        acoustic=np.zeros((n, 4), dtype=np.float32),
        label=label.astype(np.int64),
        classes=CLASSES,
        source=np.array([f"{CLASSES[kind]}-{i // 20}" for i, kind in enumerate(label)]),
    )


@pytest.fixture(scope="module", autouse=True)
def small_steps():
    """Checks every 10 steps: these pictures are easy, and a step of the full network is dear."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet18, "CHECK_EVERY", 10)
        yield


def fitted(train: Pairs) -> tuple[ResNet18Classifier, dict[str, float]]:
    judge = ResNet18Classifier()
    judge.build(Spec(32, 4, CLASSES))
    return judge, dict(judge.fit(train))


@pytest.fixture(scope="module")
def train():
    return shapes(200, np.random.default_rng(0))


@pytest.fixture(scope="module")
def trained(train):
    return fitted(train)


def test_it_learns_to_tell_shapes_apart(trained):
    judge, figures = trained
    test = shapes(100, np.random.default_rng(1))
    right = judge.embed(test.images)["logits"].argmax(axis=1) == test.label
    assert right.mean() > 0.9
    assert figures["held_out_accuracy"] > 0.9
    assert figures["steps"] % 10 == 0
    assert figures["held_out_images"] == 40


def test_building_it_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    ResNet18Classifier().build(Spec(32, 4, CLASSES))
    assert torch.equal(torch.rand(3), expected)


def test_it_stops_when_its_accuracy_has_not_risen_three_times(train, monkeypatch):
    monkeypatch.setattr(resnet18, "CHECK_EVERY", 1)
    monkeypatch.setattr(resnet18, "LEARNING_RATE", 0.0)
    _, figures = fitted(train)
    assert figures["steps"] <= resnet18.PATIENCE + 1
    assert figures["held_out_accuracy"] < 0.8
