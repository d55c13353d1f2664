"""The same features give the same scores as torch-fidelity and torchmetrics.

torchmetrics takes images: a small network stands for Inception, and its features of the same images
are what our metrics see.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore as TheirInceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench_plugins.metrics.frechet_distance import FrechetDistance
from a2ibench_plugins.metrics.inception_score import InceptionScore
from a2ibench_plugins.metrics.kernel_distance import KernelDistance
from a2ibench_plugins.metrics.manifold import Precision, Recall

REL = 1e-4
N, WIDTH = 300, 24


class SmallNetwork(nn.Module):
    """uint8 ``[n, 3, S, S]`` → ``[n, 24]``: means of 4×4 fields through a fixed random layer."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(WIDTH, 48, generator=generator) / 7

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        fields = nn.functional.adaptive_avg_pool2d(images.float() / 32, 4).flatten(1)
        return torch.relu(fields @ self.weight.T)


def images(seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    colour = rng.normal(128 + 10 * seed, 40, (N, 3, 4, 4)).clip(0, 255).round()
    return torch.from_numpy(np.kron(colour, np.ones((4, 4))).astype(np.uint8))


GENERATED, REAL = images(1), images(0)


@pytest.fixture(scope="module")
def features() -> tuple[torch.Tensor, torch.Tensor]:
    network = SmallNetwork()
    return network(GENERATED), network(REAL)


@pytest.fixture
def outputs(features: tuple[torch.Tensor, torch.Tensor]) -> JudgeOutputs:
    generated, real = ({"features": part.numpy(), "logits": part.numpy() / 4} for part in features)
    return JudgeOutputs(
        generated=generated,
        real=real,
        acoustic=np.zeros((N, 1), dtype=np.float32),
        label=np.zeros(N, dtype=np.int64),
        classes=("a",),
    )


def test_frechet_distance_of_torch_fidelity(features, outputs):
    statistics = [fid_features_to_statistics(part.double()) for part in features]
    (theirs,) = fid_statistics_to_metric(*statistics, verbose=False).values()
    assert FrechetDistance().compute(outputs).value == pytest.approx(theirs, rel=REL)


@pytest.mark.parametrize("fewer", [N, 20], ids=["more images than features", "fewer"])
def test_frechet_distance_of_torchmetrics(outputs, fewer):
    theirs = FrechetInceptionDistance(feature=SmallNetwork()).set_dtype(torch.float64)
    theirs.update(GENERATED[:fewer], real=False)
    theirs.update(REAL[:fewer], real=True)
    ours = FrechetDistance().compute(outputs.take(np.arange(fewer)))
    assert ours.value == pytest.approx(theirs.compute().item(), rel=REL)


def with_matched_pairs(outputs: JudgeOutputs) -> float:
    """Our kernel distance with the products of image i and image i, as the libraries count them."""
    x, y = (side["features"].astype(np.float64) for side in (outputs.generated, outputs.real))
    k = (x @ y.T / WIDTH + 1) ** 3
    across = (k.sum() - np.trace(k)) / (N * (N - 1))
    return KernelDistance().compute(outputs).value + 2000 * (across - k.mean())


def test_kernel_distance_of_torch_fidelity(features, outputs):
    found = kid_features_to_metric(
        *(part.double() for part in features), kid_subsets=1, kid_subset_size=N, verbose=False
    )
    theirs = 1000 * found["kernel_inception_distance_mean"]
    assert with_matched_pairs(outputs) == pytest.approx(theirs, rel=REL)


def test_kernel_distance_of_torchmetrics(outputs):
    with pytest.warns(UserWarning, match="large memory footprint"):
        theirs = KernelInceptionDistance(feature=SmallNetwork(), subsets=1, subset_size=N)
    theirs.set_dtype(torch.float64)
    theirs.update(GENERATED, real=False)
    theirs.update(REAL, real=True)
    mean, _ = theirs.compute()
    assert with_matched_pairs(outputs) == pytest.approx(1000 * mean.item(), rel=REL)


def test_precision_and_recall_of_torch_fidelity(features, outputs):
    found = prc_features_to_metric(*features, prc_neighborhood=3, verbose=False)
    assert 0.1 < found["precision"] < 0.99
    assert Precision().compute(outputs).value == pytest.approx(found["precision"], rel=REL)
    assert Recall().compute(outputs).value == pytest.approx(found["recall"], rel=REL)


def test_inception_score_of_torch_fidelity(features, outputs):
    found = isc_features_to_metric(features[0] / 4, splits=1, shuffle=False)
    theirs = found["inception_score_mean"]
    assert InceptionScore(splits=1).compute(outputs).value == pytest.approx(theirs, rel=REL)


def test_inception_score_of_torchmetrics(outputs):
    class Quarter(SmallNetwork):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) / 4

    with pytest.warns(UserWarning, match="large memory footprint"):
        theirs = TheirInceptionScore(feature=Quarter(), splits=1)
    theirs.update(GENERATED)
    with pytest.warns(UserWarning, match="degrees of freedom"):  # a spread over one split
        mean, _ = theirs.compute()
    assert InceptionScore(splits=1).compute(outputs).value == pytest.approx(mean.item(), rel=REL)
