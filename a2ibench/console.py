"""A rich console for text from untrusted sources."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from a2ibench.printable import Guarded, printable


class Console(RichConsole):
    """A rich console that prints nothing but printable text between its own control codes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Its own escape sequences go past the guard of the stream.
        if self._file is None and isinstance(sys.stdout, Guarded):
            self.file = sys.stdout.stream

    def on_broken_pipe(self) -> None:
        """Pass the error on, as for all other output: `a2ibench data check DIR | head`."""
        raise  # rich calls this while it handles a BrokenPipeError

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Make the text of every segment printable; see rich."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)
