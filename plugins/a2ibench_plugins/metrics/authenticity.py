"""Authenticity and the data-copying test: how near generated images are to training images.

Both look at as many training images as there are test segments, or at all if there are fewer: of a
generator that copies from a larger set, copies of the others are not found.
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.errors import UndefinedScoreError
from a2ibench.hash_order import order_of_content
from a2ibench.nn.pairwise import distinct_rows, squared_distances, strips
from a2ibench.types import FloatArray, IntArray

COMPONENTS = 64
"""Principal components of the training features that C_T sees."""
CELLS = 3
"""Cells that C_T cuts the training features into."""
FEWEST_IN_CELL = 20
"""A cell counts where more generated images lie in it."""
SEED = 2020
"""Seed of the cells."""

Array = npt.NDArray[np.float64]


class AuthPct(Metric):
    """AuthPct (Alaa et al. 2022): the share of generated images that are no copies.

    An image is authentic if its nearest training image is farther away than that one's own nearest
    other training image is. The share for images drawn afresh from the world is not 100 %: an image
    is not authentic if it would become its neighbour's nearest neighbour. The share to expect is
    known only in low dimensions (on a line one third, for two thirds of such pairs are mutual;
    Clark and Evans 1955). It rises with the dimensions of the features and the number of images,
    since some images become the neighbours of very many (for normal numbers, 600 of each kind:
    33 % in one dimension, 60 % in 8, 87 % in the 1,280 of ``lite0``), and where training images of
    one clip resemble each other. So neither more nor less is better: read it beside the ground
    truth. ``other=clip`` measures to the nearest training image of *another* clip.

    Pictures far from all real ones are all authentic: 100 % of noise.
    """

    name = "authpct"
    version = 2
    other: Literal["image", "clip"] = option(
        "image", "the training image's neighbour is another image, or one of another clip"
    )
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    needs = frozenset({"train"})
    title = "AuthPct"
    group = "variety"
    column = 72
    percent = True
    directed = False
    headline = False
    bounds = (0.0, 1.0)
    fewest = 20
    variants: ClassVar[Variants] = {"authpct_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class.

        Raises:
            UndefinedScoreError: no two training images, or no two clips of them.
        """
        train = outputs.train["features"]
        own = np.arange(len(train))
        if self.other == "clip":
            own = np.unique(outputs.train_source, return_inverse=True)[1].astype(np.int64)
        if len(np.unique(own)) < 2:
            raise UndefinedScoreError(
                f"{self.name}: needs training images of two {self.other}s, there are"
                f" {len(train)} images of {len(np.unique(own))}"
            )
        apart, place = nearest(outputs.generated["features"], train)
        reached, position = np.unique(place, return_inverse=True)
        radius, _ = nearest(train[reached], train, own[reached], own)
        return Score.mean(radius[position.reshape(-1)] < apart)


@dataclass(frozen=True)
class InCells:
    """Where images lie among the training images.

    Attributes:
        generated: distance of each generated image to the nearest training image of its cell,
            ``[n]``.
        generated_cell: int64 ``[n]``, its cell.
        test: the same distance of each real test image, ``[n]``.
        test_cell: int64 ``[n]``, its cell.
    """

    generated: Array
    generated_cell: IntArray
    test: Array
    test_cell: IntArray


