"""Blocks are compared inside their class; the jackknife takes the short way where there is one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.errors import UserError
from a2ibench.evaluation.clip_blocks import BLOCKS, find_degenerate, jackknife, make_blocks
from a2ibench.evaluation.eval_set import spread
from a2ibench.evaluation.statistics import SeedScores, interval
from a2ibench.evaluation.variance import mean_squares
from a2ibench_plugins.metrics.inception_score import InceptionScore
from a2ibench_plugins.metrics.kernel_distance import KernelDistance
from a2ibench_plugins.metrics.retrieval import MedianRank

BLOCK = np.arange(60) // 2 % 6
ALIKE = np.zeros(6, dtype=np.int64)
"""One stratum."""


class Right(Metric):
    """The share of the segments that are right: the closed form of its variance is known."""

    judge = OWN

    def compute(self, outputs: JudgeOutputs) -> np.ndarray:
        return outputs.generated["right"][:, 0]


class RightAsAWhole(Right):
    """The same, for which the bench has to compute it again without each block."""

    def compute(self, outputs: JudgeOutputs) -> float:
        return float(outputs.generated["right"].mean())


def judged(source: np.ndarray, label: np.ndarray, right: np.ndarray) -> JudgeOutputs:
    return JudgeOutputs(
        generated={"right": right[:, np.newaxis].astype(np.float32)},
        real={},
        acoustic=np.zeros((len(right), 1), np.float32),
        label=label,
        classes=tuple(map(str, range(int(label.max()) + 1))),
        source=source,
    )


def some_clips(
    rng: np.random.Generator, clips: list[int], shares: list[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of several segments, of which the share of the class is right, more or less."""
    sizes = [rng.integers(2, 9, count) for count in clips]
    source = np.concatenate(
        [np.repeat([f"{k}-{i}" for i in range(len(one))], one) for k, one in enumerate(sizes)]
    )
    label = np.repeat(np.arange(len(clips)), [one.sum() for one in sizes])
    share = np.concatenate(
        [
            np.repeat(np.clip(p + rng.normal(0, 0.1, len(one)), 0, 1), one)
            for p, one in zip(shares, sizes, strict=True)
        ]
    )
    return source, label, (rng.random(len(label)) < share).astype(np.float64)


def standard_error(metric: Metric, outputs: JudgeOutputs) -> float:
    block, stratum = make_blocks(outputs.source, outputs.label)
    score = metric.score(outputs)
    pseudo = jackknife(metric, outputs, score, block, stratum)[np.newaxis]
    one = SeedScores((0,), np.array([score.value]), 1, None, pseudo, strata=stratum)
    found = mean_squares([one])
    assert found is not None
    return float(np.sqrt(found.blocks.variance))


def stratified(source: np.ndarray, label: np.ndarray, right: np.ndarray) -> float:
    """The standard error of the separate ratio estimator (Cochran 1977, eq. 6.48)."""
    variance = 0.0
    for one in np.unique(label):
        own = label == one
        _, clip = np.unique(source[own], return_inverse=True)
        rest = np.bincount(clip, right[own] - right[own].mean())
        variance += len(rest) / (len(rest) - 1) * float(rest @ rest)
    return variance**0.5 / len(right)


@pytest.mark.parametrize("metric", [Right(), RightAsAWhole()])
def test_what_one_class_scores_more_than_another_is_no_uncertainty(metric: Metric):
    rng = np.random.default_rng(0)
    source, label, right = some_clips(rng, [8, 9, 8, 9, 8], [0.02, 1.0, 0.95, 0.6, 1.0])
    found = standard_error(metric, judged(source, label, right))
    assert found == pytest.approx(stratified(source, label, right), rel=1e-5)
    assert found < right.std() / len(right) ** 0.5, "not even that of independent segments"


@pytest.mark.parametrize(("classes", "clips", "near"), [(300, 3, 0.2), (40, 7, 0.2), (2, 90, 0.2)])
def test_many_clips_or_classes_share_blocks_and_have_nearly_that_standard_error(
    classes: int, clips: int, near: float
):
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(4):
        shares = rng.beta(0.5, 0.5, classes).tolist()
        source, label, right = some_clips(rng, [clips] * classes, shares)
        assert len(make_blocks(source, label)[1]) <= BLOCKS
        found = standard_error(Right(), judged(source, label, right))
        ratios.append(found / stratified(source, label, right))
    assert np.mean(ratios) == pytest.approx(1, abs=near)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(4)), st.integers(0, 2**31 - 1), st.sampled_from([7, 40]))
def test_neither_names_nor_order_of_classes_nor_order_of_segments_move_the_interval(
    names: list[int], seed: int, clips: int
):
    rng = np.random.default_rng(2)
    source, label, right = some_clips(rng, [clips, 6, 1, 9], [0.1, 0.9, 0.5, 0.6])
    order = np.random.default_rng(seed).permutation(len(label))
    ends = []
    for outputs in (
        judged(source, label, right),
        judged(source[order], np.array(names)[label[order]], right[order]),
    ):
        block, stratum = make_blocks(outputs.source, outputs.label)
        score = Right().score(outputs)
        pseudo = jackknife(Right(), outputs, score, block, stratum)[np.newaxis]
        one = SeedScores((0,), np.array([score.value]), 1, None, pseudo, strata=stratum)
        ends.append(interval(one))
    assert ends[0] is not None
    assert ends[1] == pytest.approx(ends[0], rel=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(24)))
