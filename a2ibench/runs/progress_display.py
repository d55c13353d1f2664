"""Show the progress of a study: bars with the time left, or plain lines in a log file."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from a2ibench.console import Console
from a2ibench.errors import command

if TYPE_CHECKING:
    from a2ibench.curation.last_check import LastCheck
    from a2ibench.evaluation.feasibility import Feasibility

TOLD = 3
"""Number of findings of a check that are printed."""
LINE_EVERY = 30.0
"""Seconds between two lines about the same thing, if the output is not a terminal."""
FIRST_LINE = 5.0
"""Seconds to the first such line; the next comes after twice as many, and so on up to the limit."""


class Display:
    """The display of the progress of a study's parts."""

    def __init__(self, console: Console, verbose: bool = False) -> None:
        self.console = console
        self.verbose = verbose
        self._bars: Progress | None = None

    def say(self, text: str, **style: Any) -> None:
        """Print one line, without interpreting markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True, **style)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show the bars inside this block."""
        if not self.console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=self.console) as bars:
            self._bars = bars
            try:
                yield
            finally:
                self._bars = None

    def counter(self, name: str) -> Callable[[int, int], None]:
        """Return a function ``(done, total)`` that shows progress under a name."""
        bar: TaskID | None = None
        pace = _Pace()
        lines = _Lines(name, self.say)

        def show(done: int, total: int) -> None:
            nonlocal bar
            seconds = pace.left(done, total)
            if self._bars is None:
                lines.show(done, total, seconds)
                return
            left = "" if seconds is None else f"{clock(seconds)} left"
            if bar is None:
                bar = self._bars.add_task(name, total=total, completed=done, left=left)
            self._bars.update(bar, completed=done, total=total, left=left)

        return show


def show_feasibility(found: "Feasibility", display: Display) -> None:
    """Print the block "what these data can answer"."""
    from a2ibench.runs.feasibility_lines import class_table, feasibility_lines

    display.console.print(class_table(found), markup=False)
    for line in feasibility_lines(found, display.verbose):
        display.say(line)
    if found.refused is not None:
        display.say(f"no study is possible on these pairs: {found.refused}", style="yellow")


def show_check(check: "LastCheck", root: Path, display: Display) -> None:
    """Print the findings of the last check of the pairs in ``root``."""
    if check.caution:
        more = check.damage + check.leaks - len(check.told[:TOLD])
        told = [*check.told[:TOLD], *([f"and {more} more"] if more else [])]
        display.say(f"warning: {check.caution} {'; '.join(told)}", style="bold yellow")
    elif check.state == "checked":
        display.say(f"pairs {check}")
    else:
        display.say(
            f"pairs {check}: {command('data', 'check', root)} looks for leaks, copies and damage"
        )


class _Pace:
    """Estimate of the time left, from what this run has done since its first piece was done.

    The first piece takes in whatever has to start, and tells nothing of the others. Pieces may be
    done many at once, so that their pace is only known after :data:`FIRST_LINE`.
    """

    def __init__(self) -> None:
        self._begun = math.inf  # how far it was at the beginning
        self._first: tuple[float, int] | None = None  # when the first piece was done, and how far

    def left(self, done: int, total: int) -> float | None:
        """Return the seconds left; None if they are not yet known, or nothing is left."""
        now = time.monotonic()
        if done < self._begun or (self._first is not None and done < self._first[1]):
            self._begun, self._first = done, None  # also when it starts again from further back
        elif done > self._begun and self._first is None:
            self._first = now, done
        if self._first is None or done >= total:
            return None
        since, first = self._first
        if done == first or now - since < FIRST_LINE:
            return None
        return (now - since) / (done - first) * (total - done)


class _Lines:
    """Progress of one part, as a line now and then."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self._name = name
        self._say = say
        self._start = 0.0, math.inf  # when, and how far it was
        self._last = 0.0

    def show(self, done: int, total: int, left: float | None) -> None:
        now = time.monotonic()
        if first := done < self._start[1]:  # also when it starts again from an earlier point
            self._start = now, done
        ended = done >= total
        gap = min(LINE_EVERY, max(FIRST_LINE, (now - self._start[0]) / 2))
        if not (first or ended) and now - self._last < gap:
            return
        self._last = now
        line = f"{self._name}: {done}/{total}"
        if ended:
            line += f" after {clock(now - self._start[0])}"
        elif left is not None:
            line += f", {clock(left)} left"
        self._say(line)


def clock(seconds: float) -> str:
    """Return seconds as ``h:mm:ss`` or ``m:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
