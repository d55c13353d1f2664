"""Fills in what pages say of plug-ins from the plug-ins themselves, so that it cannot go stale.

``<!-- metrics: NAME …; interval: KIND -->`` becomes the facts and definitions of some metrics, with
what reports/damage-matrix says of them; ``<!-- references -->`` and ``<!-- judges -->`` become
tables. A registered metric that stands under no mark fails the build, and so does one of two.
"""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docstrings import to_markdown
from mkdocs.exceptions import PluginError

from a2ibench import config, registry
from a2ibench.contracts.metric import Metric

MARK = re.compile(r"^<!-- metrics: ([^;\n]+); interval: (\w+) -->$", re.MULTILINE)
MATRIX = Path(__file__).parents[2] / "reports" / "damage-matrix" / "README.md"

SHOWN = {
    "undamaged": "ground truth",
    "copies": "nearest training",
    "shuffled in class": "shuffled in class",
    "shuffled": "shuffled",
    "one image": "one image a class",
    "blur": "blur",
    "noise": "noise",
    "jpeg 5": "JPEG 5",
}
"""Columns of the matrix, and their headings here."""

INTERVALS = {
    "segments": "The score is a mean over test segments: means without each block of them.",
    "again": "The metric is computed again without each block of test segments.",
    "own": "By a computation of its own, without each block of test segments wherever they count.",
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return fill(markdown) if page.file.src_uri == "metrics.md" else markdown


def fill(markdown: str) -> str:
    """Replaces every mark.

    Raises:
        PluginError: a metric under no mark, under two, or one that is not registered.
    """
    named = [name for names, _ in MARK.findall(markdown) for name in names.split()]
    known = registry.metrics.names()
    if sorted(named) != known:
        wrong = sorted({*named} ^ {*known}) or sorted({n for n in named if named.count(n) > 1})
        raise PluginError(f"docs/metrics.md: each metric needs one mark; see to {wrong}")
    markdown = MARK.sub(lambda match: "\n".join(_family(match[1].split(), match[2])), markdown)
    markdown = markdown.replace("<!-- references -->", "\n".join(_references()))
    return markdown.replace("<!-- judges -->", "\n".join(_judges()))


def _family(names: list[str], interval: str) -> Iterator[str]:
    metrics = [registry.metrics.get(name) for name in names]
    for text in _definitions(metrics):
        yield f"{text}\n"
    yield "| metric | column | best | range | segments at least | computed | judge |"
    yield "|---|---|---|---|---|---|---|"
    for metric in metrics:
        low, high = (f"{end:g}".replace("inf", "∞") for end in metric.bounds)
        yield (
            f"| `{metric.name}` v{metric.version} | {metric.title}{' %' * metric.percent}"
            f" | {metric.better} | {low} … {high}"
            f" | {metric.fewest} | {_computed(metric)}"
            f" | `{metric.judge}` |"
        )
    yield f"\nInterval: {INTERVALS[interval]}\n"
    yield from _measured(names)


def _computed(metric: Metric) -> str:
    if not metric.headline:
        return "on request"
    return "by default, primary" if metric.primary else "by default"


def _definitions(metrics: list[Metric]) -> Iterable[str]:
    """Yield what the file says, what the classes share, then what each says of itself."""
    classes = list(dict.fromkeys(map(type, metrics)))
    yield from dict.fromkeys(inspect.getdoc(inspect.getmodule(one)) or "" for one in classes)
    bases = [base for one in classes for base in reversed(one.__mro__[1:])]
    shared = [one for one in dict.fromkeys(bases) if issubclass(one, Metric) and one is not Metric]
    yield from (_said(base) for base in shared)
    if len(classes) == 1:
        yield _said(classes[0])
    else:
        for one in classes:
            yield f"- `{one.name}`: " + textwrap.indent(_said(one), " " * 4).lstrip()
    for one in classes:
        takes = config.takes(one)
        said = [
            f"`{field.name}`={field.default} ({takes[field.name]}): {field.metadata.get('doc', '')}"
            for field in dataclasses.fields(one)  # type: ignore[arg-type]
        ]
        yield f"Parameters of `{one.name}[…]`: {'; '.join(said)}."


def _said(plugin: type) -> str:
    return to_markdown(inspect.cleandoc(plugin.__doc__ or "").partition("\nRaises:")[0].strip())


def _measured(names: list[str]) -> Iterator[str]:
    """The reference points and the findings of the damage matrix."""
    rows, findings = read_matrix(MATRIX.read_text(encoding="utf-8"))
    known = [name for name in names if name in rows]
    if known:
        yield "On pictures that were [damaged in a known way](damage.md), % as fractions:\n"
        yield f"| metric | {' | '.join(SHOWN.values())} |"
        yield f"|---|{'---|' * len(SHOWN)}"
        for name in known:
            cells = [re.sub(r"[*!()↘↗=]", "", rows[name][column]).strip() for column in SHOWN]
            yield f"| `{name}` | {' | '.join(cells)} |"
    found = [f"    - `{name}`, {text}" for name in names for text in findings.get(name, [])]
    if found:
        yield '\n??? warning "What it says of damaged pictures that it should not"\n'
        yield from found


def read_matrix(text: str) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    """Metric → damage → cell, and metric → findings."""
    rows: dict[str, dict[str, str]] = {}
    findings: dict[str, list[str]] = {}
    heading: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if line.startswith("| metric |"):
            heading = cells
        elif heading and (match := re.match(r"\| `(\w+)` ", line)):
            rows[match[1]] = dict(zip(heading, cells, strict=True))
        elif match := re.match(r"- `(\w+)`, (.+: .+ → .+)", line):
            findings.setdefault(match[1], []).append(match[2])
    return rows, findings


def _references() -> Iterator[str]:
    yield "| row | what is drawn | floor of |"
    yield "|---|---|---|"
    rows = [registry.references.get(name) for name in registry.references.names()]
    for reference in sorted(rows, key=lambda one: one.row):
        floor = ", ".join(sorted(group.replace("_", " ") for group in reference.floor_of))
        yield (
            f"| {reference.name.replace('_', ' ')} | {_first_line(reference)} | {floor or '–'} |"
        )


def _judges() -> Iterator[str]:
    yield "| judge | what it is | it embeds | trained on the data's own real pairs |"
    yield "|---|---|---|---|"
    for name in registry.judges.names():
        judge = registry.judges.get(name)
        trained = "yes" if judge.trained else "no"
        yield f"| `{name}` | {_first_line(judge)} | {', '.join(sorted(judge.embeds))} | {trained} |"


def _first_line(plugin: type) -> str:
    return _said(plugin).partition("\n")[0]
