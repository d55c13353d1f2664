"""A writer of Torch7's binary serialisation for the tests; nothing is shared with the reader."""

import struct
from typing import Any, NamedTuple

import numpy as np

TENSORS = {
    "float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int", "int16": "Short",
    "uint8": "Byte", "int8": "Char",
}  # fmt: skip


class Module(NamedTuple):
    """An instance of a Torch class: its name and the table of its fields."""

    name: str
    fields: dict[str, Any]


def write_t7(value: Any) -> bytes:
    """What Torch7's ``torch.save`` would write for None, numbers, strings, tables (dictionaries,
    or lists, counted from 1), arrays and modules. One object met twice is written once."""
    out: list[bytes] = []
    met: dict[int, int] = {}

    def i32(number: int) -> None:
        out.append(number.to_bytes(4, "little", signed=True))

    def text(string: str) -> None:
        i32(len(string))
        out.append(string.encode("latin-1"))

    def begin(kind: int, identity: int) -> bool:
        i32(kind)
        new = identity not in met
        met.setdefault(identity, len(met) + 1)
        i32(met[identity])
        return new

    def versioned(name: str) -> None:
        text("V 1")
        text(name)

    def put(item: Any) -> None:
        if item is None:
            i32(0)
        elif isinstance(item, bool):
            i32(5)
            i32(int(item))
        elif isinstance(item, int | float):
            i32(1)
            out.append(struct.pack("<d", item))
        elif isinstance(item, str):
            i32(2)
            text(item)
        elif isinstance(item, Module):
            if begin(4, id(item)):
                versioned(item.name)
                put(item.fields)
        elif isinstance(item, np.ndarray):
            if begin(4, id(item)):
                kind = TENSORS[item.dtype.name]
                versioned(f"torch.{kind}Tensor")
                i32(item.ndim)
                contiguous = np.ascontiguousarray(item)
                steps = [stride // item.itemsize for stride in contiguous.strides]
                out.append(struct.pack(f"<{2 * item.ndim + 1}q", *item.shape, *steps, 1))
                begin(4, -id(item))
                versioned(f"torch.{kind}Storage")
                out.append(struct.pack("<q", item.size))
                out.append(contiguous.tobytes())
        else:
            table = item if isinstance(item, dict) else dict(enumerate(item, start=1))
            if begin(3, id(item)):
                i32(len(table))
                for key, entry in table.items():
                    put(key)
                    put(entry)

    put(value)
    return b"".join(out)
