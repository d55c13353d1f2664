"""NumPy files that grow row by row."""

import hashlib

import numpy as np
import pytest

from a2ibench.data.npy_files import GrowingArray, open_array

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
