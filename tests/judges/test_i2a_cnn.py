"""The convolutional judge that maps an image into acoustic space."""

import numpy as np
import pytest

from a2ibench.types import Pairs, Spec
from a2ibench_plugins.judges.i2a_cnn import CNNImageToAudio, Degraded

pytestmark = pytest.mark.integration


def bars(n: int, seed: int, side: int = 32) -> Pairs:
    """The height of a bar is heard in the first number, its place in the second."""
    rng = np.random.default_rng(seed)
    height, left = rng.integers(2, side - 2, n), rng.integers(0, side // 2, n)
    images = np.zeros((n, side, side, 3), dtype=np.uint8)
    for image, h, x in zip(images, height, left, strict=True):
        image[side - h :, x : x + side // 2] = (250, 180, 30)
    heard = np.column_stack([height / side * 3.4, left / side * 6.8]) - 1.7
    return Pairs(
        images=images,
        acoustic=heard.astype(np.float32),
        label=np.arange(n) % 2,
        classes=("a", "b"),
        source=np.array([f"{i % 2}-{i // 10}" for i in range(n)]),
    )


def fresh() -> CNNImageToAudio:
    judge = CNNImageToAudio()
    judge.build(Spec(32, 2, ("a", "b")))
    return judge


@pytest.fixture(scope="module")
def trained():
    judge = fresh()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench_plugins.judges.i2a_cnn.MAX_STEPS", 60)
        return judge, judge.fit(bars(200, seed=0))


def test_it_hears_what_is_seen_and_where(trained):
    judge, figures = trained
    test = bars(60, seed=1)
    acoustic = judge.embed(test.images[:])["acoustic"]
    assert acoustic.shape == (60, 2)
    assert acoustic.dtype == np.float32
    for i in (0, 1):
        assert np.corrcoef(acoustic[:, i], test.acoustic[:, i])[0, 1] > 0.9
    assert figures["held_out_r2"] > 0.7
    assert figures["held_out_images"] == 40
    assert 0 < figures["steps"] <= 60


def test_images_of_every_size_fit():
    for side in (16, 64, 96):
        assert fresh().embed(bars(2, 5, side).images[:])["acoustic"].shape == (2, 2)


def test_a_third_of_the_images_is_read_as_it_is():
    images = bars(300, seed=6).images[:]
    degraded = Degraded(images, np.random.default_rng(0))
    read = degraded[np.arange(300)]
    same = (read == images).all(axis=(1, 2, 3)).mean()
    assert len(degraded) == 300
    assert 0.3 < same < 0.5  # among them one in sixteen that "degraded" leaves alone
    assert (degraded[:] != read).any()
