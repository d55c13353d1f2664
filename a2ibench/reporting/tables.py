"""Comparison tables: what they hold, and how they read in a terminal, markdown, csv and LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
        return text

    @property
    def separable(self) -> bool | None:
        """Of a difference: whether its interval leaves 0 out; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return not self.low <= 0 <= self.high

    def _number(self, value: float) -> str:
        sign = "+" if self.signed else ""
        return f"{100 * value:{sign}.1f}" if self.percent else f"{value:{sign}.2f}"


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
    "match_in_class": "Table II b. Match of image and sound inside the class",
    "variety": "Table II c. Diversity, sensitivity, memorisation",
    "own": "Table II d. By the network that the method trains against: no measurement",
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
        sections = [
            tuple(
                (m.label, _seeds(m), str(_n(m) or "–"), *(_text(_score(m, c)) for c in chosen))
                for m in methods
                if m.reference == reference
            )
            for reference in (True, False)
        ]
        tables.append(
            Table(
                name=group,
                title=f"{title} ({about})",
                heading=("method", "seeds", "n", *(_heading(metric) for metric in chosen)),
                sections=tuple(section for section in sections if section),
                notes=(*notes, protocols(chosen)),
                numbers=tuple(
                    {
                        "method": method.label,
                        "seeds": _done(method),
                        "n": _n(method),
                        **{
                            f"{_full_name(metric)}:{part}": getattr(cell, part, None)
                            for metric in chosen
                            for cell in [_score(method, metric)]
                            for part in ("value", "spread", "low", "high")
                        },
                        **{f"{_full_name(metric)}:sd": _sd(method, metric) for metric in chosen},
                    }
                    for method in methods
                ),
            )
        )
    return tables


def ablation_table(
    methods: Sequence[Method], metrics: Sequence[type[Metric]], about: str, notes: Sequence[str]
) -> Table | None:
    """Each ablated arm against its full model; None without any. See :func:`_difference_table`."""
    by_label = {method.label: method for method in methods}
    compared = [(by_label[arm.full], arm) for arm in methods if arm.full is not None]
    title = f"Table III. Ablations: difference to the full model ({about})"
    return _difference_table("ablations", title, ("full", "ablated"), compared, metrics, notes)


def method_table(
    methods: Sequence[Method], metrics: Sequence[type[Metric]], about: str, notes: Sequence[str]
) -> Table | None:
    """Each full model against the last one; None with a single one."""
    *others, base = [method for method in methods if method.full is None and not method.reference]
    title = f"Table IV. Methods: difference to {base.label} ({about})"
    compared = [(base, other) for other in others]
    return _difference_table("methods", title, (base.label, "method"), compared, metrics, notes)


def _difference_table(
    name: str,
    title: str,
    columns: tuple[str, str],
    compared: Sequence[tuple[Method, Method]],
    metrics: Sequence[type[Metric]],
    notes: Sequence[str],
) -> Table | None:
    """Differences, paired by seed and segment. One seed a side separates nothing but two runs."""
    sections = []
    numbers: list[dict[str, str | int | float | None]] = []
    for base, other in compared:
        rows: list[tuple[str, ...]] = []
        for metric in metrics:
            a, b = _score(base, metric), _score(other, metric)
            change = _change(other, base, metric)
            means = [_text(cell and replace(cell, low=None, high=None)) for cell in (a, b)]
            verdict = _verdict(change, min(_done(base), _done(other)))
            label = other.label if not rows else ""
            rows.append((label, _heading(metric), *means, _text(change), verdict))
            numbers.append(
                {
                    "method": other.label,
                    "base": base.label,
                    "seeds": min(_done(base), _done(other)),
                    "n": _n(other),
                    "metric": _full_name(metric),
                    "base value": getattr(a, "value", None),
                    "value": getattr(b, "value", None),
                    "difference": getattr(change, "value", None),
                    "low": getattr(change, "low", None),
                    "high": getattr(change, "high", None),
                }
            )
        sections.append(tuple(rows))
    if not sections:
        return None
    return Table(
        name=name,
        title=title,
        heading=("method", "metric", *columns, "difference", "verdict"),
        sections=tuple(sections),
        notes=(*notes, protocols(metrics)),
        numbers=tuple(numbers),
    )


def _verdict(change: Cell | None, seeds: int) -> str:
    if change is None or change.separable is None:
        return "–"
    if seeds < 2:
        return "one seed"
    return "differs" if change.separable else "not separable"


def _heading(metric: type[Metric]) -> str:
    unit, arrow = " %" if metric.percent else "", "↑" if metric.higher_is_better else "↓"
    return f"{metric.title}{unit} {arrow}"


def _full_name(metric: type[Metric]) -> str:
    return f"{metric.name}_v{metric.version}"


def protocols(metrics: Sequence[type[Metric]]) -> str:
    """The note that names what was computed: each metric with its judge and version."""
    return f"Protocols: {', '.join(map(_full_name, metrics))}."


def _done(method: Method) -> int:
    return max((len(scores.seeds) for scores in method.scores.values()), default=0)


def _seeds(method: Method) -> str:
    done = _done(method)
    return str(done) if done == method.asked else f"{done} of {method.asked}"


def _n(method: Method) -> int:
    return max((scores.n for scores in method.scores.values()), default=0)


def _sd(method: Method, metric: type[Metric]) -> float | None:
    """Standard deviation over seeds."""
    scores = method.scores.get(metric.name)
    if scores is None or len(scores.seeds) < 2:
        return None
    return float(scores.values.std(ddof=1))


def _text(cell: Cell | None) -> str:
    return "–" if cell is None else str(cell)


def _score(method: Method, metric: type[Metric]) -> Cell | None:
    scores = method.scores.get(metric.name)
    if scores is None:
        return None
    low, high = interval(scores) or (None, None)
    if low is not None and high is not None:
        low, high = max(low, metric.bounds[0]), min(high, metric.bounds[1])
    spread = None if scores.spread is None else float(scores.spread.mean())
    return Cell(scores.mean, spread, low, high, metric.percent)


def _change(arm: Method, full: Method, metric: type[Metric]) -> Cell | None:
    a, b = arm.scores.get(metric.name), full.scores.get(metric.name)
    found = None if a is None or b is None else difference(a, b)
    if found is None:
        return None
    value, ends = found
    low, high = ends or (None, None)
    return Cell(value, None, low, high, metric.percent, signed=True)


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
