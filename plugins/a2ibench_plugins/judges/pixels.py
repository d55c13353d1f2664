"""The image itself, small and grey, for metrics of pixels."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench.contracts.judge import Judge
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray

SIZE = 64
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


class Pixels(Judge):
    """Luma, averaged down to at most 64 px a side: no network, so that no taste comes in.

    Structural similarity is defined on luma; in colour and at full size, what is kept of each image
    set would be as large as the images.

    Outputs: ``"luma"`` ``[n, s²]`` in [0, 1], row by row, s = min(S, 64).
    """

    name = "pixels"
    outputs = ("luma",)

    def weights_hash(self) -> str:
        """Hash the constants above."""
        return content_key([SIZE, list(LUMA)])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        luma: FloatArray = images.astype(np.float32) @ np.array(LUMA, dtype=np.float32)
        luma /= 255
        if images.shape[1] > SIZE:
            small = F.interpolate(torch.from_numpy(luma)[:, None], size=(SIZE, SIZE), mode="area")
            luma = small.numpy()
        return {"luma": luma.reshape(len(images), -1)}
