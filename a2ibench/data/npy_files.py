"""NumPy files: checked before they are mapped into memory, read by rows, or grown row by row."""

import hashlib
import math
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from a2ibench.types import IntArray


def open_array(path: Path) -> npt.NDArray[Any]:
    """Open a ``.npy`` file as a read-only memory map.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a ``.npy`` file of numbers, its header is damaged, or it is shorter or
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
    size = dtype.itemsize * math.prod(shape)  # Python's integers: NumPy's would overflow
    if (found := path.stat().st_size - start) != size:
        raise ValueError(f"its header says {size} bytes of numbers, but it holds {found}")
    opened: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return opened


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


Index = int | slice | IntArray | npt.NDArray[np.bool_]
"""Rows: one, a slice of them, their numbers, or a mask."""


class StoredArray:
    """The array of a ``.npy`` file; rows are read into memory when they are indexed.

    A memory map that stays open keeps every page in memory that was ever looked at, and each new
    one interrupts the program. Reading copies the rows and nothing else. The file stays open:
    whatever takes its place on disk is not seen. A process to which the array is sent opens it
    anew.

    Args:
        path: the file.

    Attributes:
        path: the file.
        shape: shape of the array.
        dtype: of its numbers.

    Raises:
        OSError: the file cannot be read.
        ValueError: see :func:`open_array`; or its rows do not lie one after another.
    """

    def __init__(self, path: Path) -> None:
        array = open_array(path)
        if not array.flags.c_contiguous:
            raise ValueError("its numbers are in Fortran order")
        self.shape, self.dtype = array.shape, array.dtype
        self._row = self.dtype.itemsize * math.prod(self.shape[1:])
        self._start = path.stat().st_size - array.nbytes
        self.path = path
        self._file = path.open("rb")
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Index | tuple[Any, ...]) -> npt.NDArray[Any]:
        if isinstance(index, tuple):
            first, *rest = index
            inner = rest if isinstance(first, int | np.integer) else [slice(None), *rest]
            return self[first][tuple(inner)]
        every = range(len(self))
        if isinstance(index, slice):
            rows = every[index]
            if rows.step == 1:
                return self._read(rows.start, len(rows))
            index = np.array(rows, dtype=np.int64)
        if isinstance(index, int | np.integer):
            return self._read(every[index], 1)[0]
        chosen = np.asarray(index)
        if chosen.dtype == bool:
            if chosen.shape != self.shape[:1]:
                raise IndexError(f"a mask of shape {chosen.shape} for {len(self)} rows")
            chosen = np.flatnonzero(chosen)
        found = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        for i, row in enumerate(chosen.tolist()):
            self._read_into(found[i : i + 1], every[row])
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __reduce__(self) -> tuple[type["StoredArray"], tuple[Path]]:
        return StoredArray, (self.path,)

    def _read(self, start: int, count: int) -> npt.NDArray[Any]:
        found = np.empty((count, *self.shape[1:]), self.dtype)
        self._read_into(found, start)
        return found

    def _read_into(self, rows: npt.NDArray[Any], start: int) -> None:
        if rows.nbytes == 0:
            return
        with self._lock:
            self._file.seek(self._start + start * self._row)
            if self._file.readinto(rows.data.cast("B")) != rows.nbytes:
                raise OSError(f"{self.path}: shorter than when it was opened")


def write_header(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write the header of a ``.npy`` file.

    NumPy leaves room in it for the first number of the shape to grow, so that it can be written
    again when the count is known.
    """
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        stream, {"descr": descr, "fortran_order": False, "shape": shape}
    )


class GrowingArray:
    """A ``.npy`` file that grows row by row and knows the hash of its content.

    Args:
        path: the file.
        dtype: of its numbers.
        item: shape of a row; None takes that of the first rows.
        rows: rows of an existing file to keep; whatever follows them is cut off.

    Raises:
        OSError: the file has fewer rows.
    """

    def __init__(
        self, path: Path, dtype: str, item: tuple[int, ...] | None = None, rows: int = 0
    ) -> None:
        self._file = path.open("rb+" if rows else "wb+")
        self._dtype = np.dtype(dtype)
        self.item = item
        self.rows = rows
        self._hash = hashlib.sha256()
        if item is not None:
            self._write_header(0)
            left = rows * math.prod(item) * self._dtype.itemsize
            while left:
                if not (block := self._file.read(min(left, 1 << 22))):
                    self._file.close()
                    raise OSError(f"{path}: shorter than its journal says")
                self._hash.update(block)
                left -= len(block)
            self._file.seek(self._file.tell())
            self._file.truncate()

    @property
    def sha256(self) -> str:
        """The hash of the numbers, without the header."""
        return self._hash.hexdigest()

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write rows ``[n, *item]``."""
        if self.item is None:
            self.item = rows.shape[1:]
            self._write_header(0)
        content = np.ascontiguousarray(rows, dtype=self._dtype).data
        self._file.write(content)
        self._hash.update(content)
        self.rows += len(rows)

    def mark(self) -> Callable[[], None]:
        """Return a function that takes back whatever is appended from now on."""
        end, item, rows, digest = self._file.tell(), self.item, self.rows, self._hash.copy()

        def take_back() -> None:
            self._file.seek(end)
            self._file.truncate()
            self.item, self.rows, self._hash = item, rows, digest

        return take_back

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Write the count into the header and close the file."""
        if self.item is not None and not self._file.closed:
            self._write_header(self.rows)
        self._file.close()

    def _write_header(self, rows: int) -> None:
        assert self.item is not None
        self._file.seek(0)
        write_header(self._file, (rows, *self.item), self._dtype)
