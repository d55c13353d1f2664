"""A table as text: Markdown, CSV and LaTeX."""

import re
from collections.abc import Sequence
from pathlib import Path

from a2ibench.reporting.table import Table
from a2ibench.storage import atomic_write


def to_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(escape_markdown, cells)) + " |"

    heading = [column.heading for column in table.printed]
    return "\n".join(
        [
            f"**{escape_markdown(table.title)}**",
            "",
            line(heading),
            line(["---", *["---:"] * (len(heading) - 1)]),
            *(line(row) for section in table.texts for row in section),
            "",
            *(f"- {escape_markdown(note)}" for note in table.notes),
            "",
        ]
    )


def to_csv(table: Table) -> str:
    """Return plain numbers, empty where there is none."""
    return str(table.frame.to_csv(index=False, lineterminator="\n"))


def to_latex(table: Table) -> str:
    """Return a table for booktabs and graphicx, no wider than a line."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(escape_latex, cells)) + r" \\"

    heading = [column.heading for column in table.printed]
    return "\n".join(
        [
            r"\begin{table}% needs the packages booktabs and graphicx",
            rf"\caption{{{escape_latex(table.title + '. ' + ' '.join(table.notes))}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{l{'r' * (len(heading) - 1)}}}",
            r"\toprule",
            line(heading),
            r"\midrule",
            "\n\\midrule\n".join("\n".join(map(line, section)) for section in table.texts),
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


FORMATS = {"md": to_markdown, "csv": to_csv, "tex": to_latex}
"""Renderers by the suffix of the file."""


def save_table(table: Table, folder: Path) -> None:
    """Write a table in each format."""
    for suffix, render in FORMATS.items():
        with atomic_write(folder / f"{table.name}.{suffix}") as temporary:
            temporary.write_text(render(table), encoding="utf-8", errors="backslashreplace")


_MARKDOWN = {"|": "\\|", "`": "\\`", "](": "]\\(", "\n": " ", "\r": " "}


def escape_markdown(text: str) -> str:
    """Return text without HTML, links, pictures, code, and ends of a table's cell."""
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
    "²": r"$^2$",
    "³": r"$^3$",
    "π": r"$\pi$",
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
    """Return text without LaTeX commands and without options of the ``\\\\`` that ends a row."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escaped)  # a minus is wider than a hyphen
