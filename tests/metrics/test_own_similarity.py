"""AIS and IIS as a rate, a cosine and a z, against the definitions written out in loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts.metric import JudgeOutputs, Metric
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.nn import pairwise
from a2ibench.registry import metrics
from a2ibench_plugins.metrics.own_similarity import (
    AISCosine,
    AISRate,
    AISZScore,
    IISCosine,
    IISRate,
    IISZScore,
)

RATES = [AISRate(), AISRate(space="acoustic"), IISRate()]
COSINES = [AISCosine(), AISCosine(space="acoustic"), IISCosine()]
ZS = [AISZScore(), AISZScore(space="acoustic"), IISZScore()]
ALL = [*RATES, *COSINES, *ZS]


def outputs_of(drawn: np.ndarray, own: np.ndarray, label: np.ndarray | None = None) -> JudgeOutputs:
    """The same numbers wherever a metric may look for them."""
    x, r = drawn.astype(np.float32), own.astype(np.float32)
    return JudgeOutputs(
        generated={"features": x, "acoustic": x},
        real={"features": r},
        acoustic=r,
        sounds={"features": r},
        label=np.zeros(len(x), dtype=np.int64) if label is None else label,
        classes=("a", "b", "c", "d"),
    )


def noisy_outputs(n: int, noise: float, seed: int = 0) -> JudgeOutputs:
    """Images that tell something of their own, in the narrow cone of a network's outputs."""
    rng = np.random.default_rng(seed)
    own = 2 + rng.normal(size=(n, 8))
    return outputs_of(own + noise * rng.normal(size=(n, 8)), own)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def rates_as_sonicdiffusion(drawn: np.ndarray, own: np.ndarray) -> list[float]:
    rates = []
    for i in range(len(drawn)):
        mine = cosine(drawn[i], own[i])
        rates.append(sum(cosine(drawn[i], other) < mine for other in own) / len(own))
    return rates


def z_scores_as_macs(drawn: np.ndarray, own: np.ndarray) -> list[float]:
    scores = []
    for i in range(len(drawn)):
        others = [cosine(own[i], drawn[j]) for j in range(len(drawn)) if j != i]
        scores.append((cosine(own[i], drawn[i]) - np.mean(others)) / np.std(others))
    return scores


def expected_of(metric: Metric, outputs: JudgeOutputs) -> list[float]:
    drawn, own = outputs.generated["features"], outputs.real["features"]
    if metric in RATES:
        return rates_as_sonicdiffusion(drawn, own)
    if metric in ZS:
        return z_scores_as_macs(drawn, own)
    return [cosine(x, r) for x, r in zip(drawn, own, strict=True)]


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_it_is_the_published_definition(metric, noise):
    outputs = noisy_outputs(45, noise)
    score = metric.compute(outputs)
    expected = expected_of(metric, outputs)
    np.testing.assert_allclose(score.per_segment, expected, rtol=1e-5, atol=1e-6)
    assert score.value == pytest.approx(np.mean(expected), abs=1e-9)
    assert score.n == 45


@pytest.mark.parametrize("metric", ALL)
def test_a_strip_of_rows_at_a_time_gives_the_same(metric, monkeypatch):
    outputs = noisy_outputs(45, 1.0)
    block = np.arange(45) % 4
    whole, without = metric.compute(outputs).value, metric.without_blocks(outputs, block)
    monkeypatch.setattr(pairwise, "CELLS", 100)
    monkeypatch.setattr(pairwise, "TILE", 7)
    assert metric.compute(outputs).value == pytest.approx(whole, abs=1e-12)
    if without is not None:
        np.testing.assert_allclose(metric.without_blocks(outputs, block), without, atol=1e-12)


def test_sounds_are_references_of_a_rate_and_images_of_a_z():
    """One sound is near to all images: it matters to rates of others, but to its own z."""
    outputs = noisy_outputs(40, 1.0)
    own = outputs.acoustic.copy()
    own[0] = outputs.generated["features"].mean(axis=0)
    changed = outputs_of(outputs.generated["features"], own)
    moved = {
        metric: np.flatnonzero(
            metric.compute(outputs).per_segment != metric.compute(changed).per_segment
        )
        for metric in (RATES[0], ZS[0])
    }
    assert set(moved[RATES[0]]) > {0}
    assert moved[ZS[0]].tolist() == [0]