def test_names_of_clips_do_not_matter_where_each_is_a_block(names: list[int]):
    rng = np.random.default_rng(3)
    source, label, right = some_clips(rng, [9, 15], [0.2, 0.8])
    _, clip = np.unique(source, return_inverse=True)
    renamed = np.array([f"clip {i}" for i in names])[clip]
    expected = standard_error(Right(), judged(source, label, right))
    assert standard_error(Right(), judged(renamed, label, right)) == pytest.approx(expected)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=70))
def test_blocks_hold_whole_clips_of_one_stratum_and_each_class_of_it(clips: list[int]):
    source = np.concatenate([[f"{k}-{i}" for i in range(n)] for k, n in enumerate(clips)])
    label = np.repeat(np.arange(len(clips)), clips)
    block, stratum = make_blocks(source, label)
    assert set(block) == set(range(len(stratum)))
    assert len(stratum) <= max(BLOCKS, 2 * len(clips))
    assert len(stratum) <= BLOCKS + 2
    for k, count in enumerate(clips):
        own = stratum[block[label == k]]
        assert len(set(own)) == 1, "a class has one stratum"
        others = np.count_nonzero(stratum == own[0])
        assert count == 1 or len(set(block[label == k])) == min(count, others)


@pytest.mark.parametrize("clips", [[1] * 20, [1] * 40, [1] * 20 + [2] * 5, [1] * 25 + [3] * 20])
def test_classes_of_one_clip_are_compared_with_each_other_in_both_ways(clips: list[int]):
    rng = np.random.default_rng(6)
    source, label, right = some_clips(rng, clips, [0.5] * len(clips))
    short, long = (
        standard_error(metric, judged(source, label, right))
        for metric in (Right(), RightAsAWhole())
    )
    assert short == pytest.approx(long, rel=0.15)


@pytest.mark.parametrize("classes", [10, 24, 36, 44, 50])
def test_classes_of_which_few_segments_are_scored_have_their_share_of_the_variance(classes: int):
    """The grid has 48 segments: of many classes one or two each."""

    class OfGrid(Right):
        needs = frozenset({"grid"})

    found, independent = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        label = np.repeat(np.arange(classes), 6)
        source = np.arange(len(label)).astype(str)
        scored = spread(label, 48, rng)
        values = np.full(len(label), np.nan)
        values[scored] = rng.uniform(size=len(scored))
        found.append(standard_error(OfGrid(), judged(source, label, values)))
        independent.append(np.nanstd(values, ddof=1) / len(scored) ** 0.5)
    assert np.mean(found) == pytest.approx(np.mean(independent), rel=0.08)


def test_numbers_of_classes_do_not_move_the_interval_where_clips_have_several():
    """Six clips of each of two classes, and six with a segment of each."""
    rng = np.random.default_rng(5)
    source = np.concatenate([np.repeat([f"{k}{i}" for i in range(6)], 2) for k in "abm"])
    label = np.concatenate([[0] * 12, [1] * 12, [0, 1] * 6])
    right = 3 * label + rng.normal(size=36)
    for metric in (Right(), RightAsAWhole()):
        one, other = (
            standard_error(metric, judged(source, numbers[label], right))
            for numbers in (np.array([0, 1]), np.array([1, 0]))
        )
        assert one == pytest.approx(other)


def test_a_clip_alone_in_its_class_is_not_compared_and_the_others_speak_for_it():
    rng = np.random.default_rng(4)
    source, label, right = some_clips(rng, [1, 9, 9], [0.5, 0.9, 0.1])
    outputs = judged(source, label, right)
    block, stratum = make_blocks(source, label)
    pseudo = jackknife(Right(), outputs, Right().score(outputs), block, stratum)
    assert np.count_nonzero(np.isnan(pseudo)) == 1
    assert np.isnan(pseudo[block[label == 0][0]])


def test_a_metric_that_leaves_out_training_images_is_computed_without_them():
    class Known(Right):
        """How often the one feature is among those of training."""

        leaves_out_training = True

        def compute(self, outputs: JudgeOutputs) -> np.ndarray:
            own = outputs.generated["right"][:, 0]
            return np.isin(own, outputs.train["right"][:, 0]).astype(np.float64)

    source = np.array([f"clip {i}" for i in range(12)])
    label = np.arange(12) % 2
    outputs = replace(
        judged(source, label, np.zeros(12)),
        train={"right": np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)},
        train_label=np.array([0, 0, 1, 1]), train_source=np.array(["a", "b", "c", "d"]),
    )  # fmt: skip
    block, stratum = make_blocks(source, label)
    outputs = outputs.with_blocks(block)
    without = int(outputs.train_block[0])
    assert 0 <= without < len(stratum)
    score = Known().score(outputs)
    pseudo = jackknife(Known(), outputs, score, block, stratum)
    assert np.argmax(pseudo) == without, "without the one picture that all have, none is known"


