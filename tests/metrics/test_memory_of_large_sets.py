"""Memory of the default metrics of features and logits grows with the segments, not with pairs."""

import tracemalloc

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.contracts.metric import JudgeOutputs, Metric
from a2ibench.evaluation.clip_blocks import jackknife, make_blocks
from a2ibench.nn import pairwise

pytestmark = pytest.mark.integration

WIDTH = 8
FEW, MANY = 500, 2_000


def outputs_of(n: int) -> tuple[JudgeOutputs, np.ndarray]:
    rng = np.random.default_rng(0)
    source = np.array([f"clip {i // 10}" for i in range(n)])
    label = (np.arange(n) // 10 % 2).astype(np.int64)
    block, stratum = make_blocks(source, label)

    def drawn() -> np.ndarray:
        return rng.normal(size=(n, WIDTH)).astype(np.float32)

    outputs = JudgeOutputs(
        generated={"features": drawn(), "logits": drawn()},
        real={"features": drawn(), "logits": drawn()},
        acoustic=drawn(),
        label=label,
        classes=("a", "b"),
        source=source,
        block=block,
    )
    return outputs, stratum


def peak(metric: Metric, n: int) -> int:
    outputs, stratum = outputs_of(n)
    tracemalloc.start()
    jackknife(metric, outputs, metric.score(outputs), outputs.block, stratum)
    _, high = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return high


@pytest.mark.parametrize(
    "name",
    ["kid_lite0", "density5_lite0", "is10_lite0", "is_inf_lite0", "fid_lite0"],
)
def test_four_times_the_segments_take_four_times_the_memory_at_most(name, monkeypatch):
    monkeypatch.setattr(pairwise, "CELLS", 2**15)
    metric = registry.metrics.get(name)
    peak(metric, FEW)  # what is imported and kept at first use
    assert peak(metric, MANY) < 5 * peak(metric, FEW)  # 16 times where pairs are held
