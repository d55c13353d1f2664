"""Charts of a study: nothing that was measured is left out of them."""

import numpy as np
import pytest

from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.reporting.charts import MAX_POINTS, curve_chart, seed_chart
from a2ibench.reporting.svg import COLOURS
from a2ibench.results.rows import RowScores


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "none", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


def test_every_seed_has_a_line_and_a_single_interval_is_a_point() -> None:
    rows = [{"step": 1, "a": 1.0, "b": 2.0}, {"step": 2, "a": 0.5, "b": 1.0}]
    trainings = {"x": [rows, rows], "y": [[{"step": 1, "a": 3.0}]]}
    figure = curve_chart(trainings, {"x": COLOURS[0], "y": COLOURS[1]})
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b"]
    assert len(first.get_lines()) == 3
    assert first.get_lines()[2].get_marker() == "."
    assert len(second.get_lines()) == 2


def test_a_long_training_is_drawn_by_means_of_neighbours() -> None:
    level = np.random.default_rng(0).random(MAX_POINTS * 8)
    rows = [{"step": 20.0 * i, "a": value} for i, value in enumerate(level, 1)]
    (axes,) = curve_chart({"x": [rows]}, {"x": COLOURS[0]}).axes
    (line,) = axes.get_lines()
    assert line.get_ydata() == pytest.approx(level.reshape(MAX_POINTS, 8).mean(axis=1))
    assert line.get_xdata()[0] == 90
    assert len(line.get_xdata()) == MAX_POINTS


def test_every_seed_is_a_point_beside_the_mean_and_its_interval() -> None:
    values = np.array([0.5, 0.6, 0.8])
    blocks = np.tile(values[:, np.newaxis], (1, 4)) + np.random.default_rng(0).normal(0, 0.01, 4)
    three = SeedScores((0, 1, 2), values, 10, None, blocks)
    one = SeedScores((0,), values[:1], 10, None, np.full((1, 1), np.nan))
    methods = [
        RowScores("truth", True, None, 1, {"accuracy_test": one}),
        RowScores("a", False, None, 3, {"accuracy_test": three}),
        RowScores("failed", False, None, 3, {}),
    ]
    (axes,) = seed_chart(methods, [Accuracy], {"a": COLOURS[0]}).axes
    points = [line for line in axes.get_lines() if line.get_marker() == "."]
    assert [line.get_xdata().tolist() for line in points] == [
        pytest.approx([50]),
        pytest.approx([50, 60, 80]),
    ]
    assert len(set(points[1].get_ydata())) == 3
    means = [line for line in axes.get_lines() if line.get_linewidth() == 1.4]
    assert means[1].get_xdata() == pytest.approx([100 * values.mean()] * 2)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["truth", "a", "failed"]