def test_which_output_of_the_judge_is_compared_with_which():
    rng = np.random.default_rng(0)
    one, two, three, four, five = rng.normal(size=(5, 30, 6)).astype(np.float32)
    outputs = JudgeOutputs(
        generated={"features": one, "acoustic": two},
        real={"features": three},
        acoustic=four,
        sounds={"features": five},
        label=np.zeros(30, dtype=np.int64),
        classes=("a",),
    )
    for metric, sides in (
        (AISCosine(), (one, five)),
        (AISCosine(space="acoustic"), (two, four)),
        (IISCosine(), (one, three)),
    ):
        expected = np.mean([cosine(a, b) for a, b in zip(*sides, strict=True)])
        assert metric.compute(outputs).value == pytest.approx(expected)


@pytest.mark.parametrize("metric", RATES)
def test_one_image_for_all_has_a_rate_of_just_its_chance(metric):
    own = np.random.default_rng(0).normal(size=(40, 8))
    score = metric.compute(outputs_of(np.ones((40, 8)), own))
    assert score.value == pytest.approx(39 / 80)
    assert score.chance == pytest.approx(39 / 80)


@pytest.mark.parametrize("metric", COSINES)
def test_one_image_for_all_has_a_cosine_of_just_its_chance(metric):
    own = np.random.default_rng(0).normal(size=(40, 8))
    score = metric.compute(outputs_of(np.ones((40, 8)), own))
    assert score.chance == pytest.approx(score.value)


@pytest.mark.parametrize("metric", COSINES)
def test_the_chance_of_a_cosine_is_the_mean_over_what_does_not_belong_together(metric):
    outputs = noisy_outputs(25, 0.5)
    drawn, own = outputs.generated["features"], outputs.real["features"]
    others = [cosine(own[i], drawn[j]) for i in range(25) for j in range(25) if i != j]
    assert metric.compute(outputs).chance == pytest.approx(np.mean(others))


@pytest.mark.parametrize("metric", ZS)
@pytest.mark.parametrize("unlike", [0.0, 1e-8])
def test_one_image_for_all_has_no_z(metric, unlike):
    rng = np.random.default_rng(0)
    own = rng.normal(size=(40, 8))
    drawn = np.ones((40, 8)) + unlike * rng.normal(size=(40, 8))
    with pytest.raises(UndefinedScoreError) as refused:
        metric.compute(outputs_of(drawn, own))
    assert str(refused.value) == (
        f"to judge {metric.judge} the generated images are all alike: without a spread there is no"
        " z"
    )


@pytest.mark.parametrize("metric", ZS)
def test_one_image_for_all_but_one_segment_has_no_z_either(metric):
    drawn = np.ones((40, 8))
    drawn[3] = -1
    with pytest.raises(UndefinedScoreError):
        metric.compute(outputs_of(drawn, np.random.default_rng(0).normal(size=(40, 8))))


def test_two_kinds_of_image_have_a_z():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2, 8))[np.arange(40) % 2]
    assert np.isfinite(AISZScore().compute(outputs_of(drawn, rng.normal(size=(40, 8)))).value)


@pytest.mark.parametrize("classes", [2, 4])
def test_one_image_a_class_has_what_the_definitions_say_of_it(classes):
    label = np.arange(400) % classes
    rng = np.random.default_rng(0)
    centre = np.eye(8)[:classes] * 10
    own = centre[label] + 0.1 * rng.normal(size=(400, 8))
    drawn = centre[label] + 0.1 * rng.normal(size=(400, 8))
    outputs = outputs_of(drawn, own)
    assert IISRate().compute(outputs).value == pytest.approx(1 - 1 / (2 * classes), abs=0.03)
    assert IISZScore().compute(outputs).value == pytest.approx(np.sqrt(classes - 1), rel=0.03)


