"""NumPy files that grow row by row, and are read row by row."""

import hashlib
import os
import pickle

import numpy as np
import pytest

from a2ibench.data.npy_files import GrowingArray, StoredArray, open_array

ROWS = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)


def test_rows_that_are_appended_are_read_back_with_their_hash(tmp_path):
    path = tmp_path / "a.npy"
    array = GrowingArray(path, "|u1")
    for part in (ROWS[:2], ROWS[2:]):
        array.append(part)
    array.close()
    assert array.rows == 6
    assert array.sha256 == hashlib.sha256(ROWS.tobytes()).hexdigest()
    np.testing.assert_array_equal(open_array(path), ROWS)


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_an_array_resumes_behind_the_rows_that_are_kept(tmp_path, kept):
    path = tmp_path / "a.npy"
    first = GrowingArray(path, "|u1", (2, 2))
    first.append(ROWS[:5])
    first.close()
    resumed = GrowingArray(path, "|u1", (2, 2), kept)
    resumed.append(ROWS[kept:])
    resumed.close()
    np.testing.assert_array_equal(open_array(path), ROWS)
    assert resumed.sha256 == hashlib.sha256(ROWS.tobytes()).hexdigest()


@pytest.mark.parametrize("before", [0, 3])
def test_rows_are_taken_back_as_if_they_had_never_been_there(tmp_path, before):
    path = tmp_path / "a.npy"
    array = GrowingArray(path, "|u1")
    if before:
        array.append(ROWS[:before])
    take_back = array.mark()
    array.append(np.zeros((9, 2, 2), np.uint8))
    take_back()
    array.append(ROWS[before:])
    array.close()
    np.testing.assert_array_equal(open_array(path), ROWS)
    assert array.sha256 == hashlib.sha256(ROWS.tobytes()).hexdigest()


def test_an_array_with_fewer_rows_than_are_to_be_kept_is_an_error(tmp_path):
    path = tmp_path / "a.npy"
    array = GrowingArray(path, "|u1", (2, 2))
    array.append(ROWS)
    array.close()
    with pytest.raises(OSError, match="shorter than its journal says"):
        GrowingArray(path, "|u1", (2, 2), 7)


@pytest.mark.parametrize(
    "index",
    [
        *(2, -1, slice(None), slice(1, 4), slice(4, 0, -2), slice(9, 3)),
        *(np.array([5, 0, 5, -2]), [1, 3], np.arange(6) % 2 == 0),
        *((2, 1), (-1, slice(1, None)), (slice(1, 4), 0), (slice(None), slice(0, 1))),
    ],
    ids=str,
)
def test_rows_are_read_as_numpy_would_index_them(tmp_path, index):
    np.save(tmp_path / "a.npy", ROWS)
    stored = StoredArray(tmp_path / "a.npy")
    np.testing.assert_array_equal(stored[index], ROWS[index])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stored))[index], ROWS[index])
    assert (stored.shape, stored.dtype, len(stored)) == (ROWS.shape, ROWS.dtype, 6)


def test_a_row_beyond_the_end_is_an_error(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    stored = StoredArray(tmp_path / "a.npy")
    for index in (6, -7, np.array([0, 6]), np.ones(5, dtype=bool)):
        with pytest.raises(IndexError):
            stored[index]


def test_a_file_that_is_cut_off_while_it_is_open_is_an_error(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, ROWS)
    stored = StoredArray(path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(OSError, match="shorter than when it was opened"):
        stored[:]


def test_a_file_that_takes_the_place_of_an_open_one_is_not_seen(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    stored = StoredArray(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", 0 * ROWS)
    (tmp_path / "b.npy").replace(tmp_path / "a.npy")
    np.testing.assert_array_equal(stored, ROWS)


def test_rows_in_fortran_order_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(ROWS))
    with pytest.raises(ValueError, match="Fortran order"):
        StoredArray(tmp_path / "a.npy")
