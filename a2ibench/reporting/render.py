"""A finished table as text: terminal, markdown, csv and LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.table


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
    """

    name: str
    title: str
    heading: tuple[str, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]
    notes: tuple[str, ...]
    numbers: tuple[Mapping[str, str | int | float | None], ...]

    def to_rich(self) -> "rich.table.Table":
        """For the terminal, without the notes: those of several tables are printed once."""
        from rich.markup import escape
        from rich.table import Table as RichTable

        table = RichTable(title=escape(self.title), title_justify="left")
        for i, heading in enumerate(self.heading):
            table.add_column(escape(heading), justify="left" if i == 0 else "right")
        for section in self.sections:
            for row in section:
                # An interval goes below its value, so that three columns fit 80 characters.
                table.add_row(*(escape(text.replace(" [", "\n[")) for text in row))
            table.add_section()
        return table

    def to_markdown(self) -> str:
        """GitHub's markdown."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        return "\n".join(
            [
                f"**{self.title}**",
                "",
                line(self.heading),
                line(["---", *["---:"] * (len(self.heading) - 1)]),
                *(line(row) for section in self.sections for row in section),
                "",
                *(f"- {note}" for note in self.notes),
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
        """A booktabs table."""
        sections = [
            "\n".join(" & ".join(map(escape_latex, row)) + r" \\" for row in section)
            for section in self.sections
        ]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{escape_latex(self.title + '. ' + ' '.join(self.notes))}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.heading) - 1)}}}",
                r"\toprule",
                " & ".join(map(escape_latex, self.heading)) + r" \\",
                r"\midrule",
                "\n\\midrule\n".join(sections),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": r"$-$",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "×": r"$\times$",
    "°": r"$^\circ$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """Text in which nothing is a LaTeX command."""
    return "".join(_LATEX.get(character, character) for character in text)
