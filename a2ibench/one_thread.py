"""Compute on one thread, where the last bit must not depend on the number of processors."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let NumPy and torch compute on one thread in the block: the order of a sum follows it."""
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = 0 if torch is None else torch.get_num_threads()
    with threadpool_limits(1):
        try:
            if torch is not None:
                torch.set_num_threads(1)
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
