"""The jackknife takes the short way where a metric has one, and nothing changes but the time."""

import numpy as np
import pytest

from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.errors import UserError
from a2ibench.evaluation.clip_blocks import find_degenerate, jackknife
from a2ibench_plugins.metrics.kernel_distance import KernelDistance
from a2ibench_plugins.metrics.retrieval import MedianRank

BLOCK = np.arange(60) // 2 % 6


def random_outputs() -> JudgeOutputs:
    rng = np.random.default_rng(0)
    generated, real = rng.normal(0.2, 1, (60, 7)), rng.normal(size=(60, 7))
    return JudgeOutputs(
        generated={"features": generated.astype(np.float32), "acoustic": real.astype(np.float32)},
        real={"features": real.astype(np.float32)},
        acoustic=generated.astype(np.float32),
        label=np.zeros(60, dtype=np.int64),
        classes=("a",),
        block=BLOCK,
    )


@pytest.mark.parametrize("metric", [KernelDistance(), MedianRank()])
def test_pseudo_values_are_those_of_computing_again(metric, monkeypatch):
    outputs = random_outputs()
    score = metric.compute(outputs)
    short = jackknife(metric, outputs, score, BLOCK)
    monkeypatch.setattr(type(metric), "without_blocks", Metric.without_blocks)
    np.testing.assert_allclose(short, jackknife(metric, outputs, score, BLOCK), rtol=1e-8)


def test_a_metric_with_scores_a_segment_may_still_have_a_better_way():
    """Other images have other neighbours where some are missing: means of scores do not see it."""

    class Largest(Metric):
        judge = OWN

        def compute(self, outputs: JudgeOutputs) -> Score:
            raise AssertionError("not asked")

        def without_blocks(self, outputs: JudgeOutputs, block: np.ndarray) -> np.ndarray:
            return np.arange(6.0)

    score = Score(1.0, 60, per_segment=np.ones(60, dtype=np.float32))
    expected = 6 * 1.0 - 5 * np.arange(6.0)
    np.testing.assert_array_equal(jackknife(Largest(), random_outputs(), score, BLOCK), expected)


def test_what_metrics_share_is_found_once_and_again_for_other_segments():
    calls = []

    def count(outputs: JudgeOutputs) -> int:
        calls.append(len(outputs.label))
        return len(outputs.label)

    outputs = random_outputs()
    assert (outputs.once(count), outputs.once(count)) == (60, 60)
    fewer = outputs.take(np.arange(10))
    assert fewer.once(count) == 10
    assert calls == [60, 10]
    np.testing.assert_array_equal(fewer.block, BLOCK[:10])


def test_a_block_that_holds_a_whole_class_is_degenerate_and_a_small_class_does_not_matter():
    block = np.repeat(np.arange(7), 10)
    assert find_degenerate(block, block).all(), "seven classes of one clip each"
    two = np.where(block == 3, 1, 0)
    np.testing.assert_array_equal(find_degenerate(block, two), np.arange(7) == 3)
    assert not find_degenerate(block, np.zeros(70, dtype=np.int64)).any(), "a single class"
    tail = np.zeros(70, dtype=np.int64)
    tail[5] = 1
    assert not find_degenerate(block, tail).any(), "one segment of 70"


def test_what_cannot_be_computed_without_one_block_is_undefined_there_alone():
    class Needs(Metric):
        judge = OWN

        def compute(self, outputs: JudgeOutputs) -> Score:
            if not (outputs.block == 2).any():
                raise UserError("not without block 2")
            return Score(0.5, len(outputs.label))

    found = jackknife(Needs(), random_outputs(), Score(0.5, 60), BLOCK)
    np.testing.assert_array_equal(np.isnan(found), np.arange(6) == 2)
    each = np.where(BLOCK == 1, 0.5, np.nan).astype(np.float32)
    found = jackknife(Needs(), random_outputs(), Score(0.5, 60, per_segment=each), BLOCK)
    np.testing.assert_array_equal(np.isnan(found), np.arange(6) == 1)
