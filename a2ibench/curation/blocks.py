"""Describe many items block by block, on the current workers where there are many, and once."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from a2ibench import cache
from a2ibench.data.npy_files import StoredArray, write_header
from a2ibench.errors import UserError
from a2ibench.one_thread import one_thread
from a2ibench.parallel import Crashed, current_pool
from a2ibench.storage import cache_dir, content_key
from a2ibench.types import IntArray

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with the number of items done and in total."""

BLOCK = 256
"""Number of items that are described by one call."""
MIN_CALLS = 16
"""Number of calls from which workers are worth their start."""


def in_blocks(function: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    """Call a function for each tuple of arguments, and yield the answers in order.

    Raises:
        UserError: a worker died, or does not see the files of the arguments.
    """
    pool = current_pool()
    if len(calls) < MIN_CALLS or pool.single:
        yield from (_on_one_thread(function, *arguments) for arguments in calls)
        return
    pool.check_sees([one.path for one in calls[0] if isinstance(one, StoredArray)])
    for answer in pool.in_order(_on_one_thread, ((function, *arguments) for arguments in calls)):
        if isinstance(answer, Crashed):
            raise UserError(
                f"a process of the check {answer}; if memory is short, close other programs, then"
                " start it again: what was finished is kept"
            )
        yield answer


def in_threads(function: Callable[[IntArray], T], items: IntArray, size: int) -> Iterator[T]:
    """Call a function for each block of so many items, and yield the answers in order.

    Threads share what the function holds, such as an index, and NumPy works in several at once.
    """
    from joblib import Parallel, cpu_count, delayed

    threads = Parallel(cpu_count(), prefer="threads", return_as="generator")
    starts = range(0, len(items), size)
    yield from threads(delayed(function)(items[start : start + size]) for start in starts)


def _on_one_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function on one thread, wherever it is: the last bit must not depend on that."""
    with one_thread():
        return function(*arguments)


def described(
    name: str,
    identity: Sequence[Any],
    describe: Callable[..., npt.NDArray[Any]],
    call: Callable[[slice], tuple[Any, ...]],
    items: int,
    length: int,
    progress: Progress,
) -> StoredArray:
    """Describe items once; read what was found from the cache from then on.

    Args:
        name: name of the kind of description.
        identity: plain values that determine the descriptions.
        describe: describes a block of items; the blocks make up the array.
        call: returns the arguments for the items of a block.
        items: number of items.
        length: length of the array; zeros fill what the blocks leave.
        progress: called with the number of items done.

    Raises:
        UserError: the cache cannot be written, or see :func:`in_blocks`.
    """

    def make(path: Path) -> None:
        blocks = [slice(i, min(i + BLOCK, items)) for i in range(0, items, BLOCK)]
        calls = [call(block) for block in blocks]
        with path.open("wb") as stream:
            for block, found in zip(blocks, in_blocks(describe, calls), strict=True):
                if block.start == 0:
                    write_header(stream, (length,), found.dtype)
                    end = stream.tell() + length * found.dtype.itemsize
                stream.write(found.tobytes())
                progress(block.stop, items)
            stream.truncate(end)

    path = cache_dir("checks") / f"{name}-{content_key([name, *identity])}.npy"
    return cache.cached(path, make, StoredArray)


def column(array: npt.NDArray[Any] | StoredArray, name: str) -> npt.NDArray[Any]:
    """Read one field of all rows of a structured array."""
    parts = [array[i : i + 4096][name] for i in range(0, len(array), 4096)]
    return np.concatenate(parts)
