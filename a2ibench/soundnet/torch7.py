"""A restricted reader of Torch7's binary serialisation (``.t7``): data only, nothing is executed.

Little-endian, 64-bit, as ``torch.save`` of Torch7 wrote it. An object is an int32 that names its
type, then::

    0 nil
    1 number    float64
    2 string    int32 length, bytes
    3 table     int32 index; where the index is new: int32 size, that many keys and values
    4 torch     int32 index; where the index is new: string "V 1", string class, its content
    5 boolean   int32

An index that was met before refers to that object. A storage holds an int64 length and its numbers;
a tensor an int32 number of dimensions, int64 sizes, int64 strides, int64 offset counted from 1, and
its storage as an object; any other class, a table of its fields.
"""

import math
import struct
from typing import Any

import numpy as np

from a2ibench.errors import UserError

CLASS = "torch class"
"""The key of a module's class among its fields."""

MAX_DEPTH = 64
"""Objects inside objects; a network of networks needs about ten."""
MAX_DIMENSIONS = 16
MIN_ENTRY = 8
"""Bytes of the shortest key and value of a table."""

_NUMBERS = {
    "Byte": "u1", "Char": "i1", "Short": "<i2", "Int": "<i4", "Long": "<i8",
    "Float": "<f4", "Double": "<f8",
    # CUDA's default type is Float; its tensors are written as if they lay in main memory.
    "Cuda": "<f4", "CudaByte": "u1", "CudaChar": "i1", "CudaShort": "<i2", "CudaInt": "<i4",
    "CudaLong": "<i8", "CudaDouble": "<f8",
}  # fmt: skip
_TENSORS = {f"torch.{name}Tensor": np.dtype(code) for name, code in _NUMBERS.items()}
_STORAGES = {f"torch.{name}Storage": np.dtype(code) for name, code in _NUMBERS.items()}


def read_t7(content: bytes) -> Any:
    """Read the first object of a ``.t7`` file.

    Memory and time are proportional to the file: every length is checked against the bytes that
    are left, and tensors are views of them.

    Returns:
        None, a float, an int where a number is whole, a str (each byte a character), a bool, an
        array, or a dictionary: a table, or the fields of a module with its class under
        :data:`CLASS`. Objects that refer to each other do so here as well, so there may be cycles.

    Raises:
        UserError: it is damaged, is no such file, or holds something else, a function for example.
    """
    try:
        return _Reader(content).object(0)
    except _RefusedError as error:
        raise UserError(f"not readable as Torch7 data: {error}") from None


class _RefusedError(Exception):
    """The bytes are not what they would have to be."""


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0
        self._met: dict[int, Any] = {}

    def object(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _RefusedError(f"objects more than {MAX_DEPTH} deep")
        kind = self._int()
        if kind == 0:
            return None
        if kind == 1:
            return self._number()
        if kind == 2:
            return self._string()
        if kind == 5:
            return self._int() != 0
        if kind in (6, 7, 8):
            raise _RefusedError("it holds a function, which is code")
        if kind not in (3, 4):
            raise _RefusedError(f"type {kind} at byte {self._at - 4} is none of the binary format")
        index = self._int()
        if index not in self._met:
            if kind == 3:
                self._table(index, depth)
            else:
                self._instance(index, depth)
        return self._met[index]

    def _table(self, index: int, depth: int) -> None:
        table: dict[Any, Any] = {}
        self._met[index] = table  # before its content, which may refer to it
        size = self._int()
        if not 0 <= size * MIN_ENTRY <= self._left():
            raise _RefusedError(f"a table of {size} entries, {self._left()} bytes before the end")
        for _ in range(size):
            key = self.object(depth + 1)
            if not isinstance(key, int | float | str):
                raise _RefusedError(f"a table with a key of type {type(key).__name__}")
            table[key] = self.object(depth + 1)

    def _instance(self, index: int, depth: int) -> None:
        name = self._string()
        if name.startswith("V "):  # files older than versions begin with the class
            name = self._string()
        if name in _STORAGES:
            self._met[index] = self._storage(_STORAGES[name])
        elif name in _TENSORS:
            self._met[index] = self._tensor(_TENSORS[name], depth)
        else:
            module: dict[Any, Any] = {}
            self._met[index] = module  # before its fields, which may refer to it
            fields = self.object(depth + 1)
            if not isinstance(fields, dict):
                raise _RefusedError(f"{name[:80]!r} is written in a way of its own")
            module.update(fields)
            module[CLASS] = name

    def _storage(self, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        size = self._longs(1)[0]
        if size < 0:
            raise _RefusedError(f"a storage of {size} numbers")
        return np.frombuffer(self._skip(size * dtype.itemsize), dtype)

    def _tensor(self, dtype: np.dtype[Any], depth: int) -> np.ndarray[Any, Any]:
        dimensions = self._int()
        if not 0 <= dimensions <= MAX_DIMENSIONS:
            raise _RefusedError(f"a tensor of {dimensions} dimensions")
        shape, strides = self._longs(dimensions), self._longs(dimensions)
        offset = self._longs(1)[0] - 1
        storage = self.object(depth + 1)
        if storage is None or 0 in shape or dimensions == 0:
            return np.empty(0, dtype)
        if not isinstance(storage, np.ndarray) or storage.ndim != 1 or storage.dtype != dtype:
            raise _RefusedError("a tensor without a storage of its type")
        if min(shape) < 0 or min(strides) < 0 or offset < 0:
            raise _RefusedError(f"a tensor of shape {shape}, strides {strides}, offset {offset}")
        count = math.prod(shape)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        # The second: a view that repeats its numbers grows when it is copied.
        if last >= len(storage) or count > len(storage):
            raise _RefusedError(f"a tensor of shape {shape} in a storage of {len(storage)} numbers")
        # The stride of a dimension of one is never taken, and may be any number.
        steps = [
            stride * storage.strides[0] if n > 1 else 0
            for n, stride in zip(shape, strides, strict=True)
        ]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)

    def _int(self) -> int:
        return int(struct.unpack("<i", self._skip(4))[0])

    def _number(self) -> float:
        number: float = struct.unpack("<d", self._skip(8))[0]
        return int(number) if number.is_integer() else number

    def _longs(self, n: int) -> tuple[int, ...]:
        return struct.unpack(f"<{n}q", self._skip(8 * n))

    def _string(self) -> str:
        length = self._int()
        if length < 0:
            raise _RefusedError(f"a string of {length} bytes")
        return self._skip(length).tobytes().decode("latin-1")

    def _left(self) -> int:
        return len(self._content) - self._at

    def _skip(self, n: int) -> memoryview:
        """Return the next n bytes, and move behind them."""
        if n > self._left():
            raise _RefusedError(f"cut off: {n} bytes are missing at byte {self._at}")
        self._at += n
        return self._content[self._at - n : self._at]
