"""Ridge regression from EfficientNet-lite0's features, for judges that map an image to a sound."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.cache import cached
from a2ibench.code_hash import source_hash
from a2ibench.nn import lite0
from a2ibench.nn.degrade import degrade
from a2ibench.protocol import PROTOCOL
from a2ibench.storage import cache_dir, content_key
from a2ibench.types import FloatArray, Images

SEED = 20_190_512
"""Chooses the held-out sources, and how images are degraded."""
HELD_OUT = 0.2
PENALTIES = 10.0 ** np.arange(-5, 2, 0.5)
COPIES = 2
"""Degraded copies of each training image."""
BATCH = 64

Array = npt.NDArray[np.float64]


def degraded_features(images: Images, network: lite0.Lite0) -> Array:
    """Return features of images as they are, then of their degraded copies.

    Copies are degraded at random (:func:`~a2ibench.nn.degrade.degrade`): otherwise the blur and the
    noise of generated images would weigh more than what they show. The features are kept in the
    cache: another judge or encoder on these images starts from them.

    Shapes: uint8 ``[n, S, S, 3]`` → float64 ``[3n, 1280]``.
    """
    digest = hashlib.sha256()
    for rows in _batches(len(images)):
        digest.update(images[rows].tobytes())
    code = source_hash(Ridge)  # of this file, and of what it imports
    key = content_key([lite0.WEIGHTS_SHA256, code, PROTOCOL, len(images), digest.hexdigest()])

    def look(path: Path) -> None:
        rng = np.random.default_rng(SEED)
        parts: list[list[FloatArray]] = [[] for _ in range(1 + COPIES)]
        for batch in (images[rows] for rows in _batches(len(images))):
            for i, copies in enumerate(parts):
                seen = batch if i == 0 else degrade(batch, rng)
                copies.append(network.look(seen)[0].cpu().numpy())
        with path.open("wb") as stream:
            np.save(stream, np.concatenate([block for copies in parts for block in copies]))

    def read(path: Path) -> Array:
        kept: Array = np.load(path, allow_pickle=False).astype(np.float64)
        return kept

    return cached(cache_dir("looks") / f"lite0_degraded_{key}.npy", look, read)


def targets(each: FloatArray) -> Array:
    """Repeat ``[n, d]``, one row per image, for the degraded copies: float64 ``[3n, d]``."""
    return np.tile(each.astype(np.float64), (1 + COPIES, 1))


def _batches(n: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, n, BATCH)]


class Ridge:
    """Ridge regression (Hoerl and Kennard 1970) for many penalties at the price of one.

    Args:
        x: ``[n, p]``.
        y: ``[n, d]``. Columns of both are centred; so the bias is not penalised.
    """

    def __init__(self, x: Array, y: Array) -> None:
        self.x_mean, self.y_mean = x.mean(axis=0), y.mean(axis=0)
        z = x - self.x_mean
        self.eigenvalues, self.vectors = np.linalg.eigh(z.T @ z / len(z))
        self.projected = self.vectors.T @ (z.T @ (y - self.y_mean) / len(z))

    def solve(self, penalty: float) -> tuple[Array, Array]:
        """Return W = (zᵀz/n + λ)⁻¹ zᵀy/n, z = x − mean(x), and b of y ≈ x W + b."""
        shrunk = self.projected / (np.maximum(self.eigenvalues, 0) + penalty)[:, np.newaxis]
        weight = self.vectors @ shrunk
        return weight, self.y_mean - self.x_mean @ weight
