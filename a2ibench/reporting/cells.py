"""The kinds of cells of a table: numbers, and what goes with them, until a renderer prints them."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.metric import Metric

BELOW_FLOOR = "°"
STRUCK = "×"
MISSING = "–"


class Printed(NamedTuple):
    """A cell for people: its text, and an interval or a second number ``beside``, which a page
    prints smaller, in one line if ``unbroken``; a page sorts by ``order``, the number as printed.
    """

    main: str
    beside: str = ""
    order: float | None = None
    style: str = ""
    unbroken: bool = False

    def __str__(self) -> str:
        return f"{self.main} {self.beside}" if self.beside else self.main


class Cell:
    """One place of a table."""

    @property
    def printed(self) -> Printed:
        """The cell for people."""
        return self._print()

    def __str__(self) -> str:
        return str(self._print())

    def _print(self) -> Printed:
        raise NotImplementedError


@dataclass(frozen=True)
class Label(Cell):
    """A text, and its style on a page: ``words``, ``hash``, ``better`` or ``worse``; or ``method``,
    the label of a row, which has the colour of its method."""

    text: str
    style: str = ""

    def _print(self) -> Printed:
        return Printed(self.text, style=self.style)


@dataclass(frozen=True)
class Count(Cell):
    """``233 (3 clips)``, or ``5 × 233 (3 clips)``: images behind a score, or a difference."""

    n: int = 0
    clips: int | None = None
    seeds: int | None = None

    def _print(self) -> Printed:
        if not self.n or self.seeds == 0:
            return Printed(MISSING)
        of = "" if self.seeds is None else f"{self.seeds} × "
        clips = f"({self.clips} clip{'' if self.clips == 1 else 's'})"
        beside = "" if self.clips is None else clips
        return Printed(f"{of}{self.n}", beside, float(self.seeds or self.n), unbroken=True)


@dataclass(frozen=True)
class Seeds(Cell):
    """``3``, or ``2 of 3`` where a seed has no result."""

    done: int
    asked: int

    def _print(self) -> Printed:
        text = str(self.done) if self.done == self.asked else f"{self.done} of {self.asked}"
        return Printed(text, "", float(self.done))


@dataclass(frozen=True)
class Number(Cell):
    """A quantity; without ``digits`` one behind the point below 100, and none of a whole number."""

    value: float | None
    digits: int | None = None

    def _print(self) -> Printed:
        if self.value is None:
            return Printed(MISSING)
        whole = self.value >= 100 or self.value == int(self.value)
        digits = int(not whole) if self.digits is None else self.digits
        return Printed(f"{self.value:,.{digits}f}", "", round(float(self.value), digits))


@dataclass(frozen=True)
class Mean(Cell):
    """A score: its mean over seeds, printed × 100 if ``percent``, with its uncertainty.

    Attributes:
        spread: the protocol's own ± (mean over seeds), if it has one.
        low, high: the ends of the 95 % interval, if there is one.
        sd: standard deviation over seeds, if there are two.
        below_floor: whether it is no better than the reference row that is its floor: marked.
        struck: whether its judge cannot judge, so that there is no value.
    """

    value: float | None
    percent: bool = False
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    below_floor: bool = False
    struck: bool = False
    sign: ClassVar[str] = ""

    def _print(self) -> Printed:
        if self.value is None:
            return Printed(STRUCK if self.struck else MISSING)
        main = self._number(self.value) + (BELOW_FLOOR if self.below_floor else "")
        if self.spread is not None:
            main += f" ± {100 * self.spread:.1f}" if self.percent else f" ± {self.spread:.2f}"
        beside = ""
        if self.low is not None and self.high is not None:
            beside = f"[{self._number(self.low)}, {self._number(self.high)}]"
        order = float(self._number(self.value))
        return Printed(main, beside, order if math.isfinite(order) else None)

    def _number(self, value: float) -> str:
        return f"{100 * value:{self.sign}.1f}" if self.percent else f"{value:{self.sign}.2f}"


@dataclass(frozen=True)
class Difference(Mean):
    """A difference of two scores, with its sign; or the reason why it has no interval."""

    reason: str | None = None
    sign: ClassVar[str] = "+"


@dataclass(frozen=True)
class Range(Cell):
    """``83.9 (81.0 to 86.0)``: mean, lowest and highest of the seeds' scores, float64 ``[S]``."""

    seeds: npt.NDArray[np.float64]
    percent: bool

    @property
    def value(self) -> float | None:
        """The mean; None where a seed has no number."""
        there = len(self.seeds) > 0 and bool(np.isfinite(self.seeds).all())
        return float(self.seeds.mean()) if there else None

    def _print(self) -> Printed:
        mean = Mean(self.value, self.percent).printed
        if self.value is None or len(self.seeds) < 2:
            return mean
        low, high = (Mean(float(end(self.seeds)), self.percent) for end in (np.min, np.max))
        return mean._replace(beside=f"({low} to {high})")


@dataclass(frozen=True)
class P(Cell):
    """The p of a test, corrected for all tests of its table (printed), and alone."""

    corrected: float | None
    value: float | None = None

    def _print(self) -> Printed:
        if self.corrected is None:
            return Printed(MISSING)
        if self.corrected < 0.001:  # three decimals are more than a table can use
            return Printed("< 0.001", "", 0.0)
        return Printed(f"{self.corrected:.3f}", "", round(float(self.corrected), 3))


@dataclass(frozen=True)
class Effect(Cell):
    """``+1.8 sd, 95 % of blocks``: in standard deviations of the seeds, and the share of the test
    blocks that the method is better on."""

    sd: float | None
    blocks: float | None

    def _print(self) -> Printed:
        blocks = "" if self.blocks is None else f"{100 * self.blocks:.0f} % of blocks"
        if self.sd is not None:
            sd = f"{self.sd:+.1f} sd{',' if blocks else ''}"
            return Printed(sd, blocks, round(float(self.sd), 1))
        order = None if self.blocks is None else float(f"{100 * self.blocks:.0f}")
        return Printed(blocks or MISSING, "", order)


def heading(metric: Metric) -> str:
    """The metric's column: title, unit, and which way is up, if any is."""
    arrow = ("↓", "↑")[metric.higher_is_better] if metric.directed else ""
    return f"{metric.title}{' %' * metric.percent} {arrow}".rstrip()


def full_name(metric: Metric) -> str:
    """The name with its version."""
    return f"{metric.name}_v{metric.version}"
