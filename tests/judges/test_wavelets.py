"""Wavelet packets: against PyWavelets, and what an orthogonal map keeps."""

import itertools

import numpy as np
import pytest
import pywt

from a2ibench.errors import UserError
from a2ibench.types import Spec
from a2ibench_plugins.judges.wavelets import Wavelets


def pictures(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("side", [16, 48, 64])
def test_the_packets_are_those_of_pywavelets_but_for_their_order_and_sign(side):
    image = pictures(1, side)
    ours = Wavelets().embed(image)["packets"].reshape(256, 3, side // 16, side // 16)
    theirs = []
    for colour in range(3):
        tree = pywt.WaveletPacket2D(image[0, :, :, colour] / 255, "haar", maxlevel=4)
        paths = map("".join, itertools.product("ahvd", repeat=4))
        theirs.append([tree[path].data for path in paths])
    rest = {tuple(np.abs(one).round(4).ravel()) for one in np.array(theirs).transpose(1, 0, 2, 3)}
    assert {tuple(np.abs(one).astype(float).round(4).ravel()) for one in ours} == rest


def test_all_of_a_picture_is_in_its_packets():
    images = pictures(3, 32)
    packets = Wavelets().embed(images)["packets"]
    assert (packets.dtype, packets.shape) == (np.float32, (3, 256 * 12))
    energy = np.square(images / 255).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(np.square(packets).sum(axis=1), energy, rtol=1e-5)


def test_a_plain_picture_is_in_the_lowest_band_alone():
    packets = Wavelets().embed(np.full((1, 32, 32, 3), 51, np.uint8))["packets"].reshape(256, -1)
    np.testing.assert_allclose(packets[0], 16 * 0.2, rtol=1e-6)
    np.testing.assert_allclose(packets[1:], 0, atol=1e-6)


def test_large_pictures_are_averaged_down_and_sizes_that_do_not_fit_are_refused():
    small = pictures(2, 64)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    found, expected = (Wavelets().embed(one)["packets"] for one in (large, small))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(UserError, match="a multiple of 16 px a side, or of more than 64; there"):
        Wavelets().build(Spec(40, 8, ("a",)))
    with pytest.raises(UserError, match="there are 24"):
        Wavelets().embed(pictures(1, 24))