def find_cells(outputs: JudgeOutputs) -> InCells:
    """Cut the training features into cells by k-means, and measure the distances inside each.

    Raises:
        UndefinedScoreError: fewer distinct training images than cells.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    parts = [part["features"] for part in (outputs.train, outputs.generated, outputs.real)]
    # k-means draws its starts by their places: so the cells follow from the set alone.
    parts[0] = parts[0][order_of_content(parts[0])]
    if min(parts[0].shape) > COMPONENTS:
        reduce = PCA(COMPONENTS, svd_solver="covariance_eigh").fit(parts[0])
        reduced = np.concatenate([reduce.transform(part) for part in parts])
        # Equal images stay equal to the last bit, so that they are equally near.
        first, position = distinct_rows(itertools.chain(*parts))
        parts = np.split(reduced[first][position], np.cumsum([len(part) for part in parts[:2]]))
    if (distinct := len(np.unique(parts[0], axis=0))) < CELLS:
        raise UndefinedScoreError(
            f"{DataCopying.name}: needs {CELLS} different training images, there are {distinct}"
        )
    clusters = KMeans(CELLS, n_init=10, random_state=SEED).fit(parts[0])
    train, *others = parts
    train_cell = clusters.labels_.astype(np.int64)
    found: list[npt.NDArray[np.generic]] = []
    for part in others:
        cell = clusters.predict(part).astype(np.int64)
        distance = np.full(len(part), np.nan)
        for one in np.unique(cell):
            distance[cell == one], _ = nearest(part[cell == one], train[train_cell == one])
        found += [distance, cell]
    return InCells(*found)  # type: ignore[arg-type]  # two of each, in this order


class DataCopying(Metric):
    """C_T (Meehan, Chaudhuri and Dasgupta 2020): the three-sample data-copying test.

    L(x) is the distance of an image to the nearest training image of its cell. In cell π, U counts
    the pairs of a generated and a real *test* image in which L of the generated one is greater,
    equal ones half, and Z_π = (U − mn/2) / √(mn(m + n + 1)/12) of the m generated and n test images
    there (Mann and Whitney 1947). C_T is the mean of Z_π over the cells with more than 20 generated
    images, weighted by their test images. Cells are three clusters of the training images' first 64
    principal components, by k-means, as dgm-eval (Stein et al. 2023) cuts them.

    0 where generated images are as far from the training images as test images are; well below 0
    of copies; above 0 of pictures that are far from all real ones. So neither more nor less is
    better. Under the hypothesis of
    independent images each Z_π has a standard deviation of 1, so values grow like √n: compare at
    one n. Segments of one clip are not independent, so −3 is no proof here; the interval is.
    A picture that is repeated for all sounds has one distance, and a score far from 0 on
    whichever side of the test images' it is.
    """

    name = "ct"
    version = 3  # the cells of version 2 depended on the order of the training images
    judge: str = option("lite0", "whose features are compared")
    reads = ("features",)
    needs = frozenset({"train"})
    title = "C_T (0: none)"
    group = "variety"
    column = 73
    directed = False
    headline = False
    bounds = (float("-inf"), float("inf"))
    fewest = 100
    variants: ClassVar[Variants] = {"ct_lite0": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class.

        Raises:
            UndefinedScoreError: fewer distinct training images than cells, or no cell in which
                enough generated images and a test image lie.
        """
        n = len(outputs.label)
        value = self._value(outputs.once(find_cells), np.ones(n, dtype=np.bool_))
        if np.isnan(value):
            raise UndefinedScoreError(
                f"{self.name}: needs more than {FEWEST_IN_CELL} generated images beside a test"
                f" image in one of {CELLS} cells of the training images; there is no such cell"
            )
        return Score(value, n)

    def without_blocks(self, outputs: JudgeOutputs, block: IntArray) -> Array:
        """Use the distances; NaN where no cell is left."""
        cells = outputs.once(find_cells)
        return np.array([self._value(cells, block != b) for b in range(int(block.max()) + 1)])

    def _value(self, cells: InCells, kept: npt.NDArray[np.bool_]) -> float:
        total, weight = 0.0, 0
        for one in range(CELLS):
            q = cells.generated[kept & (cells.generated_cell == one)]
            p = np.sort(cells.test[kept & (cells.test_cell == one)])
            if len(q) > FEWEST_IN_CELL and len(p):
                m, n = len(q), len(p)
                below = sum(np.searchsorted(p, q, side).sum() for side in ("left", "right"))
                total += n * (below / 2 - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12)
                weight += n
        return float(total / weight) if weight else float("nan")


def nearest(
    x: FloatArray,
    among: FloatArray,
    own: IntArray | None = None,
    among_own: IntArray | None = None,
) -> tuple[Array, IntArray]:
    """Return the Euclidean distance of each image to the nearest of others, and which that is.

    Distances are of differences, not of products: equal images are at no distance.

    Args:
        x: ``[n, d]``.
        among: ``[m, d]``, m ≥ 1.
        own: int64 ``[n]``, a group that each image belongs to.
        among_own: int64 ``[m]``; images of its own group are passed over. None passes over none.

    Returns:
        float64 ``[n]`` and int64 ``[n]``.
    """
    apart, place = np.empty(len(x)), np.empty(len(x), dtype=np.int64)
    for rows in strips(len(x), len(among)):
        distance = squared_distances(x[rows], among)
        if own is not None and among_own is not None:
            distance[own[rows][:, np.newaxis] == among_own] = np.inf
        place[rows] = distance.argmin(axis=1)
        apart[rows] = np.linalg.norm(x[rows].astype(np.float64) - among[place[rows]], axis=1)
    return apart, place
