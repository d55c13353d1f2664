"""NumPy files, checked before they are mapped into memory."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def open_array(path: Path) -> npt.NDArray[Any]:
    """A ``.npy`` file as a read-only memory map.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no ``.npy`` file of numbers, its header is damaged, or it is shorter or
            longer than its header says.
    """
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"a .npy file of version {version}")
        try:
            shape, _, dtype = _HEADERS[version](stream)
        except Exception as error:  # it is parsed as Python, by parsers with errors of their own
            said = str(error).splitlines() or [type(error).__name__]
            raise ValueError(f"its header is damaged ({said[0][:200]})") from error
        start = stream.tell()
    if dtype.hasobject:
        raise ValueError("it holds Python objects instead of numbers")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"its shape is {shape}")
    size = dtype.itemsize
    for length in shape:  # Python's integers: NumPy's would overflow
        size *= length
    if (found := path.stat().st_size - start) != size:
        raise ValueError(f"its header says {size} bytes of numbers, and it holds {found}")
    opened: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return opened


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
