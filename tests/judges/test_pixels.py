"""The judge that is no network."""

import numpy as np

from a2ibench_plugins.judges.pixels import Pixels


def test_it_is_the_luma_of_each_pixel():
    images = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    images[0, 3, 5] = (255, 0, 0)
    images[1] = 255
    luma = Pixels().embed(images)["luma"]
    assert luma.shape == (2, 256)
    assert luma.dtype == np.float32
    np.testing.assert_allclose(luma[0, 3 * 16 + 5], 0.299, rtol=1e-6)
    assert np.count_nonzero(luma[0]) == 1
    np.testing.assert_allclose(luma[1], 1, rtol=1e-6)


def test_large_images_are_averaged_down():
    images = np.kron(np.eye(64, dtype=np.uint8), np.array([[255, 0], [0, 255]], dtype=np.uint8))
    luma = Pixels().embed(np.repeat(images[np.newaxis, :, :, np.newaxis], 3, axis=3))["luma"]
    np.testing.assert_allclose(luma.reshape(64, 64), np.eye(64) / 2, atol=1e-6)
