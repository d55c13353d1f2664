"""Figures on held-out clips owe nothing to what was chosen on them, and are over clips."""

import numpy as np
import pytest

from a2ibench.nn.held_out import choose, ratio_figures


def test_a_figure_by_the_choice_of_the_other_half_is_of_no_option_without_worth_above_0():
    """Ten options that are all noise, which clips share: the best one looks good."""
    best, owed = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        clip = np.repeat(np.arange(8), 5)
        scores = rng.normal(size=(10, 8))[:, clip] + rng.normal(size=(10, 40))
        chosen, other = choose(scores, clip.astype(str))
        best.append(scores[chosen].mean())
        owed.append(scores[other, np.arange(40)].mean())
    assert np.mean(best) > 0.4
    assert abs(np.mean(owed)) < 3 * np.std(owed) / 200**0.5


def test_the_best_option_is_that_of_all_clips_and_each_half_is_measured_by_the_others():
    scores = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.5, 1.5], [0.4, 0.4, 0.4, 0.4]])
    chosen, other = choose(scores, np.array(["a", "a", "b", "b"]))
    assert chosen == 1
    assert other.tolist() == [1, 1, 0, 0]


def test_of_a_single_clip_the_figure_is_that_of_the_best_option():
    chosen, other = choose(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array(["a", "a"]))
    assert (chosen, other.tolist()) == (1, [1, 1])


def test_intervals_of_a_ratio_cover_it_in_about_95_of_100_samples():
    below = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clip = np.repeat(np.arange(20), rng.integers(2, 9, 20))
        of = rng.uniform(0.5, 1.5, len(clip))
        value = of * (0.6 + 0.2 * rng.normal(size=20)[clip] + 0.2 * rng.normal(size=len(clip)))
        figures = ratio_figures("share", value, of, clip.astype(str))
        assert figures["share"] == pytest.approx(value.sum() / of.sum())
        below += figures["held_out_low"] > 0.6
    assert below / 300 <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 300)
    assert below
