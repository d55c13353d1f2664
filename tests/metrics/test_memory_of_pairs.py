"""Metrics of all pairs of images never hold all pairs."""

import tracemalloc

import pytest
from feature_sets import features, outputs_of

from a2ibench_plugins.metrics.authenticity import AuthPct, DataCopying
from a2ibench_plugins.metrics.clipped_manifold import ClippedCoverage, ClippedDensity
from a2ibench_plugins.metrics.mean_discrepancy import MeanDiscrepancy
from a2ibench_plugins.metrics.sliced_wasserstein import SlicedWasserstein

N = 8_000

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "metric",
    [
        AuthPct(),
        ClippedCoverage(),
        ClippedDensity(),
        DataCopying(),
        MeanDiscrepancy(),
        SlicedWasserstein(projections=100),
    ],
    ids=lambda metric: metric.name,
)
def test_the_memory_of_a_metric_is_below_that_of_all_pairs(metric):
    outputs = outputs_of(features(N, 8, 0), features(N, 8, 1), features(N, 8, 2))
    metric.compute(outputs_of(features(200, 8, 0), features(200, 8, 1), features(200, 8, 2)))
    tracemalloc.start()
    metric.compute(outputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * N**2 * 0.75
