"""The network that learns to tell real pictures apart."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from a2ibench.types import ImageArray, Pairs, Spec
from a2ibench_plugins.judges import simclr
from a2ibench_plugins.judges.simclr import SimCLR, contrast

pytestmark = pytest.mark.integration

CLASSES = ("disc", "square")


def shapes(n: int, rng: np.random.Generator) -> Pairs:
    """A disc or a square anywhere, of any size and colour."""
    row, column = np.mgrid[:32, :32]
    label = np.arange(n) % 2
    images = np.full((n, 32, 32, 3), 40, dtype=np.uint8)
    for image, kind in zip(images, label, strict=True):
        (y, x), r = rng.integers(8, 24, size=2), rng.integers(3, 8)
        disc = (row - y) ** 2 + (column - x) ** 2 <= r * r
        square = (abs(row - y) <= r) & (abs(column - x) <= r)
        image[square if kind else disc] = rng.integers(60, 256, 3)
    return Pairs(
        images=images,
        acoustic=np.zeros((n, 0), dtype=np.float32),
        label=label.astype(np.int64),
        classes=CLASSES,
        source=np.array([f"{CLASSES[kind]}-{i // 20}" for i, kind in enumerate(label)]),
    )


def fitted(train: Pairs) -> tuple[SimCLR, dict[str, float]]:
    judge = SimCLR()
    judge.build(Spec(32, 0, CLASSES))
    return judge, dict(judge.fit(train))


@pytest.fixture(scope="module")
def trained() -> tuple[SimCLR, dict[str, float]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simclr, "STEPS", 60)
        return fitted(shapes(200, np.random.default_rng(0)))


def distance(judge: SimCLR, one: ImageArray, other: ImageArray) -> float:
    """Root mean square of the differences of features, picture by picture."""
    a, b = (judge.embed(images)["features"] for images in (one, other))
    return float(np.sqrt(np.square(a - b).mean()))


def test_the_loss_is_equation_1() -> None:
    z = np.random.default_rng(0).normal(size=(8, 5))
    cosine = z @ z.T / np.outer(*[np.linalg.norm(z, axis=1)] * 2)
    terms = []
    for i in range(8):
        j = (i + 4) % 8
        others = sum(np.exp(cosine[i, k] / simclr.TEMPERATURE) for k in range(8) if k != i)
        terms.append(-np.log(np.exp(cosine[i, j] / simclr.TEMPERATURE) / others))
    assert contrast(torch.from_numpy(z)).item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_it_finds_the_other_view_of_pictures_that_it_has_not_seen(
    trained: tuple[SimCLR, dict[str, float]],
) -> None:
    figures = trained[1]
    assert figures["held_out_nearer"] > 0.75


@pytest.mark.parametrize("damage", ["blur", "noise"])
def test_more_damage_is_farther_away(trained: tuple[SimCLR, dict[str, float]], damage: str) -> None:
    real = shapes(40, np.random.default_rng(1)).images[:]
    noise = np.random.default_rng(2).normal(size=real.shape)

    def damaged(level: float) -> ImageArray:
        if damage == "noise":
            return (real + 40 * level * noise).round().clip(0, 255).astype(np.uint8)
        blur = ImageFilter.GaussianBlur(1.5 * level)
        return np.stack([np.asarray(Image.fromarray(image).filter(blur)) for image in real])

    found = [distance(trained[0], real, damaged(level)) for level in (0.25, 0.5, 1, 2, 4)]
    assert found == sorted(found)


def test_its_features_of_real_training_pictures_are_standardised(
    trained: tuple[SimCLR, dict[str, float]],
) -> None:
    features = trained[0].embed(shapes(200, np.random.default_rng(0)).images[:])["features"]
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    assert features.std(axis=0).max() <= 1.001


def test_two_trainings_give_the_same_bits_and_leave_the_random_numbers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simclr, "STEPS", 3)
    train = shapes(40, np.random.default_rng(0))
    one, _ = fitted(train)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    other, _ = fitted(train)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_picture_larger_than_it_looks_at_is_averaged_down() -> None:
    judge = SimCLR()
    judge.build(Spec(256, 0, CLASSES))
    small = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(
        judge.embed(large)["features"], judge.embed(small)["features"], atol=1e-5
    )


def test_a_single_picture_that_was_held_out_says_nothing_about_the_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simclr, "STEPS", 2)
    pairs = shapes(6, np.random.default_rng(0))
    one_class = dataclasses.replace(
        pairs,
        label=np.zeros(6, dtype=np.int64),
        classes=CLASSES[:1],
        source=np.arange(6).astype(str),
    )
    _, figures = fitted(one_class)
    assert "held_out_nearer" not in figures
    assert figures["held_out_images"] == 1


def test_ranks_among_all_pictures_do_not_depend_on_the_blocks() -> None:
    one, other = torch.randn(2, 10, 4, generator=torch.Generator().manual_seed(0))
    alike = one @ other.T
    expected = [sum(alike[i, j] < alike[i, i] for j in range(10)) for i in range(10)]
    for size in (1, 3, 10):
        blocks = [simclr._farther(one, other, slice(i, i + size)) for i in range(0, 10, size)]
        assert torch.cat(blocks).tolist() == expected
