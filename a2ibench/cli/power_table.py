"""The table of ``a2ibench power``."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import sqrt

from scipy import special

from a2ibench.config import MAX_SEEDS
from a2ibench.errors import counted
from a2ibench.evaluation.verdict import ALPHA, spending
from a2ibench.reporting.cells import Cell, Label, Mean, Number, Printed, heading
from a2ibench.reporting.differences import difference_cell
from a2ibench.reporting.table import Column, Table
from a2ibench.study.power import Power, StudyPower

HOUR = 3600.0
SUMMARY = ("contrast", "metric", "they detect", "power %", "needs seeds", "or clips")
"""Headings of the columns that fit a terminal."""


@dataclass(frozen=True)
class Needed(Cell):
    """``7``, or ``no`` where no number is enough."""

    value: int | None

    def _print(self) -> Printed:
        return Printed("no") if self.value is None else Printed(f"{self.value:,}", "", self.value)


def power_table(found: StudyPower, wanted: float, at_once: int) -> Table:
    """Return the seeds and clips that each question needs, a section for each contrast."""
    pairs = groupby(found.questions, key=lambda one: (one.test.row.label, one.test.base.label))
    return Table(
        name="power",
        title=f"Seeds and test clips for a power of {100 * wanted:g} %",
        columns=(
            Column.text("contrast"),
            Column("metric", {"metric": "text"}),
            Column("observed difference", {"difference": "value", "low": "low", "high": "high"}),
            Column("sd: seeds", {"sd seeds": "value"}),
            Column("sd: clips", {"sd clips": "value"}),
            Column("sd: rest", {"sd rest": "value"}),
            Column("r of seeds", {"seed correlation": "value"}),
            Column("seeds × clips", {"seeds × clips": "text"}),
            Column("they detect", {"detectable": "value"}),
            Column("planned for", {"planned for": "value"}),
            Column("power %", {"power": "value"}),
            Column("needs seeds", {"seeds needed": "value"}),
            Column("or clips", {"clips needed": "value"}),
            Column("to add", {"to add": "text"}),
            Column("hours", {"hours": "value"}),
        ),
        sections=tuple(tuple(_cells(one, at_once) for one in section) for _, section in pairs),
        notes=tuple(_notes(found, wanted, at_once)),
        keys=2,
    )


def _cells(one: Power, at_once: int) -> tuple[Cell, ...]:
    metric, known = one.test.metric, one.pilot
    spreads = (sum(known.seed), known.block, sum(known.rest))
    percent = metric.percent
    return (
        Label(_contrast(one)),
        Label(heading(metric)),
        difference_cell(one.test),
        *(Mean(sqrt(spread), percent) for spread in spreads),
        Number(known.correlation, 2),
        Label(f"{one.seeds} × {one.clips:,}"),
        Mean(one.detectable, percent),
        Mean(one.difference, percent),
        Number(100 * one.power, 0),
        Needed(one.seeds_needed),
        Needed(one.clips_needed),
        Label(_to_add(one)),
        Number(None if one.cost is None else one.cost / HOUR / at_once, 1),
    )


def _contrast(one: Power) -> str:
    return f"{one.test.row.label} vs {one.test.base.label}"


def _to_add(one: Power) -> str:
    if one.to_add is None:
        return "neither helps"
    seeds, clips = one.to_add
    said = [counted(seeds, "seed")] * (seeds > 0) + [counted(clips, "clip")] * (clips > 0)
    return ", ".join(said) or "nothing"


def _notes(found: StudyPower, wanted: float, at_once: int) -> Iterator[str]:
    questions = found.questions
    yield (
        f"Power: probability of a verdict in the right direction, by the study's own test (the"
        f" larger p of two t tests, from three seeds on), at p < {found.level:.2g}: {ALPHA:g} /"
        f" {counted(found.tests, 'primary test')} × {spending(found.look):.3g} for look"
        f" {found.look}. This is the first step of Holm's correction; the level is higher for"
        " questions that follow others with a verdict."
    )
    yield (
        "sd: standard deviations that the training seed (of both arms together), the choice of"
        " these test clips, and the rest (what each seed makes of each clip) give the difference of"
        " one seed."
    )
    if any(one.pilot.correlation is not None for one in questions):
        yield (
            "r of seeds: correlation of the scores of both arms over the seeds that they share. The"
            " test does not pair seeds; where r is high, the difference varies less than these sd"
            " suggest."
        )
    yield from _sure(questions)
    yield (
        "Seeds, or clips, needed: for the difference planned for, the other number staying. no:"
        f" more of these alone cannot (up to {MAX_SEEDS:,} seeds). To add: what has to be"
        " multiplied less, or both."
    )
    if stuck := [one for one in questions if one.seeds_needed is None]:
        yield f"More seeds alone cannot: {'; '.join(map(_what_can, stuck))}."
    yield (
        f"Hours: mean time of the trials in this study, of both arms, {at_once} at once. Other test"
        " clips make other pairs: all trials of both arms are then run again."
    )
    if any(one.pilot.earlier for one in questions):
        yield (
            "Blocks of test clips are those of an earlier version, which did not compare them"
            " inside the classes: sd of clips, and number of clips needed, are rather too large."
        )
    if not all(one.pilot.counted for one in questions):
        yield "The results do not say how many test clips there are: test segments are counted."
    yield from (f"Left out: {line}." for line in found.left_out)


def _sure(questions: tuple[Power, ...]) -> Iterator[str]:
    """Say how well the standard deviation over a pilot's seeds is known."""
    seeds = min(one.pilot.seeds for one in questions)
    freedom = 2 * (seeds - 1)
    low, high = (sqrt(freedom / special.chdtri(freedom, tail)) for tail in (0.025, 0.975))
    yield (
        f"From {seeds} seeds of each arm, the sd of seeds is known to a factor of {low:.2g} to"
        f" {high:.2g} (95 %), and the observed difference is an estimate as well: plan for the"
        " smallest difference that would matter (--difference METRIC=VALUE)."
    )


def _what_can(one: Power) -> str:
    if one.clips_needed is not None:
        can = f"{one.clips_needed:,} clips can"
    elif one.both_needed is not None:
        seeds, clips = one.both_needed
        can = f"{seeds} seeds and {clips:,} clips can"
    else:
        can = "nor can clips"
    return f"{_contrast(one)}, {one.test.metric.title} ({can})"
