"""A table in the terminal, and a study in one table that fits it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Literal

from a2ibench.contracts.metric import Metric
from a2ibench.reporting.cells import BELOW_FLOOR, Count, Label, Mean, heading
from a2ibench.reporting.report import Report, notes_once
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.tables import TITLES, score_cell

if TYPE_CHECKING:
    import rich.table
    from rich.console import Console

KEY_WIDTH = 18
"""Characters after which a name wraps."""
BORDER = 3
"""Characters between two columns."""


def rich_tables(table: Table, width: int) -> "list[rich.table.Table]":
    """Return a table without its notes: those of several tables are printed once.

    Args:
        table: what to print.
        width: characters in a line. Columns that do not fit go to a further table, behind the key
            columns again: no number is cut off.
    """
    from rich.markup import escape
    from rich.table import Table as RichTable

    # An interval goes below its value.
    rows = [
        [[text.replace(" [", "\n[") for text in row] for row in section] for section in table.texts
    ]
    headings = [column.heading for column in table.printed]
    wide = []
    for i, title in enumerate(headings):
        lines = [line for section in rows for row in section for line in row[i].split("\n")]
        if i < table.keys:  # names may wrap, numbers may not
            words = [word for line in lines for word in line.split()]
            lines = [*words, max(lines, key=len, default="")[:KEY_WIDTH]]
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
    """Columns in order, in as many groups as lines of ``width`` need; the keys in each of them."""
    room = width - 1 - sum(wide[i] + BORDER for i in range(keys))
    groups: list[list[int]] = [[]]
    used = 0
    for i in range(keys, len(wide)):
        if groups[-1] and used + wide[i] + BORDER > room:
            groups.append([])
            used = 0
        groups[-1].append(i)
        used += wide[i] + BORDER
    return [[*range(keys), *group] for group in groups]


def show_report(made: Report, console: "Console", verbose: bool) -> None:
    """Print what a study found.

    Args:
        made: its tables and tests.
        console: where to.
        verbose: whether all tables and captions are printed, and not one table that fits.
    """

    def say(text: str) -> None:
        # The words of a log file's line stay in one line; a terminal would break them anywhere.
        wrap = not console.is_terminal
        console.print(text, markup=False, highlight=False, soft_wrap=wrap)

    if verbose:
        for table in made.tables:
            console.print(*rich_tables(table, console.width), sep="\n")
        for note in notes_once(made):
            say(note)
        return
    if made.usable:
        summary = summarise(made, console.width)
        console.print(_rich_summary(summary, console.width))
        for note in summary.notes:
            say(note)
    for line in (*made.warnings, made.check.caution, f"verdict: {made.said}", *made.struck):
        if line:
            say(line)


def summarise(made: Report, width: int) -> Table:
    """Return ceiling, floors and arms by those headline metrics that fit, of each group in turn.

    Args:
        made: the tables of a study.
        width: characters in a line. One metric is there in any case.
    """
    rows = [row for row in made.methods if row.ceiling or row.floor_of or not row.reference]
    headline = sorted(made.usable, key=lambda metric: not metric.headline)
    groups = [[metric for metric in headline if metric.group == group] for group in TITLES]
    room = width - _key_width([row.label for row in rows], width)
    chosen: dict[Metric, list[Mean]] = {}
    for metric in filter(None, chain.from_iterable(zip_longest(*groups))):
        scores = [replace(score_cell(row, metric, made.methods), spread=None) for row in rows]
        needed = BORDER + _score_width(heading(metric), map(str, scores))
        if needed <= room or not chosen:
            chosen[metric] = scores
            room -= needed
    order = list(TITLES)
    metrics = sorted(chosen, key=lambda one: (order.index(one.group), made.metrics.index(one)))
    cells = zip(*(chosen[metric] for metric in metrics), strict=True)
    lines = [(Label(row.label), *scores) for row, scores in zip(rows, cells, strict=True)]
    sections = [
        tuple(line for row, line in zip(rows, lines, strict=True) if row.reference == reference)
        for reference in (True, False)
    ]
    return Table(
        name="summary",
        title=made.about,
        columns=(Column(Label, "method"), *(Column(Mean, heading(one)) for one in metrics)),
        sections=tuple(section for section in sections if section),
        notes=(
            _evidence(made),
            f"[ ]: 95 % interval; {BELOW_FLOOR}: no better than its floor. {len(metrics)} of"
            f" {len(made.metrics)} metrics: --verbose prints all tables.",
        ),
    )


def _evidence(made: Report) -> str:
    found = [scores for row in made.methods if (scores := row.widest(made.metrics)) is not None]
    widest = max(found, key=lambda scores: scores.n, default=None)
    count = Count() if widest is None else Count(widest.n, widest.clips)
    seeds = max(row.asked for row in made.methods)
    done, asked = sum(row.done for row in made.methods), sum(row.asked for row in made.methods)
    return (
        f"{count} test segments, {seeds} seed{'s' if seeds > 1 else ''}; {done} of {asked} jobs"
        " have a result"
    )


def _rich_summary(table: Table, width: int) -> "rich.table.Table":
    from rich import box
    from rich.markup import escape
    from rich.table import Table as RichTable

    made = RichTable(
        title=escape(table.title), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False
    )
    made.pad_edge = False
    for i, column in enumerate(table.columns):
        texts = [str(row[i]) for row in table.rows]
        if column.kind is Label:
            made.add_column("", width=_key_width(texts, width), overflow="fold")
        else:
            wide = min(_score_width(column.heading, texts), width - BORDER - KEY_WIDTH)
            made.add_column(escape(column.heading), width=wide, justify="right", overflow="fold")
    for section in table.sections:
        for row in section:
            made.add_row(*(escape(str(cell)) for cell in row))
        made.add_section()
    return made


def _key_width(labels: Sequence[str], width: int) -> int:
    """A quarter of the line is left to a name; a longer one wraps."""
    return min(max(map(len, labels)), max(KEY_WIDTH, width // 4))


def _score_width(title: str, texts: Iterable[str]) -> int:
    return max(map(len, [*title.split(), *texts]))
