"""Inception v3, the 2015-12-05 graph: the judge of published inception scores and distances."""

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError

import numpy as np
import torch

from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.storage import cache_dir, expanded, lock
from a2ibench.types import FloatArray, ImageArray

VARIABLE = "A2IBENCH_INCEPTION_WEIGHTS"
SIDE = 299
"""Side of the images that the network sees, in px."""
WEIGHTS_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class InceptionV3(Judge):
    """torch-fidelity's port of the TensorFlow graph, with its resizing (bilinear, 299 px).

    The weights are the file that the environment variable ``A2IBENCH_INCEPTION_WEIGHTS`` names, or
    torch-fidelity's own release file, downloaded once into the cache.

    Outputs: ``"logits"`` ``[n, 1008]``, without the last layer's bias, as torch-fidelity's
    inception score takes them; ``"features"`` ``[n, 2048]``.

    Raises:
        UserError: the weights cannot be had, or are not the known file.
    """

    name = "inceptionv3"
    outputs: ClassVar[tuple[str, ...]] = ("features", "logits")

    def __init__(self) -> None:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        super().__init__()
        path = _weights_file()
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != WEIGHTS_SHA256:
            raise UserError(
                f"{path}: expected the Inception v3 weights of torch-fidelity with sha256"
                f" {WEIGHTS_SHA256}, got {found}; delete it or set {VARIABLE} to the right file"
            )
        # torch-fidelity unpickles anything: it is handed what was read as plain tensors.
        plain = io.BytesIO()
        torch.save(torch.load(io.BytesIO(content), weights_only=True), plain)
        plain.seek(0)
        self.network = FeatureExtractorInceptionV3(
            self.name, ["2048", "logits_unbiased"], feature_extractor_weights_path=plain
        ).to(memory_format=torch.channels_last)

    @classmethod
    def missing(cls) -> str | None:
        """Return what to do while its weights are neither named nor downloaded."""
        if os.environ.get(VARIABLE) or _downloaded().is_file():
            return None
        return (
            f"the Inception v3 weights are not here: set {VARIABLE} to the file, or ask for the"
            " metric by name to download it (96 MB)"
        )

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return WEIGHTS_SHA256

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            pixels = torch.tensor(np.ascontiguousarray(images), device=device)
            features, logits = self.network(pixels.permute(0, 3, 1, 2))
        return {"features": features.cpu().numpy(), "logits": logits.cpu().numpy()}


class InceptionV3Clean(InceptionV3):
    """The same network, seeing images as clean-fid resizes them (Parmar et al. 2022).

    Pillow's bicubic filter, which is antialiased, takes each channel to 299 px as real numbers;
    they are cut at 0 and 255 and not rounded. Weights and errors as for ``inceptionv3``.

    Outputs: ``"features"`` ``[n, 2048]``.
    """

    name = "inceptionv3_clean"
    outputs = ("features",)

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        device = next(self.parameters()).device
        seen = torch.from_numpy((resize_cleanly(images) - 128) / 128).to(device)
        # torch-fidelity resizes whole numbers alone: the layer behind that is given ours.
        with self.network.Conv2d_1a_3x3.register_forward_pre_hook(lambda *_: seen):
            return {"features": super().embed(images)["features"]}


def resize_cleanly(images: ImageArray) -> FloatArray:
    """Resize images uint8 ``[n, S, S, 3]`` to float32 ``[n, 3, 299, 299]`` in 0 … 255."""
    from PIL import Image

    side = (SIDE, SIDE)
    channels = np.moveaxis(images, 3, 1).astype(np.float32).reshape(-1, *images.shape[1:3])
    planes = [Image.fromarray(one).resize(side, Image.Resampling.BICUBIC) for one in channels]
    return np.stack([np.asarray(one) for one in planes]).clip(0, 255).reshape(-1, 3, *side)


def _downloaded() -> Path:
    return cache_dir("weights") / "inceptionv3-2015-12-05.pth"


def _weights_file() -> Path:
    """Return the file that the environment names, or the downloaded one."""
    if named := os.environ.get(VARIABLE):
        path = expanded(named)
        if not path.is_file():
            raise UserError(f"{VARIABLE}={named}: no such file")
        return path
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    path = _downloaded()
    if path.is_file():
        return path
    with lock(path):
        if not path.is_file():
            try:
                # It writes to a temporary name, checks the hash and renames.
                torch.hub.download_url_to_file(
                    URL_INCEPTION_V3, str(path), hash_prefix=WEIGHTS_SHA256, progress=False
                )
            except (URLError, OSError, RuntimeError) as error:
                raise UserError(
                    f"the Inception v3 weights cannot be downloaded from {URL_INCEPTION_V3}"
                    f" ({error}); fetch that file where there is a connection and set {VARIABLE}"
                    " to its path"
                ) from error
    return path
