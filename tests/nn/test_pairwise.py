"""All pairs in strips: against the whole, at any cut, and with bounded memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from a2ibench.nn import pairwise
from a2ibench.nn.cosine import cosine_strips, unit_rows
from a2ibench.nn.pairwise import (
    distances_of_pairs,
    distinct_rows,
    product,
    rough_distances,
    square_lengths,
    squared_distances,
    strips,
)


def two_sets(n: int, m: int, d: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(m, d)).astype(np.float32)


@pytest.mark.parametrize(("n", "m", "cells"), [(10, 3, 6), (10, 3, 7), (4, 50, 1), (0, 5, 9)])
def test_strips_hold_every_row_once_and_no_more_cells_than_allowed(monkeypatch, n, m, cells):
    monkeypatch.setattr(pairwise, "CELLS", cells)
    cut = list(strips(n, m))
    assert [row for rows in cut for row in range(n)[rows]] == list(range(n))
    assert all((rows.stop - rows.start) * m <= max(cells, m) for rows in cut)


def test_products_and_distances_are_those_of_float64_in_tiles_of_any_size(monkeypatch):
    x, y = two_sets(23, 31)
    for tile in (1, 4, 31, 1024):
        monkeypatch.setattr(pairwise, "TILE", tile)
        wide = x.astype(np.float64), y.astype(np.float64)
        np.testing.assert_allclose(product(x, y), wide[0] @ wide[1].T, rtol=1e-12, atol=1e-14)
        expected = cdist(*wide, "sqeuclidean")
        np.testing.assert_allclose(squared_distances(x, y), expected, rtol=1e-12, atol=1e-14)


def test_a_row_is_at_no_distance_from_itself_and_at_none_below():
    x, _ = two_sets(200, 1, d=300)
    distance = squared_distances(100 * x, 100 * x)
    assert distance.min() >= 0
    assert np.diagonal(distance).max() < 1e-12 * np.square(100 * x).sum(axis=1).max()


@pytest.mark.parametrize("offset", [0, 3, 1000])
@pytest.mark.parametrize("d", [1, 64, 1280])
def test_distances_in_float32_are_off_by_less_than_their_bound(offset, d):
    x, y = two_sets(60, 80, d)
    y[3] = x[5]
    x, y = x + np.float32(offset), y + np.float32(offset)
    rough, error = rough_distances(x, y, square_lengths(y))
    assert rough.dtype == np.float32
    exact = cdist(x.astype(np.float64), y.astype(np.float64), "sqeuclidean")
    assert (np.abs(rough - exact).max(axis=1) < error).all()
    assert error.max() < 4e-7 * (d + 8) * max(np.square(z).sum(axis=1).max() for z in (x, y))


def test_distances_of_pairs_are_the_distances(monkeypatch):
    monkeypatch.setattr(pairwise, "CELLS", 20)
    x, y = two_sets(9, 11)
    i, j = np.array([0, 8, 8, 3]), np.array([10, 0, 10, 3])
    np.testing.assert_allclose(distances_of_pairs(x, y, i, j), cdist(x, y, "sqeuclidean")[i, j])
    assert not len(distances_of_pairs(x, y, i[:0], j[:0]))


@pytest.mark.parametrize("cells", [1, 40, 10_000])
def test_cosines_in_strips_are_the_cosines(monkeypatch, cells):
    monkeypatch.setattr(pairwise, "CELLS", cells)
    a, v = two_sets(12, 15)
    a[3], v[4] = 0, 0
    v[9] = v[2]
    whole = np.concatenate([strip for _, strip in cosine_strips(a, v)])
    np.testing.assert_allclose(whole, unit_rows(a) @ unit_rows(v).T, atol=1e-14)
    assert (whole[:, 9] == whole[:, 2]).all()
    assert not whole[3].any()
    assert not whole[:, 4].any()


@given(st.lists(st.sampled_from([(0.0, 1.0), (-0.0, 1.0), (2.0, 1.0), (2.0, 3.0)]), max_size=12))
def test_distinct_rows_give_the_rows_back(rows):
    x = np.array(rows, dtype=np.float32).reshape(-1, 2)
    first, position = distinct_rows(x)
    assert (x[first][position] == x).all()
    assert len(first) == len(np.unique(x, axis=0))
    assert (np.diff(first) > 0).all()


def test_memory_grows_with_the_rows_and_not_with_the_pairs(monkeypatch):
    monkeypatch.setattr(pairwise, "CELLS", 2**14)

    def peak(n: int) -> int:
        x, y = two_sets(n, n)
        tracemalloc.start()
        for rows in strips(n, n):
            squared_distances(x[rows], y).min(axis=1)
        for _, strip in cosine_strips(x, y):
            strip.max(axis=1)
        _, high = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return high

    assert peak(4_000) < 4.5 * peak(1_000)  # 16 times where pairs are held
