"""1 − MS-SSIM: how unlike in structure the pictures are that chance makes of one sound."""

import itertools
from typing import ClassVar

import numpy as np

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score, Variants
from a2ibench.types import FloatArray

WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of the window of structural similarity, in pixels."""
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, the finest first (Wang et al. 2003)."""


class MSSSIMDiversity(Metric):
    """Mean of 1 − MS-SSIM of two pictures of one sound (Wang et al. 2003), by torchmetrics.

    On luma of at most 64 px, with Gaussian windows of 11 px (σ = 1.5). There are as many scales as
    keep the coarsest at least as large as a window, at most five: three at 64 px, two at 32, one
    at 16; their weights are those of the paper, the finest first, scaled to sum 1. Negative terms
    count as 0. It sees no colour. 0 for a method without noise. Version 2 has the scores of version
    1, with intervals by the blocks of clips that have such pictures.
    """

    name = "msssim"
    version = 2
    judge: str = option("pixels", "judge that gives the luma of the images")
    reads = ("luma",)
    needs = frozenset({"grid", "noise"})
    title = "1 − MS-SSIM"
    group = "variety"
    column = 61
    headline = False
    bounds = (0.0, 1.0)
    variants: ClassVar[Variants] = {"msssim_diversity": {}}

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is NaN outside the grid."""
        luma = outputs.grid["luma"]
        segments, draws, pixels = luma.shape
        side = round(pixels**0.5)
        images = luma.reshape(segments, draws, 1, side, side)
        pairs = itertools.combinations(range(draws), 2)
        apart = [1 - ms_ssim(images[:, one], images[:, other]) for one, other in pairs]
        per_segment = np.full(len(outputs.label), np.nan, dtype=np.float32)
        per_segment[outputs.grid_rows] = np.mean(apart, axis=0)
        return Score(float(np.nanmean(per_segment)), segments, per_segment=per_segment)


def ms_ssim(x: FloatArray, y: FloatArray) -> FloatArray:
    """Compute multi-scale structural similarity; see :class:`MSSSIMDiversity`.

    Shapes: x and y float32 ``[n, 1, s, s]`` in [0, 1], s ≥ 16 → float32 ``[n]`` in [0, 1]; 1 for
    equal images.
    """
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    scales = sum(x.shape[-1] >> scale >= WINDOW for scale in range(len(BETAS)))
    similar = multiscale_structural_similarity_index_measure(
        torch.from_numpy(np.ascontiguousarray(x)),
        torch.from_numpy(np.ascontiguousarray(y)),
        sigma=SIGMA,
        kernel_size=WINDOW,
        reduction="none",
        data_range=1.0,
        betas=tuple(beta / sum(BETAS[:scales]) for beta in BETAS[:scales]),
        normalize="relu",
    )
    return similar.clamp(0, 1).numpy()
