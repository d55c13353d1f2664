"""What a plug-in touches beside its arguments: the terminal, files, global random numbers."""

import contextlib
import functools
import io
import os
import random
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from a2ibench.conformance.rules import expect

SEED = 90_210
"""What torch is seeded with when a block begins: none that a plug-in would choose itself."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_open: list["Touched"] = []


@dataclass
class Touched:
    """What happened inside a :func:`watching` block.

    Attributes:
        printed: to stdout and stderr.
        written: files that were opened for writing.
        drew: the global generators that gave numbers: ``"numpy"``, ``"random"``.
        seeded: whether torch's global generator was seeded.
    """

    printed: str = ""
    written: list[str] = field(default_factory=list)
    drew: list[str] = field(default_factory=list)
    seeded: bool = False


@contextlib.contextmanager
def watching() -> Iterator[Touched]:
    """Records what the block touches; the record is whole when the block ends."""
    _listen()
    touched = Touched()
    terminal = io.StringIO()
    before = _numpy_state(), random.getstate()
    torch.manual_seed(SEED)
    _open.append(touched)
    try:
        # A library's warning is not the plug-in's own word.
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
        ):
            yield touched
    finally:
        _open.pop()
        touched.printed = terminal.getvalue()
        after = _numpy_state(), random.getstate()
        names = ("numpy", "random")
        touched.drew = [
            name for name, was, now in zip(names, before, after, strict=True) if was != now
        ]
        touched.seeded = torch.initial_seed() != SEED


def _numpy_state() -> tuple[Any, ...]:
    _, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  # the state itself is watched
    return (bytes(np.asarray(keys)), *rest)


@functools.cache
def _listen() -> None:
    """Once a process: a hook cannot be taken off again. Between blocks it finds nobody to tell."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _open:
        return
    path, mode, flags = arguments
    writes = any(sign in mode for sign in "wax+") if mode else bool((flags or 0) & _WRITING)
    # Byte code of what is imported meanwhile is the interpreter's own, not the plug-in's.
    if writes and isinstance(path, str) and "__pycache__" not in path and path != os.devnull:
        _open[-1].written.append(path)


def expect_nothing_touched(touched: Touched) -> None:
    """Demands that a block drew no global random numbers, printed nothing and wrote no file."""
    expect(not touched.drew, "no global random numbers", f"those of {', '.join(touched.drew)}")
    expect_silence(touched)


def expect_silence(touched: Touched) -> None:
    """Demands that a block printed nothing and wrote no file."""
    expect(not touched.printed, "silence", repr(touched.printed[:60]))
    expect(not touched.written, "no files", ", ".join(touched.written[:3]))
