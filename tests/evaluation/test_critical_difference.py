"""The critical-difference diagram: published values, ties, and what is joined."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from a2ibench.errors import UserError
from a2ibench.evaluation.critical_difference import Ranks, cliques, critical_value, rank
from a2ibench.reporting.critical_difference import draw_diagram
from a2ibench.reporting.image_grids import save_figure


@pytest.mark.parametrize(
    ("k", "published"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)],
)
def test_critical_values_are_those_of_demsars_table_5(k: int, published: float) -> None:
    assert critical_value(k) == pytest.approx(published, abs=1e-3)


def test_ranks_are_means_over_rows_and_ties_share_theirs() -> None:
    ranks = rank(np.array([[3.0, 2, 1], [3, 1, 1], [9, 5, 4]]))
    np.testing.assert_allclose(ranks.mean, [1, 6.5 / 3, 8.5 / 3])
    assert ranks.critical == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 3)), abs=1e-3)


def test_methods_that_are_alike_everywhere_are_not_separated() -> None:
    ranks = rank(np.ones((4, 3)))
    assert ranks.p == 1
    assert cliques(ranks) == [(0, 2)]


def test_runs_are_the_longest_ones() -> None:
    ranks = Ranks(np.array([4.0, 1.0, 1.5, 2.6]), 1.5, 0.01, 9)
    assert cliques(ranks) == [(0, 1), (1, 2), (2, 3)]


def test_too_few_methods_or_a_missing_score_are_refused() -> None:
    with pytest.raises(UserError, match="3 methods and rows, got 2 and 5"):
        rank(np.ones((5, 2)))
    with pytest.raises(UserError, match="every score"):
        rank(np.full((3, 3), np.nan))


def test_the_diagram_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "cd.png"
    ranks = rank(np.random.default_rng(0).random((6, 5)))
    save_figure(draw_diagram(ranks, list("a$cde")), path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("k", [3, 24])
def test_no_name_is_cut_off(k: int) -> None:
    ranks = rank(np.random.default_rng(0).normal(size=(5, k)))
    long = "ours − consistency − auxiliary − mismatch − stack"
    figure = draw_diagram(ranks, [f"{long} {i}" for i in range(k)])
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    for text in axes.texts:
        ends = text.get_window_extent(renderer)
        assert ends.x0 >= 0, text.get_text()
        assert ends.x1 <= figure.bbox.x1, text.get_text()
