"""Methods against reference rows: only by what a row has."""

import numpy as np

from a2ibench import registry
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.reporting.page.against import against_references
from a2ibench.reporting.report import Report
from a2ibench.results.rows import RowScores

NAMES = ("kid_lite0", "diversity_lite0", "memorisation_lite0")
METRICS = [registry.metrics.get(name) for name in NAMES]


def method(label: str, level: float, seeds: int, **kind: object) -> RowScores:
    scatter = np.random.default_rng(len(label)).normal(0, 0.001, (seeds, 9))
    blocks = level + scatter
    found = SeedScores(tuple(range(seeds)), blocks.mean(axis=1), 99, None, blocks)
    return RowScores(label, bool(kind), None, seeds, {one.name: found for one in METRICS}, **kind)


def test_real_images_have_neither_chance_nor_memory_and_are_not_compared_by_them() -> None:
    truth = method("ground truth", 0.0, 1, ceiling=True, model="ground_truth")
    rows = (truth, method("mine", 0.5, 3))
    made = Report("data", rows, tuple(METRICS))
    (ceiling,) = against_references(made)
    assert {one["metric"] for one in ceiling.table.records} == {"kid_lite0_v2"}
    assert {one.verdict for one in ceiling.tests} == {"exploratory"}


def test_metrics_of_chance_say_so_and_those_of_the_sound_do_not() -> None:
    needs = {name: registry.metrics.get(name).needs for name in registry.metrics.names()}
    assert {name for name, need in needs.items() if "noise" in need} == {
        "cond_rke_lite0", "cond_vendi_lite0", "diversity_lite0", "msssim_diversity",
        "noise_sensitivity_lite0",
    }  # fmt: skip
