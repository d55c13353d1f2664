"""Side effects of a plug-in: on the terminal, on files, on global random numbers."""

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
"""The seed of torch when a block begins: none that a plug-in would choose itself."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_open: list["SideEffects"] = []


@dataclass
class SideEffects:
    """The side effects of a :func:`record_effects` block.

    Attributes:
        printed: text on stdout and stderr.
        written: files that were opened for writing.
        drew: the global generators that gave numbers: ``"numpy"``, ``"random"``.
        seeded: whether torch's global generator was seeded.
    """

    printed: str = ""
    written: list[str] = field(default_factory=list)
    drew: list[str] = field(default_factory=list)
    seeded: bool = False


@contextlib.contextmanager
def record_effects() -> Iterator[SideEffects]:
    """Record the side effects of the block; the record is complete when the block ends."""
    _listen()
    effects = SideEffects()
    terminal = io.StringIO()
    before = _generator_states()
    torch.manual_seed(SEED)
    _open.append(effects)
    try:
        # A library's warning is not the plug-in's own output.
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(terminal),
            contextlib.redirect_stderr(terminal),
        ):
            yield effects
    finally:
        _open.pop()
        effects.printed = terminal.getvalue()
        after = _generator_states()
        effects.drew = [name for name in before if before[name] != after[name]]
        effects.seeded = torch.initial_seed() != SEED


def _generator_states() -> dict[str, Any]:
    _, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  # the state itself is watched
    return {"numpy": (bytes(np.asarray(keys)), *rest), "random": random.getstate()}


@functools.cache
def _listen() -> None:
    """Add the hook once per process, as it cannot be removed; outside blocks it does nothing."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _open:
        return
    path, mode, flags = arguments
    writes = any(sign in mode for sign in "wax+") if mode else bool((flags or 0) & _WRITING)
    # The interpreter itself writes the byte code of what is imported meanwhile.
    if writes and isinstance(path, str) and "__pycache__" not in path and path != os.devnull:
        _open[-1].written.append(path)


def expect_no_effects(effects: SideEffects) -> None:
    """Demand that a block drew no global random numbers, printed nothing and wrote no file."""
    expect(not effects.drew, "no global random numbers", f"those of {', '.join(effects.drew)}")
    expect_silence(effects)


def expect_silence(effects: SideEffects) -> None:
    """Demand that a block printed nothing and wrote no file."""
    expect(not effects.printed, "silence", repr(effects.printed[:60]))
    expect(not effects.written, "no files", ", ".join(effects.written[:3]))
