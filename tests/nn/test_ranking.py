"""Ranks: counts of nearer candidates, a strip of queries at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.nn import pairwise
from a2ibench.nn.cosine import unit_rows
from a2ibench.nn.ranking import count_nearer


def all_cosines(a: np.ndarray, v: np.ndarray) -> np.ndarray:
    """One by one, so that equal rows have equal cosines."""
    return np.array([[np.dot(one, other) for other in unit_rows(v)] for one in unit_rows(a)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 3))
@settings(deadline=None, max_examples=50)
def test_counts_are_those_of_all_cosines_at_once(seed: int, cells: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    queries = rng.normal(size=(n, 3)).astype(np.float32)
    candidates = rng.normal(size=(4, 3)).astype(np.float32)[rng.integers(0, 4, n)]  # many tie
    group = rng.integers(0, groups, n)
    known = all_cosines(queries, candidates)
    own = np.diagonal(known)[:, np.newaxis]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairwise, "CELLS", cells)
        nearer, ties = count_nearer(queries, candidates, group, groups)
    others = ~np.eye(n, dtype=np.bool_)
    for one in range(groups):
        there = others & (group == one)
        np.testing.assert_array_equal(nearer[:, one], ((known > own) & there).sum(axis=1))
        np.testing.assert_array_equal(ties[:, one], ((known == own) & there).sum(axis=1))


def test_equal_candidates_are_equally_near_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(301, 256)).astype(np.float32)
    which = rng.integers(0, 7, 301)
    _, ties = count_nearer(queries, rng.normal(size=(7, 256)).astype(np.float32)[which])
    np.testing.assert_array_equal(ties[:, 0], np.bincount(which)[which] - 1)


def test_a_row_of_zeros_has_no_direction() -> None:
    nearer, ties = count_nearer(np.eye(3, dtype=np.float32), np.zeros((3, 3), dtype=np.float32))
    assert nearer.tolist() == [[0]] * 3
    assert ties.tolist() == [[2]] * 3