def test_a_score_in_parts_is_not_shuffled_anew_without_each_block():
    """Its pseudo-values scatter as the score does over test splits drawn anew."""
    rng = np.random.default_rng(5)
    label = np.repeat(np.arange(6), 40)
    source = np.repeat(np.arange(60), 4).astype(str)
    of_class = rng.normal(0, 2, (6, 30))
    values, errors = [], []
    for _ in range(30):
        logits = of_class[label] + np.repeat(rng.normal(size=(60, 30)), 4, axis=0)
        logits += rng.normal(size=logits.shape)
        outputs = judged(source, label, np.zeros(240))
        outputs.generated["logits"] = logits.astype(np.float32)  # type: ignore[index]
        values.append(InceptionScore().score(outputs).value)
        errors.append(standard_error(InceptionScore(), outputs))
    ratio = np.sqrt(np.mean(np.square(errors))) / np.std(values, ddof=1)
    assert 0.8 < ratio < 1.45


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
    short = jackknife(metric, outputs, score, BLOCK, ALIKE)
    monkeypatch.setattr(type(metric), "without_blocks", Metric.without_blocks)
    np.testing.assert_allclose(short, jackknife(metric, outputs, score, BLOCK, ALIKE), rtol=1e-8)


def test_a_metric_with_scores_a_segment_may_still_have_a_better_way():
    """Other images have other neighbours where some are missing: means of scores do not see it."""

    class Largest(Metric):
        judge = OWN

        def compute(self, outputs: JudgeOutputs) -> Score:
            raise AssertionError("not asked")

        def without_blocks(self, outputs: JudgeOutputs, block: np.ndarray) -> np.ndarray:
            return np.arange(6.0)

    score = Score(1.0, 60, per_segment=np.ones(60, dtype=np.float32))
    expected = 1 - 5 * (np.arange(6.0) - 2.5)
    found = jackknife(Largest(), random_outputs(), score, BLOCK, ALIKE)
    np.testing.assert_allclose(found, expected, atol=1e-12)


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

    found = jackknife(Needs(), random_outputs(), Score(0.5, 60), BLOCK, ALIKE)
    np.testing.assert_array_equal(np.isnan(found), np.arange(6) == 2)
    each = np.where(BLOCK == 1, 0.5, np.nan).astype(np.float32)
    found = jackknife(Needs(), random_outputs(), Score(0.5, 60, per_segment=each), BLOCK, ALIKE)
    assert np.isnan(found).all(), "there is no other block to compare it with"


def test_blocks_that_a_score_does_not_rest_on_are_no_evidence():
    """What is scored is what would be there if the other segments were not."""
    rng = np.random.default_rng(0)
    source, label, right = some_clips(rng, [20, 20], [0.3, 0.6])
    block, stratum = make_blocks(source, label)
    scored = np.isin(block, np.concatenate([np.flatnonzero(stratum == k)[:6] for k in (0, 1)]))
    outputs = judged(source, label, np.where(scored, right, np.nan))
    found = jackknife(Right(), outputs, Right().score(outputs), block, stratum)
    np.testing.assert_array_equal(
        np.isfinite(found), np.isin(np.arange(len(stratum)), block[scored])
    )
    alone = judged(source[scored], label[scored], right[scored])
    held, own = np.unique(block[scored], return_inverse=True)
    expected = jackknife(Right(), alone, Right().score(alone), own, stratum[held])
    np.testing.assert_allclose(found[held], expected)


def test_what_a_score_is_relative_to_counts_where_nothing_else_does():
    """The mean over a grid, relative to that of all segments; half of the blocks have no grid."""

    class Relative(Metric):
        judge = OWN
        needs = frozenset({"grid"})

        def compute(self, outputs: JudgeOutputs) -> float:
            return float(outputs.grid["right"].mean() / outputs.generated["right"].mean())

        def without_blocks(self, outputs: JudgeOutputs, block: np.ndarray) -> np.ndarray:
            right, own = outputs.generated["right"][:, 0], block[outputs.grid_rows]
            grid = outputs.grid["right"].mean(axis=(1, 2))
            every = range(int(block.max()) + 1)
            return np.array([grid[own != b].mean() / right[block != b].mean() for b in every])

    values, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clip = np.repeat(np.arange(40), 5)
        right = rng.gamma(4, 1, 40)[clip] + rng.normal(0, 0.1, 200)
        rows = np.sort(rng.choice(200, 24, replace=False))
        base = judged(clip.astype(str), np.zeros(200, dtype=np.int64), right)
        outputs = replace(base, grid={"right": rng.gamma(4, 1, (24, 2, 1))}, grid_rows=rows)
        values.append(Relative().score(outputs).value)
        errors.append(standard_error(Relative(), outputs))
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.1)
