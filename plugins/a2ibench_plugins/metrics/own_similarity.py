"""AIS and IIS: audio–image and image–image similarity, in the three ways that papers compute them.

xᵢ is the image generated for test segment i; rᵢ its own sound (AIS), or its own real image (IIS);
cos is taken of the outputs of the judge, and each number is a mean over i.
"""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.nn.cosine import cosine_strips, unit_rows
from a2ibench.nn.ranking import count_nearer
from a2ibench.types import FloatArray, IntArray

SMALLEST_SPREAD = 1e-6
"""Standard deviation of cosines that stands out from the rounding of float32 outputs."""

I2A_LITE0 = {"judge": "i2a_lite0", "space": "acoustic"}
LITE0 = {"judge": "lite0"}

Array = npt.NDArray[np.float64]


class _Similarity(Metric):
    """A published figure is the same measurement only by the same judge, on the same segments."""

    group = "match"
    headline = False

    def __post_init__(self) -> None:
        """Put the judge into the title: by another one it is another number."""
        super().__post_init__()
        self.title = f"{type(self).title} {self.judge}"

    @abstractmethod
    def sides(self, outputs: JudgeOutputs) -> tuple[FloatArray, FloatArray]:
        """Return the outputs for x and for r, ``[n, k]`` each."""


class _Sounds(_Similarity):
    """AIS is asked of a judge that puts images and sounds into one space.

    That is its output ``features``; of a judge that is trained on the data, ``acoustic``. Where
    such a judge does not hear, it is the space of the method's own features.
    """

    judge: str = option("wav2clip", "which embeds images and sounds")
    space: Literal["features", "acoustic"] = option("features", "its output for both")

    def __post_init__(self) -> None:
        """Read what the space says."""
        super().__post_init__()
        self.reads = (self.space,)
        self.reads_sounds = self.reads if self.space == "features" else ()

    def sides(self, outputs: JudgeOutputs) -> tuple[FloatArray, FloatArray]:
        """Return images and sounds."""
        sounds = outputs.acoustic if self.space == "acoustic" else outputs.sounds[self.space]
        return outputs.generated[self.space], sounds


class _RealImages(_Similarity):
    """IIS is asked of a judge of images."""

    judge: str = option("clip_b32", "whose features are compared")
    reads = ("features",)
    refers_to_own_image = True

    def sides(self, outputs: JudgeOutputs) -> tuple[FloatArray, FloatArray]:
        """Return generated and real images."""
        return outputs.generated["features"], outputs.real["features"]


class _Rate(_Similarity):
    """The rate of SonicDiffusion: the share of all n references rⱼ with cos(xᵢ, rⱼ) < cos(xᵢ, rᵢ).

    The own one is among the references, so the most is (n − 1)/n. Chance is half of that; a
    generator that always draws one image has just this, but for references that are equal. One that
    is right about the class and random inside it has about 1 − 1/2C with C balanced classes: where
    classes are easy, the rate saturates. The references are the sounds or real images of the test
    segments, of which those that overlap do not take part together; the paper's are its fixed
    validation set.
    """

    percent = True
    bounds = (0.0, 1.0)
    fewest = 20

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the share of each, NaN for segments left out."""
        rows = outputs.disjoint_rows
        n = len(rows)
        below = self._below(outputs, np.zeros(n, dtype=np.int64), 1)[:, 0]
        return Score.mean(below / n, rows, len(outputs.label), chance=(n - 1) / (2 * n))

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Leave out a block's images, and its references."""
        own, number = block[outputs.disjoint_rows], int(block.max()) + 1
        below = self._below(outputs, own, number)
        left = len(own) - np.bincount(own, minlength=number)
        rate = (below.sum(axis=1, keepdims=True) - below) / np.maximum(left, 1)
        return _means_outside(rate, own)

    def _below(self, outputs: JudgeOutputs, block: IntArray, number: int) -> IntArray:
        """Count the references of each block that are less near than the own one, ``[m, B]``."""
        x, r = (side[outputs.disjoint_rows] for side in self.sides(outputs))
        nearer, ties = count_nearer(x, r, block, number)
        others = np.bincount(block, minlength=number) - (block[:, np.newaxis] == np.arange(number))
        return np.asarray(others - nearer - ties)


