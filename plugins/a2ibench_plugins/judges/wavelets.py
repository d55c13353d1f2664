"""Haar wavelet packets of the image: no network, no training data."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Spec

LEVEL = 4
"""Depth of the transform: 4⁴ = 256 packets, each of another band of frequencies."""
BLOCK = 2**LEVEL
"""Side of the squares, in pixels, that one coefficient of each packet is of."""
SIZE = 64


class Wavelets(Judge):
    """Wavelet packets of level 4 by Haar's wavelet (Coifman and Wickerhauser 1992).

    The full tree: low and high bands are both split again, in rows and columns, four times. Of
    Haar's wavelet that is the two-dimensional Walsh–Hadamard transform of each square of 16 × 16
    pixels: an orthogonal map, so that all of the image is in its packets. Images of more than 64 px
    are averaged down to it, since what is kept of an image is as large as the image.

    Outputs: ``"packets"`` ``[n, 256 · 3 (s/16)²]``, s = min(S, 64): packet by packet, of colours in
    [0, 1], the coefficients of red, green and blue.

    Raises:
        UserError: images whose side is no multiple of 16 pixels.
    """

    name = "wavelets"
    outputs = ("packets",)

    def build(self, spec: Spec) -> None:
        """Refuse sizes that do not fit the squares."""
        _check_size(spec.image_size)

    def weights_hash(self) -> str:
        """Hash the constants above."""
        return content_key([LEVEL, SIZE])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        from scipy.linalg import hadamard

        _check_size(images.shape[1])
        pixels = torch.from_numpy(images.astype(np.float32) / 255).permute(0, 3, 1, 2)
        if images.shape[1] > SIZE:
            pixels = F.interpolate(pixels, size=(SIZE, SIZE), mode="area")
        n, side = len(images), pixels.shape[2] // BLOCK
        squares = pixels.numpy().reshape(n, 3, side, BLOCK, side, BLOCK)
        haar = hadamard(BLOCK).astype(np.float32) / np.float32(BLOCK**0.5)
        packets = np.einsum("ncyixj,ip,jq->npqcyx", squares, haar, haar, optimize=True)
        return {"packets": np.ascontiguousarray(packets).reshape(n, -1)}


def _check_size(size: int) -> None:
    if min(size, SIZE) % BLOCK:
        raise UserError(
            f"judge {Wavelets.name}: needs images of a multiple of {BLOCK} px a side, or of more"
            f" than {SIZE}; there are {size}"
        )
