"""Tables in a terminal: all of them, or one that fits it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from a2ibench.reporting.cells import BELOW_FLOOR, Count, Label, heading
from a2ibench.reporting.critical_difference import NOTE
from a2ibench.reporting.report import Report
from a2ibench.reporting.score_tables import score_cell
from a2ibench.reporting.table import Column, Table

if TYPE_CHECKING:
    import rich.table
    from rich.console import Console

KEY_WIDTH = 18
"""Characters after which a name wraps."""


def rich_tables(table: Table, width: int, stacked: bool = True) -> "list[rich.table.Table]":
    """Return a table without its notes: those of several tables are printed once.

    Columns that do not fit the ``width`` in characters go to a further table, behind the key
    columns again: no number is cut off. An interval goes below its value if ``stacked``.
    """
    from rich.markup import escape
    from rich.table import Table as RichTable

    below = "\n[" if stacked else " ["
    rows = [
        [[text.replace(" [", below) for text in row] for row in section] for section in table.texts
    ]
    headings = [column.heading for column in table.printed]
    wide = []
    for i, title in enumerate(headings):
        lines = [line for section in rows for row in section for line in row[i].split("\n")]
        if i < table.keys:  # names may wrap, numbers may not
            words = [word for line in lines for word in line.split()]
            lines = [*words, max(lines, key=len, default="")[: max(KEY_WIDTH, width // 4)]]
        wide.append(max(map(len, [*title.split(), *lines]), default=1))
    tables: list[rich.table.Table] = []
    for columns in _pack(wide, table.keys, width):
        title = table.title if not tables else f"{table.title}, continued"
        made = RichTable(title=escape(title), title_justify="left")
        for i in columns:
            justify: Literal["left", "right"] = "left" if i < table.keys else "right"
            made.add_column(escape(headings[i]), justify=justify, width=wide[i], overflow="fold")
        for section in rows:
            for row in section:
                made.add_row(*(escape(row[i]) for i in columns))
            made.add_section()
        tables.append(made)
    return tables


def _pack(wide: Sequence[int], keys: int, width: int) -> list[list[int]]:
    """Put columns, in order, into as many groups as lines of ``width`` need, behind the keys."""
    border = 3
    room = width - 1 - sum(wide[i] + border for i in range(keys))
    groups: list[list[int]] = [[]]
    used = 0
    for i in range(keys, len(wide)):
        if groups[-1] and used + wide[i] + border > room:
            groups.append([])
            used = 0
        groups[-1].append(i)
        used += wide[i] + border
    return [[*range(keys), *group] for group in groups]


def show_report(made: Report, console: "Console", verbose: bool) -> None:
    """Print what a study found: one table that fits, or, if verbose, all tables and captions."""
    if verbose:
        for table in made.tables:
            console.print(*rich_tables(table, console.width), sep="\n")
        notes = dict.fromkeys(note for table in made.tables for note in table.notes)
        lines = [*notes, *([NOTE] if made.ranks else []), f"verdict: {made.verdict}"]
    else:
        summary = summarise(made) if made.usable else None
        if summary is not None:
            console.print(*rich_tables(summary, console.width, stacked=False), sep="\n")
        verdict = f"{made.check.caution} {made.said}".lstrip()
        lines = [
            *(summary.notes if summary else ()),
            *made.warnings,
            f"verdict: {verdict}",
            *made.struck,
        ]
    for line in lines:
        # The words of a log file's line stay in one line; a terminal would break them anywhere.
        console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def summarise(made: Report) -> Table:
    """Return ceiling, floors and arms by the primary metrics; by the first that is usable where
    none of them is."""
    rows = [row for row in made.methods if row.ceiling or row.floor_of or not row.reference]
    named = [one for one in made.usable if one.name in made.standing.primary.metrics]
    scores = {
        metric: [replace(score_cell(row, metric, made.methods), spread=None) for row in rows]
        for metric in named or made.usable[:1]
    }
    lines = [
        (row.reference, (Label(row.label), *(cells[i] for cells in scores.values())))
        for i, row in enumerate(rows)
    ]
    sections = [tuple(line for kind, line in lines if kind == one) for one in (True, False)]
    counts = [Count(one.n, one.clips) for row in made.methods if (one := row.widest(made.metrics))]
    count = max(counts, key=lambda one: one.n, default=Count())
    seeds = max(row.asked for row in made.methods)
    done, asked = sum(row.done for row in made.methods), sum(row.asked for row in made.methods)
    return Table(
        name="summary",
        title=made.about,
        columns=(Column("method"), *(Column(heading(metric)) for metric in scores)),
        sections=tuple(section for section in sections if section),
        notes=(
            f"{count} test segments, {seeds} seed{'s' if seeds > 1 else ''}; {done} of {asked} jobs"
            " have a result",
            f"[ ]: 95 % interval; {BELOW_FLOOR}: no better than its floor. Primary metrics,"
            f" {len(scores)} of {len(made.metrics)}: --verbose prints all tables, and exploratory"
            " differences, which have no verdict.",
            *(made.standing.notes if made.tests else ()),
        ),
    )
