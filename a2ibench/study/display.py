"""What a user sees while a study runs: bars with the time left, or plain lines in a log file."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY = 30.0
"""Seconds between two lines about the same thing, where the output is no terminal."""


class Display:
    """Progress of the parts of a study.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars: Progress | None = None
        self._lines: dict[str, tuple[float, int, float]] = {}

    def say(self, text: str, **style: Any) -> None:
        """Prints one line; nothing in it is markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True, **style)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The bars live inside this block."""
        if not self.console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as bars:
            self._bars = bars
            try:
                yield
            finally:
                self._bars = None

    def counter(self, name: str) -> Callable[[int, int], None]:
        """A function ``(done, total)`` that shows how far something called ``name`` is."""
        bar: TaskID | None = None

        def show(done: int, total: int) -> None:
            nonlocal bar
            if self._bars is None:
                self._line(name, done, total)
                return
            if bar is None:
                # What an earlier run has done says nothing about the speed of this one.
                bar = self._bars.add_task(name, total=total, completed=done)
            self._bars.update(bar, completed=done, total=total)

        return show

    def _line(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        first, begun, last = self._lines.get(name, (now, done, -LINE_EVERY))
        ended = done >= total
        if not ended and now - last < LINE_EVERY:
            return
        self._lines[name] = (first, begun, now)
        if ended:
            self.say(f"{name}: {done}/{total} after {clock(now - first)}")
        elif done == begun or now == first:
            self.say(f"{name}: {done}/{total}")
        else:
            left = (now - first) / (done - begun) * (total - done)
            self.say(f"{name}: {done}/{total}, {clock(left)} left")


def clock(seconds: float) -> str:
    """``h:mm:ss`` or ``m:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
