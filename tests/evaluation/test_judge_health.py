"""A judge that is no better than chance on clips it has not seen is known to be useless."""

import numpy as np
import pytest

from a2ibench.evaluation.judge_health import Health, held_out_health
from a2ibench.nn.held_out import classifier_figures


def held_out(right: list[list[bool]], label: list[list[int]]) -> dict[str, float]:
    """A list for each clip."""
    source = np.repeat([f"clip-{i}" for i in range(len(right))], [len(one) for one in right])
    return dict(classifier_figures(np.concatenate(right), np.concatenate(label), source))


def test_a_classifier_that_says_one_class_always_is_at_chance_which_is_the_share_of_that_class():
    label = [[0] * 10 if i < 4 else [1] * 10 for i in range(7)]
    right = [[one == 0 for one in clip] for clip in label]
    figures = held_out(right, label)
    assert figures["held_out_accuracy"] == figures["held_out_chance"] == pytest.approx(4 / 7)
    found = held_out_health("resnet18", figures, 2)
    assert found is not None
    assert not found.ok
    assert "held-out accuracy 57.1 %" in str(found.reason)
    assert "of 70 images (7 clips) is not better than chance (57.1 %)" in str(found.reason)


def test_the_interval_is_over_clips_and_not_over_images():
    rng = np.random.default_rng(0)
    label = [[i % 2] * 100 for i in range(8)]
    right = [[bool(good)] * 100 for good in (1, 1, 1, 0, 1, 0, 1, 1)]
    found = held_out_health("resnet18", held_out(right, label), 2)
    assert found is not None
    assert found.value == 0.75
    assert found.low is not None
    assert found.low < 0.5 < found.value, "eight clips do not show it, though 800 images would"
    assert not found.ok
    sure = [[bool(rng.random() < 0.75) for _ in range(100)] for _ in range(8)]
    found = held_out_health("resnet18", held_out(sure, label), 2)
    assert found is not None
    assert found.ok


def test_intervals_of_held_out_accuracy_cover_the_truth_in_about_95_of_100_trainings():
    """Clips with a skill of their own around 70 %; up to three standard errors of 400."""
    rng = np.random.default_rng(1)
    above = 0
    for _ in range(400):
        skill = np.clip(rng.normal(0.7, 0.15, 10), 0, 1)
        right = [list(rng.random(20) < one) for one in skill]
        above += held_out(right, [[0] * 20] * 10)["held_out_low"] > 0.7
    assert above / 400 <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 400)


def test_below_five_clips_there_is_no_interval_and_the_score_itself_is_compared():
    figures = held_out([[True] * 9, [True] * 9], [[0] * 9, [1] * 9])
    assert "held_out_low" not in figures
    found = held_out_health("resnet18", figures, 2)
    assert found is not None
    assert found.ok
    assert found.line == "held-out accuracy 100.0 % of 18 images (2 clips), chance 50.0 %"


@pytest.mark.parametrize(("r2", "ok"), [(-0.58, False), (0.0, False), (0.31, True)])
def test_a_regression_no_better_than_the_mean_has_failed(r2: float, ok: bool):
    found = held_out_health("i2a_cnn", {"held_out_r2": r2, "held_out_images": 30.0}, 6)
    assert found is not None
    assert (found.ok, found.reason is None) == (ok, ok)


def test_results_of_earlier_versions_are_compared_with_one_over_the_number_of_classes():
    found = held_out_health("resnet18", {"held_out_accuracy": 0.2, "held_out_images": 50.0}, 5)
    assert found is not None
    assert (found.chance, found.clips, found.ok) == (0.2, None, False)
    assert held_out_health("lite0", {}, 5) is None
    assert held_out_health("of_a_plugin_that_is_not_here", {"held_out_r2": -1.0}, 5) is None


def test_a_metric_of_which_less_is_better_is_compared_the_other_way():
    rank = Health("j", "m", "rank of the ground truth", 40.0, 49.0, 50.5, higher_is_better=False)
    assert rank.ok
    assert not Health("j", "m", "rank", 40.0, 51.0, 50.5, higher_is_better=False).ok
