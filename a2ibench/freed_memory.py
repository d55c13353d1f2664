"""Keep memory that was freed for the next array, where the C library would return it."""

import contextlib
import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of two parameters of ``mallopt(3)``."""


def keep_freed_memory(most: int) -> None:
    """Let the GNU C library keep up to so many bytes that this process frees.

    By default it gives large blocks back to the system, and each of their pages is cleared and
    mapped again at its next use.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, 2**25)
            mallopt(M_TRIM_THRESHOLD, most)