@pytest.mark.parametrize("metric", [*RATES, *ZS])
def test_images_of_other_segments_are_chance(metric):
    outputs = noisy_outputs(400, 0.2)
    turned = np.random.default_rng(1).permutation(400)
    score = metric.compute(outputs_of(outputs.generated["features"][turned], outputs.acoustic))
    assert score.value == pytest.approx(score.chance, abs=0.08)
    assert metric.compute(outputs).value > score.chance + 0.3


def test_references_that_are_equal_are_not_below_each_other():
    own = np.repeat(np.random.default_rng(0).normal(size=(20, 8)), 2, axis=0)
    assert AISRate().compute(outputs_of(own, own)).value == pytest.approx(38 / 40)


@pytest.mark.parametrize("metric", [*RATES, *COSINES])
def test_images_without_any_feature_have_a_score_and_no_warning(metric):
    own = np.random.default_rng(0).normal(size=(30, 8))
    assert metric.compute(outputs_of(np.zeros((30, 8)), own)).value == 0


@pytest.mark.parametrize("metric", ALL)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
@settings(deadline=None, max_examples=10)
def test_neither_order_nor_length_nor_labels_matter(metric, seed, scale):
    outputs = noisy_outputs(24, 1.0, seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(24)
    moved = outputs_of(
        scale * outputs.generated["features"][order],
        outputs.acoustic[order] / scale,
        rng.integers(0, 4, 24),
    )
    np.testing.assert_allclose(
        metric.compute(moved).per_segment,
        metric.compute(outputs).per_segment[order],
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("metric", [*RATES, *ZS])
def test_without_a_block_it_is_what_the_other_segments_give(metric):
    outputs = replace(noisy_outputs(50, 1.5), disjoint=np.arange(50) % 5 > 0)
    block = np.random.default_rng(1).integers(0, 6, 50)
    expected = [metric.compute(outputs.take(np.flatnonzero(block != b))).value for b in range(6)]
    np.testing.assert_allclose(metric.without_blocks(outputs, block), expected)


@pytest.mark.parametrize("metric", [*RATES, *ZS])
def test_without_the_only_block_there_is_nothing(metric):
    outputs = noisy_outputs(30, 1.0)
    assert np.isnan(metric.without_blocks(outputs, np.zeros(30, dtype=np.int64))).all()


def test_without_the_only_image_that_differs_there_is_no_z():
    rng = np.random.default_rng(0)
    drawn = np.ones((30, 8))
    drawn[:2] = rng.normal(size=(2, 8))
    outputs, block = outputs_of(drawn, rng.normal(size=(30, 8))), np.arange(30) // 2
    assert np.isnan(AISZScore().without_blocks(outputs, block)).tolist() == [True] + 14 * [False]


@pytest.mark.parametrize("metric", [*RATES, *ZS])
def test_segments_that_overlap_do_not_take_part_together(metric):
    outputs = noisy_outputs(60, 1.5)
    apart = np.arange(60) % 3 == 0
    score = metric.compute(replace(outputs, disjoint=apart))
    alone = metric.compute(outputs.take(np.flatnonzero(apart)))
    assert (score.value, score.n) == (alone.value, 20)
    assert np.isnan(score.per_segment[~apart]).all()


@pytest.mark.parametrize("metric", ALL)
def test_one_sound_is_refused(metric):
    with pytest.raises(UserError, match=r"needs at least (20|2) test segments, there are 1$"):
        metric.check(np.zeros(1, dtype=np.int64), ("a",))
    metric.check(np.zeros(20, dtype=np.int64), ("a",))


def test_a_name_says_which_number_by_which_judge():
    assert AISRate().name == "ais_rate_wav2clip_44k"
    assert AISCosine().name == "ais_cos_wav2clip"
    assert IISRate().name == "iis_rate_clip_l14"
    assert metrics.get("iis_z").name == "iis_z_clip_b32"
    assert metrics.get("ais_z[judge=i2a_lite0,space=acoustic]").name == "ais_z_i2a_lite0"
    assert metrics.get("iis_cos[judge=resnet18]").title == "IIS cosine resnet18"
    assert metrics.get("ais_rate").reads_sounds == ("features",)
    assert metrics.get("ais_rate_i2a_lite0").reads_sounds == ()