class _Cosine(_Similarity):
    """The cosine of MACS: cos(rᵢ, xᵢ).

    Its level says little, since the outputs of a network lie in a narrow cone. Chance is the mean
    of cos(rᵢ, xⱼ) over i ≠ j; a generator that always draws one image has just this.
    """

    bounds = (-1.0, 1.0)
    fewest = 2

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is each cosine."""
        n = len(outputs.label)
        x, r = map(unit_rows, self.sides(outputs))
        own = (x * r).sum(axis=1)
        chance = (x.sum(axis=0) @ r.sum(axis=0) - own.sum()) / (n * (n - 1))
        return Score.mean(own, chance=float(chance))


class _ZScore(_Similarity):
    """The z of MACS: (cos(rᵢ, xᵢ) − mean) / sd, both over the n − 1 *other generated* images xⱼ.

    sd is that of a population. Chance is 0; a generator that is right about the class and random
    inside it has about √(C − 1) with C balanced classes. One that always draws one image has no
    spread: its z is undefined, and its row has no value. Segments that overlap do not take part
    together.
    """

    bounds = (float("-inf"), float("inf"))
    fewest = 20

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is each z, NaN for segments left out.

        Raises:
            UndefinedScoreError: the images have no spread.
        """
        rows = outputs.disjoint_rows
        sums, squares = self._sums(outputs, np.zeros(len(rows), dtype=np.int64), 1)
        z = _own_z(sums, squares, len(rows) - 1)[:, 0]
        if not np.isfinite(z).all():
            raise UndefinedScoreError(
                f"to judge {self.judge} the generated images are all alike: without a spread there"
                " is no z"
            )
        return Score.mean(z, rows, len(outputs.label), chance=0.0)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Leave out a block's own pairs, and its images among the others."""
        own, number = block[outputs.disjoint_rows], int(block.max()) + 1
        sums, squares = self._sums(outputs, own, number)
        sums = sums.sum(axis=1, keepdims=True) - sums
        squares = squares.sum(axis=1, keepdims=True) - squares
        others = len(own) - 1 - np.bincount(own, minlength=number)
        return _means_outside(_own_z(sums, squares, np.maximum(others, 1)), own)

    def _sums(self, outputs: JudgeOutputs, block: IntArray, number: int) -> tuple[Array, Array]:
        """Add cos(rᵢ, xⱼ) − cos(rᵢ, xᵢ), and its square, over the j of each block, ``[m, B]``."""
        x, r = (side[outputs.disjoint_rows] for side in self.sides(outputs))
        member = np.equal.outer(block, np.arange(number)).astype(np.float64)
        sums, squares = np.empty((2, len(block), number))
        for rows, cosine in cosine_strips(r, x):
            cosine -= np.diagonal(cosine[:, rows])[:, np.newaxis].copy()
            sums[rows] = cosine @ member
            squares[rows] = np.square(cosine, out=cosine) @ member
        return sums, squares


def _own_z(sums: Array, squares: Array, others: int | IntArray) -> Array:
    """Return z ``[m, B]``, from sums over the other cosines less the own; NaN without a spread."""
    mean = sums / others
    sd = np.sqrt(np.maximum(squares / others - np.square(mean), 0))
    return np.divide(-mean, sd, out=np.full_like(mean, np.nan), where=sd > SMALLEST_SPREAD)


def _means_outside(values: Array, block: IntArray) -> Array:
    """Return the means of columns b of ``[m, B]`` over rows outside of block b; NaN without any."""
    outside = block[:, np.newaxis] != np.arange(values.shape[1])
    total = np.where(outside, values, 0.0).sum(axis=0)
    count = outside.sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


class AISRate(_Sounds, _Rate):
    """SonicDiffusion's judge is Wav2CLIP for sounds and CLIP ViT-B/32 for images.

    Sounds are loaded at 44.1 kHz and padded with zeros to 442,763 samples.
    """

    name = "ais_rate"
    judge: str = option("wav2clip_44k", "which embeds images and sounds")
    title = "AIS rate"
    column = 70
    variants: ClassVar[Variants] = {"ais_rate_wav2clip_44k": {}, "ais_rate_i2a_lite0": I2A_LITE0}


class IISRate(_RealImages, _Rate):
    """SonicDiffusion's judge is CLIP ViT-L/14."""

    name = "iis_rate"
    judge: str = option("clip_l14", "whose features are compared")
    title = "IIS rate"
    column = 73
    variants: ClassVar[Variants] = {"iis_rate_clip_l14": {}, "iis_rate_lite0": LITE0}


class AISCosine(_Sounds, _Cosine):
    """MACS's judge is Wav2CLIP for sounds, loaded at 16 kHz, and CLIP ViT-B/32 for images.

    By ``i2a_lite0`` it is the number of ``similarity_i2a_lite0``.
    """

    name = "ais_cos"
    title = "AIS cosine"
    column = 71
    variants: ClassVar[Variants] = {"ais_cos_wav2clip": {}, "ais_cos_i2a_lite0": I2A_LITE0}


class IISCosine(_RealImages, _Cosine):
    """MACS's judge is CLIP ViT-B/32."""

    name = "iis_cos"
    title = "IIS cosine"
    column = 74
    variants: ClassVar[Variants] = {"iis_cos_clip_b32": {}, "iis_cos_lite0": LITE0}


class AISZScore(_Sounds, _ZScore):
    """MACS's judge is Wav2CLIP for sounds, loaded at 16 kHz, and CLIP ViT-B/32 for images."""

    name = "ais_z"
    title = "AIS z"
    column = 72
    variants: ClassVar[Variants] = {"ais_z_wav2clip": {}, "ais_z_i2a_lite0": I2A_LITE0}


class IISZScore(_RealImages, _ZScore):
    """MACS's judge is CLIP ViT-B/32."""

    name = "iis_z"
    title = "IIS z"
    column = 75
    variants: ClassVar[Variants] = {"iis_z_clip_b32": {}, "iis_z_lite0": LITE0}
