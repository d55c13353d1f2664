"""Make text safe to print: it cannot control the terminal, and no encoding breaks a command."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_CONTROL = re.compile(
    r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # a command with a text: a title, a link
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # a colour, a movement of the cursor
    r"|\x1b[ -/]*[0-~]?"  # any other escape sequence
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # the direction of writing
)


def printable(text: str) -> str:
    """Remove escape sequences and control characters other than tab and newline.

    A lone surrogate, as in a file name that is not UTF-8, becomes ``\\udc80``.
    """
    return _CONTROL.sub("", text).encode("utf-8", "backslashreplace").decode("utf-8")


class Guarded:
    """A text stream that passes only printable text on to another."""

    encoding = "utf-8"
    """Any text is accepted; click bypasses a stream that does not say so."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the printable part of a text; return the length of the whole text."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def replace_what_cannot_be_encoded() -> None:
    """Make this process print ``\\u2212`` where the encoding of its output has no minus sign."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # none in a notebook
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def guarded_output() -> Iterator[None]:
    """Make all output of the block printable and encodable, whoever prints it."""
    replace_what_cannot_be_encoded()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(Guarded, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
