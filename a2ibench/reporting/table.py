"""A table of typed cells, which renderers print: Markdown, CSV, LaTeX, terminal and HTML."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from a2ibench.reporting.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[Cell, ...]
"""A cell for each column."""


@dataclass(frozen=True)
class Column:
    """A column: printed where it has a heading, in files of numbers where it has fields.

    Attributes:
        fields: name → attribute of a cell, for machines (fractions, not percent).
        left: whether it holds texts that begin at the left.
        method: whether the heading is the label of a row, which a page marks with its colour.
    """

    heading: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    left: bool = False
    method: bool = False

    @staticmethod
    def text(name: str, left: bool = False) -> "Column":
        """Return a column of labels that has one name for all."""
        return Column(name, {name: "text"}, left)

    @staticmethod
    def value(name: str) -> "Column":
        """Return a column of numbers that has one name for all."""
        return Column(name, {name: "value"})


@dataclass(frozen=True)
class Table:
    """A table that carries what is needed to believe it.

    Attributes:
        name: of its files.
        sections: groups of rows with a rule between them.
        notes: what a reader must know.
        keys: number of printed columns at the left that say what a row is.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[Row, ...], ...]
    notes: tuple[str, ...] = ()
    keys: int = 1

    @property
    def rows(self) -> Iterator[Row]:
        """The rows of all sections."""
        return (row for section in self.sections for row in section)

    @property
    def printed(self) -> list[Column]:
        """The columns for people."""
        return [column for column in self.columns if column.heading]

    def cells(self, row: Row) -> list[Cell]:
        """Return the cells of a row for people."""
        there = zip(self.columns, row, strict=True)
        return [cell for column, cell in there if column.heading]

    def only(self, headings: Collection[str]) -> "Table":
        """Return the same table with the columns of some headings."""
        kept = [i for i, column in enumerate(self.columns) if column.heading in headings]
        columns = tuple(self.columns[i] for i in kept)
        sections = tuple(
            tuple(tuple(row[i] for i in kept) for row in section) for section in self.sections
        )
        return replace(self, columns=columns, sections=sections)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The numbers and words of each row, by name; None for what is missing."""
        return [
            {
                name: getattr(cell, attribute)
                for column, cell in zip(self.columns, row, strict=True)
                for name, attribute in column.fields.items()
            }
            for row in self.rows
        ]

    @property
    def frame(self) -> "pd.DataFrame":
        """The records as a data frame."""
        import pandas as pd

        names = [name for column in self.columns for name in column.fields]
        return pd.DataFrame(self.records, columns=names, dtype=object)

    @property
    def texts(self) -> list[list[list[str]]]:
        """The printed cells of each section; a key that several rows share stands in the first."""
        found = [[[*map(str, self.cells(row))] for row in section] for section in self.sections]
        for section in found if self.keys > 1 else ():
            for row, before in reversed(list(zip(section[1:], section, strict=False))):
                if row[0] == before[0]:
                    row[0] = ""
        return found

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        from a2ibench.reporting.html_page import render

        source = "{% from 'macros.html.j2' import table with context %}{{ table(made) }}"
        return render(source, made=self)
