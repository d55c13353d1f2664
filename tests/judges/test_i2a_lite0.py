"""The judge that maps an image into acoustic space."""

import dataclasses

import numpy as np
import pytest
import torch

from a2ibench.contracts.judge import Judge
from a2ibench.nn import lite0, lite0_regression
from a2ibench.nn.lite0_regression import Ridge
from a2ibench.types import Pairs, Spec
from a2ibench_plugins.judges.i2a_cnn import CNNImageToAudio
from a2ibench_plugins.judges.i2a_lite0 import Lite0ImageToAudio

pytestmark = pytest.mark.integration


def test_ridge_is_the_minimum_of_its_objective():
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, (40, 7)), rng.normal(3, 1, (40, 3))
    penalty = 0.3
    weight, bias = Ridge(x, y).solve(penalty)
    w = torch.from_numpy(weight).requires_grad_()
    b = torch.from_numpy(bias).requires_grad_()
    residual = torch.from_numpy(y) - torch.from_numpy(x) @ w - b
    (residual.square().sum() / len(x) + penalty * w.square().sum()).backward()
    assert w.grad.abs().max() < 1e-12
    assert b.grad.abs().max() < 1e-12


def test_ridge_without_penalty_is_least_squares():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 5)), rng.normal(size=(50, 2))
    weight, bias = Ridge(x, y).solve(0.0)
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), y, rcond=None)
    np.testing.assert_allclose(np.vstack([weight, bias]), expected, atol=1e-10)


def test_features_of_degraded_images_are_seen_anew_by_other_code(monkeypatch):
    images = np.random.default_rng(2).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    network = lite0.Lite0()
    before = lite0_regression.degraded_features(images, network)
    monkeypatch.setattr(lite0_regression, "degrade", lambda batch, rng: np.zeros_like(batch))
    assert (lite0_regression.degraded_features(images, network) == before).all(), "from the cache"
    monkeypatch.setattr(lite0_regression, "source_hash", lambda one: "other code")
    now = lite0_regression.degraded_features(images, network)
    assert (now[:4] == before[:4]).all()
    assert (now[4:] == now[4]).all()


def bars(n: int, rng: np.random.Generator) -> Pairs:
    """The height of a bar is heard in the first number, the second is noise."""
    height = rng.integers(4, 60, size=n)
    images = np.zeros((n, 64, 64, 3), dtype=np.uint8)
    for image, h in zip(images, height, strict=True):
        image[64 - h :, 16:48] = (250, 180, 30)
    heard = (height - 32) / 16
    return Pairs(
        images=images,
        acoustic=np.column_stack([heard, rng.normal(size=n) * 0.1]).astype(np.float32),
        label=np.arange(n) % 2,
        classes=("a", "b"),
        source=np.array([f"{i % 2}-{i // 10}" for i in range(n)]),
    )


@pytest.fixture(scope="module")
def trained():
    judge = Lite0ImageToAudio()
    judge.build(Spec(64, 2, ("a", "b")))
    return judge, judge.fit(bars(100, np.random.default_rng(0)))


def test_it_hears_what_is_seen(trained):
    judge, figures = trained
    test = bars(30, np.random.default_rng(1))
    acoustic = judge.embed(test.images[:])["acoustic"]
    assert acoustic.shape == (30, 2)
    assert acoustic.dtype == np.float32
    assert np.corrcoef(acoustic[:, 0], test.acoustic[:, 0])[0, 1] > 0.95
    assert figures["held_out_r2"] > 0.8
    assert figures["held_out_images"] == 20


def test_noise_gets_the_strongest_penalty_and_no_r2():
    noise = bars(60, np.random.default_rng(2))
    noise.acoustic[:] = np.random.default_rng(3).normal(size=noise.acoustic.shape)
    judge = Lite0ImageToAudio()
    judge.build(Spec(64, 2, ("a", "b")))
    figures = judge.fit(noise)
    assert figures["penalty"] > 1
    assert abs(figures["held_out_r2"]) < 0.2


@pytest.mark.parametrize("judge", [Lite0ImageToAudio, CNNImageToAudio])
@pytest.mark.parametrize("pictures", [1, 3])
def test_a_single_sound_that_was_held_out_says_nothing_about_the_judge(
    judge: type[Judge], pictures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One class of few clips: one is held out, with one or several pictures of its sound."""
    monkeypatch.setattr("a2ibench_plugins.judges.i2a_cnn.MAX_STEPS", 2)
    rng = np.random.default_rng(0)
    pairs = bars(6 * pictures, rng)
    clip = np.repeat(np.arange(6), pictures)
    one_class = dataclasses.replace(
        pairs,
        acoustic=rng.normal(size=(6, 2)).astype(np.float32)[clip],
        label=np.zeros(6 * pictures, dtype=np.int64),
        classes=("a",),
        source=clip.astype(str),
    )
    built = judge()
    built.build(Spec(64, 2, ("a",)))
    figures = built.fit(one_class)
    assert "held_out_r2" not in figures
    assert np.isfinite(list(figures.values())).all()
