"""The page of a study: everything that a paper's supplement has to show, in one file."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.reporting.html import write_html
from a2ibench.reporting.media import LONGEST
from a2ibench.reporting.render import Table
from a2ibench.reporting.words import Comparison, together

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Sound:
    """A test segment.

    Attributes:
        label: its class.
        where: the clip it comes from, and where in it.
        sound: a data URI.
        picture: of the same moment, a data URI.
    """

    label: str
    where: str
    sound: str
    picture: str


@dataclass(frozen=True)
class Drawing:
    """What one row drew.

    Attributes:
        label: of the row.
        seed: whose pictures they are.
        pictures: data URIs; none where the row has no result.
    """

    label: str
    seed: int
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Drawings:
    """Sounds, and what was drawn for them.

    Attributes:
        sounds: a column each; or a single one.
        rows: with a picture a sound; or, for a single sound, with several draws each.
    """

    sounds: tuple[Sound, ...]
    rows: tuple[Drawing, ...]


@dataclass(frozen=True)
class Chart:
    """A drawing with its caption."""

    svg: "Markup"
    caption: str


@dataclass(frozen=True)
class Sweep:
    """What ``a2ibench sweep`` left.

    Attributes:
        title: which run, and what was changed.
        curves: the figure, a data URI.
        strips: sound → its strip of pictures, a data URI.
        correlations: the table.
        left_out: how many further strips there are.
    """

    title: str
    curves: str
    strips: tuple[tuple[str, str], ...]
    correlations: Table
    left_out: int


@dataclass(frozen=True)
class Against:
    """The methods against one reference row.

    Attributes:
        row: its label.
        what: it is, ``"floor"`` or ``"ceiling"``.
        table: with the tests.
        compared: the same in words.
    """

    row: str
    what: str
    table: Table
    compared: tuple[Comparison, ...]


@dataclass(frozen=True)
class Command:
    """How to compute a row again.

    Attributes:
        label: of the row.
        line: for a shell; empty for reference rows, which come with every other command.
    """

    label: str
    line: str


Facts = tuple[tuple[str, str], ...]
"""Names and values."""


@dataclass(frozen=True)
class StudyPage:
    """What a study's page shows, in its order.

    Attributes:
        name: of the study.
        about: data, encoder, scale.
        facts: the size of the study.
        lead: how much is separable at all.
        compared: methods and ablations, in words.
        against: ceiling and floors.
        scores: Tables I and II.
        differences: Tables III and IV.
        diagram: of critical differences; None with too few methods or metrics.
        pictures: one per row and sound; None without the pairs.
        several: several draws for one sound each.
        unseen: why there are no pictures and sounds; empty where there are.
        seeds: the score of every seed; None without any.
        curves: of the trainings.
        classes: scores by class.
        parts: scores by factor.
        sweeps: in order.
        damaged_sweeps: the folders of those that cannot be shown.
        cost: of each row; None without a result.
        gaps: jobs without a result; None where there are none.
        notes: what happened in trainings, a line each.
        provenance: groups of facts.
        jobs: a row each.
        everything: the command that computes all rows again.
        commands: of each row.
    """

    name: str
    about: str
    facts: Facts
    lead: str
    compared: tuple[Comparison, ...]
    against: tuple[Against, ...]
    scores: tuple[Table, ...]
    differences: tuple[Table, ...]
    diagram: Chart | None
    pictures: Drawings | None
    several: tuple[Drawings, ...]
    unseen: str
    seeds: Chart | None
    curves: tuple[Chart, ...]
    classes: tuple[Table, ...]
    parts: tuple[Table, ...]
    sweeps: tuple[Sweep, ...]
    damaged_sweeps: tuple[str, ...]
    cost: Table | None
    gaps: Table | None
    notes: tuple[str, ...]
    provenance: tuple[tuple[str, Facts], ...]
    jobs: Table
    everything: str
    commands: tuple[Command, ...]


def write_study_page(page: StudyPage, path: Path, key: str = "") -> None:
    """Writes one HTML file that needs nothing else, whole or not at all.

    Args:
        page: what it shows.
        path: the file.
        key: a hash of what it was made of, for :func:`~a2ibench.reporting.html.key_of`.
    """
    differences = (*page.differences, *(one.table for one in page.against))
    shared = [_shared(page.scores), _shared(differences)]
    once = {note for notes in shared for note in notes}
    write_html(
        "study.html.j2",
        path,
        script="study.js",
        key=key,
        page=page,
        shared=shared,
        longest=LONGEST,
        see=lambda table: see(table, once),
        together=together,
    )


def _shared(tables: Sequence[Table]) -> list[str]:
    """The notes of every one of several tables, which need be said once."""
    if len(tables) < 2:
        return []
    first, *others = tables
    return [note for note in first.notes if all(note in table.notes for table in others)]


@dataclass(frozen=True)
class Cell:
    """One place of a table on the page.

    Attributes:
        text: what stands there.
        beside: an interval or range, or the second of two numbers, printed smaller.
        order: by which it is sorted; None where it is no number.
    """

    text: str
    beside: str = ""
    order: float | None = None


@dataclass(frozen=True)
class Seen:
    """A table as the page shows it.

    Attributes:
        table: what it is.
        sections: the cells; the first ``table.keys`` of a row say what it is.
        notes: those that are not said once for all tables.
    """

    table: Table
    sections: tuple[tuple[tuple[Cell, ...], ...], ...]
    notes: tuple[str, ...]


_NUMBER = re.compile(r"(?P<sign>[<>] )?(?P<value>[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?)(?!\w)")
_BESIDE = re.compile(
    r"(?P<text>[^\[(]*\d\S*(?: ± \S+)?|[-+]\S+ sd,) (?P<beside>\[.*\]|\(.*\)|\d+ % of blocks)"
)


def see(table: Table, shared: Collection[str] = ()) -> Seen:
    """Parts each cell in a number and its interval, and repeats names that a table leaves out.

    Args:
        table: what to show.
        shared: notes that stand elsewhere.
    """
    sections = []
    for section in table.sections:
        rows: list[tuple[Cell, ...]] = []
        for row in section:
            cells = [Cell(text) for text in row[: table.keys]]
            if rows and not row[0]:
                cells[0] = rows[-1][0]  # so that a row says what it is wherever it is sorted to
            rows.append((*cells, *map(_cell, row[table.keys :])))
        sections.append(tuple(rows))
    if table.keys > 1:  # a row says what it is, so that rows of all sections are sorted together
        sections = [tuple(row for section in sections for row in section)]
    return Seen(table, tuple(sections), tuple(n for n in table.notes if n not in shared))


def _cell(text: str) -> Cell:
    number = _NUMBER.match(text)
    order = None if number is None else float(number["value"].replace(",", ""))
    if number is not None and number["sign"] == "< ":
        order = 0.0
    if (parts := _BESIDE.fullmatch(text)) is not None:
        beside = parts["beside"]
        if beside.endswith(("clip)", "clips)")):  # in one line
            beside = beside.replace(" ", "\N{NO-BREAK SPACE}")
        return Cell(parts["text"], beside, order)
    return Cell(text, "", order)
