"""A finished table as text: terminal, markdown, csv and LaTeX."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import rich.table

KEY_WIDTH = 18
"""Characters after which a name wraps in the terminal."""


@dataclass(frozen=True)
class Table:
    """A table that carries what is needed to believe it.

    Attributes:
        name: of its files.
        title: what it shows.
        heading: of each column.
        sections: groups of rows with a rule between them; a row is one text a column.
        notes: what a reader must know.
        numbers: the same as plain numbers (fractions, not percent), for the csv file.
        keys: how many columns at the left say what a row is.
    """

    name: str
    title: str
    heading: tuple[str, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]
    notes: tuple[str, ...]
    numbers: tuple[Mapping[str, str | int | float | None], ...]
    keys: int = 1

    def to_rich(self, width: int) -> "list[rich.table.Table]":
        """For the terminal, without the notes: those of several tables are printed once.

        Args:
            width: characters in a line. Columns that do not fit go to a further table, behind the
                key columns again: no number is cut off.
        """
        from rich.markup import escape
        from rich.table import Table as RichTable

        # An interval goes below its value.
        rows = [
            [[text.replace(" [", "\n[") for text in row] for row in section]
            for section in self.sections
        ]
        wide = []
        for i, heading in enumerate(self.heading):
            lines = list(_lines(rows, i))
            if i < self.keys:  # names may wrap, numbers may not
                words = [word for line in lines for word in line.split()]
                lines = [*words, max(lines, key=len, default="")[:KEY_WIDTH]]
            wide.append(max(map(len, [*heading.split(), *lines]), default=1))
        tables: list[rich.table.Table] = []
        for columns in _pack(wide, self.keys, width):
            title = self.title if not tables else f"{self.title}, continued"
            table = RichTable(title=escape(title), title_justify="left")
            for i in columns:
                justify: Literal["left", "right"] = "left" if i < self.keys else "right"
                heading = escape(self.heading[i])
                table.add_column(heading, justify=justify, width=wide[i], overflow="fold")
            for section in rows:
                for row in section:
                    table.add_row(*(escape(row[i]) for i in columns))
                table.add_section()
            tables.append(table)
        return tables

    def to_markdown(self) -> str:
        """GitHub's markdown."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(map(escape_markdown, cells)) + " |"

        return "\n".join(
            [
                f"**{escape_markdown(self.title)}**",
                "",
                line(self.heading),
                line(["---", *["---:"] * (len(self.heading) - 1)]),
                *(line(row) for section in self.sections for row in section),
                "",
                *(f"- {escape_markdown(note)}" for note in self.notes),
                "",
            ]
        )

    def to_csv(self) -> str:
        """Plain numbers, empty where there is none."""
        stream = io.StringIO()
        names = list(self.numbers[0]) if self.numbers else []
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.numbers)
        return stream.getvalue()

    def to_latex(self) -> str:
        """A table for booktabs and graphicx, no wider than a line."""
        sections = [
            "\n".join(" & ".join(map(escape_latex, row)) + r" \\" for row in section)
            for section in self.sections
        ]
        return "\n".join(
            [
                r"\begin{table}% needs the packages booktabs and graphicx",
                rf"\caption{{{escape_latex(self.title + '. ' + ' '.join(self.notes))}}}",
                r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
                rf"\begin{{tabular}}{{l{'r' * (len(self.heading) - 1)}}}",
                r"\toprule",
                " & ".join(map(escape_latex, self.heading)) + r" \\",
                r"\midrule",
                "\n\\midrule\n".join(sections),
                r"\bottomrule",
                r"\end{tabular}}",
                r"\end{table}",
                "",
            ]
        )


_MARKDOWN = {"|": "\\|", "`": "\\`", "](": "]\\(", "\n": " ", "\r": " "}


def escape_markdown(text: str) -> str:
    """Text in which nothing is HTML, a link, a picture, code, or the end of a table's cell."""
    text = re.sub("<(?=[A-Za-z/!?])", "&lt;", text)  # before anything else it is a mere sign
    for given, safe in _MARKDOWN.items():
        text = text.replace(given, safe)
    return text


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": r"$-$",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "½": r"$\frac{1}{2}$",
    "³": r"$^3$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "°": r"$^\circ$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"\textbar{}",
    "[": "{[}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """Text in which nothing is a LaTeX command, or an option of the ``\\\\`` that ends a row."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escaped)  # a minus is wider than a hyphen


def _lines(rows: Sequence[Sequence[Sequence[str]]], column: int) -> Iterator[str]:
    """Every line of text in a column."""
    for section in rows:
        for row in section:
            yield from row[column].split("\n")


def _pack(wide: Sequence[int], keys: int, width: int) -> list[list[int]]:
    """Columns in order, in as many groups as lines of ``width`` need; the keys in each of them."""
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
