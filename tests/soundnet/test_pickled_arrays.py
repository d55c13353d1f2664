"""The restricted reader refuses what is no dictionary of arrays, and executes nothing."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from a2ibench.errors import UserError
from a2ibench.soundnet.pickled_arrays import read_pickled_arrays


class Malicious:
    """Unpickled by pickle itself, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def as_npy(value):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return header.getvalue() + pickle.dumps(value, protocol=3)


def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path):
    ran = tmp_path / "ran"
    content = as_npy(np.array({"conv1": Malicious(ran)}, dtype=object))
    with pytest.raises(UserError, match=r"refused.*mkdir"):
        read_pickled_arrays(content)
    assert not ran.exists()
    np.load(io.BytesIO(content), allow_pickle=True)
    assert ran.exists()  # it would have run


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no npy at all",
        as_npy(np.array([1, 2], dtype=object)),
        as_npy({"conv1": Path("/")}),
        as_npy(np.array({"conv1": {}}, dtype=object))[:-20],
    ],
)
def test_what_is_no_dictionary_of_arrays_is_refused(content):
    with pytest.raises(UserError, match="refused"):
        read_pickled_arrays(content)
