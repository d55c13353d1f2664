"""Comparison tables: what they hold, and how they read in a terminal, markdown, csv and LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.statistics import SeedScores, difference, interval

if TYPE_CHECKING:
    import rich.table


@dataclass(frozen=True)
class Cell:
    """One number with its uncertainty.

    Attributes:
        value: mean over seeds.
        spread: the protocol's own ± (mean over seeds), if it has one.
        low: lower end of the 95 % interval, if there is one.
        high: upper end.
        percent: printed × 100.
        signed: printed with its sign: a difference.
    """

    value: float
    spread: float | None
    low: float | None
    high: float | None
    percent: bool
    signed: bool = False

    def __str__(self) -> str:
        text = self._number(self.value)
        if self.spread is not None:
            text += f" ± {self.spread:.2f}"
        if self.low is not None and self.high is not None:
            text += f" [{self._number(self.low)}, {self._number(self.high)}]"
            if self.signed and self.low <= 0 <= self.high:
                text += " n.s."
        return text

    def _number(self, value: float) -> str:
        sign = "+" if self.signed else ""
        return f"{100 * value:{sign}.1f}" if self.percent else f"{value:{sign}.2f}"


@dataclass(frozen=True)
class Line:
    """One row of a table: a method over its seeds."""

    label: str
    reference: bool
    seeds: str
    n: int
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """A table that carries what is needed to believe it.

    Attributes:
        name: of its files.
        title: what it shows.
        columns: a heading for each cell of a line, with its unit and direction.
        metrics: the metric's full name (protocol, judge, version) behind each column.
        lines: reference rows first.
        notes: what a reader must know.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def to_rich(self) -> "rich.table.Table":
        """For the terminal."""
        from rich.markup import escape
        from rich.table import Table as RichTable

        table = RichTable(
            title=escape(self.title),
            caption=escape("\n".join(self.notes)),
            title_justify="left",
            caption_justify="left",
        )
        for i, heading in enumerate(("method", "seeds", "n", *self.columns)):
            table.add_column(escape(heading), justify="left" if i == 0 else "right")
        for i, line in enumerate(self.lines):
            after = self.lines[i + 1] if i + 1 < len(self.lines) else line
            style = "dim" if line.reference else None
            cells = [escape(cell) for cell in _texts(line)]
            table.add_row(*cells, style=style, end_section=line.reference != after.reference)
        return table

    def to_markdown(self) -> str:
        """GitHub's markdown."""

        def row(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        head = ["method", "seeds", "n", *self.columns]
        return "\n".join(
            [
                f"**{self.title}**",
                "",
                row(head),
                row(["---", *["---:"] * (len(head) - 1)]),
                *(row(_texts(line)) for line in self.lines),
                "",
                *(f"- {note}" for note in self.notes),
                "",
            ]
        )

    def to_csv(self) -> str:
        """Plain numbers (fractions, not percent), a column each for value, spread, low and high."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        parts = ("value", "spread", "low", "high")
        writer.writerow(
            ["method", "seeds", "n", *(f"{m}:{part}" for m in self.metrics for part in parts)]
        )
        for line in self.lines:
            numbers = [
                "" if cell is None or getattr(cell, part) is None else repr(getattr(cell, part))
                for cell in line.cells
                for part in parts
            ]
            writer.writerow([line.label, line.seeds, line.n, *numbers])
        return stream.getvalue()

    def to_latex(self) -> str:
        """A booktabs table."""
        head = " & ".join(escape_latex(c) for c in ("method", "seeds", "n", *self.columns))
        body: list[str] = []
        for i, line in enumerate(self.lines):
            body.append(" & ".join(escape_latex(text) for text in _texts(line)) + r" \\")
            if i + 1 < len(self.lines) and line.reference != self.lines[i + 1].reference:
                body.append(r"\midrule")
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{escape_latex(self.title + '. ' + ' '.join(self.notes))}}}",
                rf"\begin{{tabular}}{{l{'r' * (2 + len(self.columns))}}}",
                r"\toprule",
                head + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


@dataclass(frozen=True)
class Method:
    """What a table is made from: one arm or reference with its scores.

    Attributes:
        label: as printed.
        reference: whether it is a reference row.
        full: the label of the full model, for an ablation.
        asked: how many seeds were asked for.
        scores: by metric name; a metric without a single result is missing.
    """

    label: str
    reference: bool
    full: str | None
    asked: int
    scores: Mapping[str, SeedScores]


TITLES = {
    "quality": "Table I. Quality and class of the images",
    "match": "Table II. Match of image and sound",
}


def score_tables(
    methods: Sequence[Method], metrics: Sequence[type[Metric]], about: str, notes: Sequence[str]
) -> list[Table]:
    """Tables I and II: scores with 95 % intervals, reference rows first.

    Args:
        methods: references, then arms.
        metrics: what to show; each says which table it stands in.
        about: the data, for the title.
        notes: more lines for the caption.
    """
    tables = []
    for group, title in TITLES.items():
        chosen = [metric for metric in metrics if metric.group == group]
        if not chosen:
            continue
        lines = [
            _line(method, [_score_cell(method, metric) for metric in chosen]) for method in methods
        ]
        tables.append(_table(group, f"{title} ({about})", chosen, lines, notes))
    return tables


def ablation_table(
    methods: Sequence[Method], metrics: Sequence[type[Metric]], about: str, notes: Sequence[str]
) -> Table | None:
    """Each ablated arm minus its full model, paired by seed and segment; None without ablations."""
    by_label = {method.label: method for method in methods}
    lines = []
    for method in methods:
        if method.full is None:
            continue
        full = by_label[method.full]
        lines.append(_line(method, [_difference_cell(method, full, m) for m in metrics]))
    if not lines:
        return None
    title = f"Table III. Ablations: difference to the full model ({about})"
    note = "n.s.: the interval holds 0, the two are not separable."
    return _table("ablations", title, metrics, lines, [note, *notes])


def _table(
    name: str,
    title: str,
    metrics: Sequence[type[Metric]],
    lines: Sequence[Line],
    notes: Sequence[str],
) -> Table:
    columns = [
        f"{m.title}{' %' if m.percent else ''} {'↑' if m.higher_is_better else '↓'}"
        for m in metrics
    ]
    names = [f"{m.name}_v{m.version}" for m in metrics]
    protocols = "Protocols: " + ", ".join(names) + "."
    return Table(name, title, tuple(columns), tuple(names), tuple(lines), (*notes, protocols))


def _line(method: Method, cells: Sequence[Cell | None]) -> Line:
    counts = {scores.n for scores in method.scores.values()}
    done = max((len(scores.seeds) for scores in method.scores.values()), default=0)
    seeds = str(done) if done == method.asked else f"{done} of {method.asked}"
    return Line(method.label, method.reference, seeds, max(counts, default=0), tuple(cells))


def _score_cell(method: Method, metric: type[Metric]) -> Cell | None:
    scores = method.scores.get(metric.name)
    if scores is None:
        return None
    low, high = interval(scores) or (None, None)
    spread = None if scores.spread is None else float(scores.spread.mean())
    return Cell(scores.mean, spread, low, high, metric.percent)


def _difference_cell(arm: Method, full: Method, metric: type[Metric]) -> Cell | None:
    a, b = arm.scores.get(metric.name), full.scores.get(metric.name)
    found = None if a is None or b is None else difference(a, b)
    if found is None:
        return None
    value, ends = found
    low, high = ends or (None, None)
    return Cell(value, None, low, high, metric.percent, signed=True)


def _texts(line: Line) -> list[str]:
    cells = ["–" if cell is None else str(cell) for cell in line.cells]
    return [line.label, line.seeds, str(line.n or "–"), *cells]


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
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """Text in which nothing is a LaTeX command."""
    return "".join(_LATEX.get(character, character) for character in text)
