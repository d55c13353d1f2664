"""Fréchet wavelet distance: Gaussians of each band of frequencies compared, without a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.types import FloatArray, IntArray

PACKETS = 256
"""Number of packets that the judge's output holds one after the other."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over the images of each of some blocks.

    Attributes:
        number: images in each, float64 ``[B]``.
        first: sums of the coefficients, ``[B, d]``.
        second: sums of their products, ``[B, d, d]``.
    """

    number: Array
    first: Array
    second: Array

    @classmethod
    def of_blocks(cls, x: Array, block: IntArray, number: int) -> "Moments":
        """Sum the images ``[n, d]`` of each block."""
        first = np.zeros((number, x.shape[1]))
        second = np.zeros((number, x.shape[1], x.shape[1]))
        for b in range(number):
            part = x[block == b]
            first[b], second[b] = part.sum(axis=0), part.T @ part
        return cls(np.bincount(block, minlength=number).astype(np.float64), first, second)

    def gaussian(self, kept: Array) -> tuple[Array, Array]:
        """Return means ``[S, d]`` and covariances ``[S, d, d]`` of S choices of blocks.

        ``kept`` is ``[S, B]``: 1 for a block that counts, else 0. Covariances have n − 1 below.
        """
        n = (kept @ self.number)[:, np.newaxis]
        mean = kept @ self.first / n
        product = np.tensordot(kept, self.second, 1)
        outer = mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
        return mean, (product - n[:, :, np.newaxis] * outer) / (n[:, :, np.newaxis] - 1)


class WaveletDistance(Metric):
    """FWD (Veeramacheneni et al. 2025): the mean Fréchet distance over wavelet packets.

    FWD = 1/P Σ_p [‖μ_p − ν_p‖² + Tr(Σ_p + Τ_p − 2 (Σ_p Τ_p)^½)] of Gaussians that are fitted to
    packet p of the generated and of the real *test* images, over all P = 256 packets of the judge
    ``wavelets``. No network, so that it sees all pixels alike and no taste for photographs comes
    in; nor does what a picture shows. All packets count alike, so the finest details, in 192 of
    them, weigh most where they differ, and where the images have none, the value is small. Biased
    upwards like the Fréchet distance, by a multiple of 1/n that depends on the generator: compare
    at one n. The ground-truth row is 0, being the very images that it is compared with. Up to 64 px
    it is the published distance with its defaults, but to test images; larger images are averaged
    down first, as the judge says.
    """

    name = "fwd"
    judge: str = option("wavelets", "which transforms the images")
    reads = ("packets",)
    title = "FWD"
    column = 20
    headline = False
    higher_is_better = False
    bounds = (0.0, float("inf"))
    fewest = 200

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class."""
        n = len(outputs.label)
        everything = np.zeros(n, dtype=np.int64)
        return Score(float(self._distances(outputs, everything, np.ones((1, 1)))[0]), n)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the blocks' sums."""
        number = int(block.max()) + 1
        values = np.full(number, np.nan)
        some = len(block) - np.bincount(block, minlength=number) > 1
        values[some] = self._distances(outputs, block, 1.0 - np.eye(number)[some])
        return values

    def _distances(self, outputs: JudgeOutputs, block: IntArray, kept: Array) -> Array:
        """Return the score of each of S choices of blocks, ``kept`` ``[S, B]``."""
        total = np.zeros(len(kept))
        sides = (outputs.generated["packets"], outputs.real["packets"])
        for x, y in zip(*(_packets(side) for side in sides), strict=True):
            # Less one image: sums of squares that are small beside the mean lose no digits.
            moments = (Moments.of_blocks(part - y[0], block, kept.shape[1]) for part in (x, y))
            (mean, s), (other, t) = (one.gaussian(kept) for one in moments)
            total += np.maximum(frechet_of_moments(mean, s, other, t), 0)
        return total / PACKETS


def _packets(side: FloatArray) -> Iterator[Array]:
    width = side.shape[1] // PACKETS
    for start in range(0, side.shape[1], width):
        yield side[:, start : start + width].astype(np.float64)


def frechet_of_moments(mean: Array, s: Array, other: Array, t: Array) -> Array:
    """Compute ‖μ − ν‖² + Tr(Σ + Τ − 2 (ΣΤ)^½) of Gaussians, ``[S]`` (Dowson and Landau 1982).

    Means are ``[S, d]``, covariances ``[S, d, d]``, which may be singular: Tr (ΣΤ)^½ is the sum of
    the roots of the eigenvalues of Aᵀ Τ A for any A with Σ = AAᵀ.
    """
    try:
        root = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:  # singular: three times as slow
        values, vectors = np.linalg.eigh(s)
        root = vectors * np.sqrt(np.maximum(values, 0))[:, np.newaxis, :]
    squares = np.linalg.eigvalsh(root.transpose(0, 2, 1) @ t @ root)
    trace = np.trace(s + t, axis1=1, axis2=2) - 2 * np.sqrt(np.maximum(squares, 0)).sum(axis=1)
    distance: Array = np.square(mean - other).sum(axis=1) + trace
    return distance
