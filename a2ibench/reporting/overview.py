"""The page and the notes of several studies at once, whose tables are not merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.critical_difference import LEAST, Ranks, rank
from a2ibench.reporting.between_encoders import compare_encoders
from a2ibench.reporting.critical_difference import draw_diagram, rank_chart
from a2ibench.reporting.html_page import write_html
from a2ibench.reporting.image_grids import save_figure
from a2ibench.reporting.report import PAGE
from a2ibench.reporting.table import Table
from a2ibench.reporting.text_formats import FORMATS, escape_markdown, save_table, to_markdown
from a2ibench.reporting.verdict_text import comparisons, lead
from a2ibench.results.results_parquet import LONG, read_long
from a2ibench.results.study import ABOUT, DamagedStudyError, Study, open_study, studies_inside
from a2ibench.storage import atomic_write
from a2ibench.study.looks import note_looks, standing
from a2ibench.study.paired_tests import primary_tests
from a2ibench.study.study_file import file_of, read_study_file

APART = (
    "Judges are trained on the pairs of their own study: scores of two datasets are by two"
    " protocols, and only ranks are compared between them."
)
DIAGRAMS = (
    "Ranks over datasets (1 is best), a diagram a metric and encoder. Methods joined by a bar are"
    " within the critical difference (Friedman, Nemenyi; Demšar 2006)."
)


@dataclass(frozen=True)
class _Diagram:
    """Ranks over datasets by one metric, with one encoder."""

    encoder: str
    metric: Metric
    ranks: Ranks
    labels: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"critical_difference-{self.encoder}-{self.metric.name}.png"

    @property
    def title(self) -> str:
        return f"{self.metric.title}, {self.encoder}"


def studies_in(root: Path) -> list[Path]:
    """Return the studies of a folder, in the order of its study file, else by name; the folder
    itself where it is a study, or holds none.

    Raises:
        UserError: a file that cannot be read.
    """
    if (root / ABOUT).is_file():
        return [root]
    found = studies_inside(root)
    if (file := file_of(root)).is_file():
        asked = read_study_file(file)
        datasets = [Path(name).name for name in asked.get("dataset", ())]
        encoders = list(asked.get("encoder", ()))

        def place(folder: Path) -> tuple[int, ...]:
            try:
                study = open_study(folder)
            except DamagedStudyError:  # said when it is read
                return len(datasets), len(encoders)
            pair = (datasets, study.dataset), (encoders, study.about.encoder)
            return tuple(names.index(one) if one in names else len(names) for names, one in pair)

        found.sort(key=place)
    return found or [root]


def write_overview(root: Path, folders: Sequence[Path]) -> list[str]:
    """Write ``results.parquet`` of all studies, ``overview.md``, the diagrams over datasets, and
    ``report.html``, which leads to the pages of the studies; return what the user should know."""
    # A study that was interrupted has none yet.
    long = [read_long(path) for folder in folders if (path := folder / LONG).is_file()]
    with atomic_write(root / LONG) as temporary:
        pd.concat(long or [pd.DataFrame()], ignore_index=True).to_parquet(temporary)
    studies = [open_study(folder) for folder in folders]
    asked = [standing(study) for study in studies]
    tests = [
        primary_tests(study.scores, study.usable, now)
        for study, now in zip(studies, asked, strict=True)
    ]
    for study, now, made in zip(studies, asked, tests, strict=True):
        if any(one.tested for one in made):
            note_looks(study.folder, [now])
    between = compare_encoders(studies)
    notes = [APART, *(note for one in between for note in one.notes)]
    diagrams = _diagrams(studies)
    for old in _earlier(root):
        old.unlink(missing_ok=True)  # of an earlier command: what this one does not make would stay
    for one in diagrams:
        save_figure(draw_diagram(one.ranks, one.labels), root / one.file)
    compared = [one for one in between if one.tables]
    tables = [table for one in compared for table in one.tables]
    for table in tables:
        save_table(table, root / "tables")
    with atomic_write(root / "overview.md") as temporary:
        temporary.write_text(_markdown(studies, notes, tables, diagrams), encoding="utf-8")
    said = [*notes, *([DIAGRAMS] if diagrams else [])]
    write_html(
        "overview.html.j2",
        root / PAGE,
        script="study.js",
        name=root.resolve().name,
        studies=[
            {
                "name": study.folder.name,
                "link": f"{quote(study.folder.name)}/{PAGE}",
                "dataset": study.dataset,
                "encoder": study.about.encoder,
                "lead": lead(comparisons(made)),
            }
            for study, made in zip(studies, tests, strict=True)
        ],
        between=compared,
        notes=said,
        charts=[
            rank_chart(one.ranks, one.labels, f"ranks-{i}", one.title, by=f" by {one.title}")
            for i, one in enumerate(diagrams)
        ],
    )
    return [*said, *(f"{one.dataset}, between encoders: {one.verdict}" for one in compared)]


def _earlier(root: Path) -> list[Path]:
    """Find what an earlier command may have written and this one may not, by exact names, since
    other files may lie there too."""
    found = []
    for path in root.glob("critical_difference-*-*.png"):
        _, encoder, metric = path.stem.split("-", maxsplit=2)
        if encoder in registry.encoders and metric in registry.metrics:
            found.append(path)
    tables = {
        f"{kind}-{folder.name}.{suffix}"
        for folder in studies_inside(root)
        for kind in ("encoders", "encoders_match", "encoders_match_in_class", "encoder_differences")
        for suffix in FORMATS
    }
    return found + [path for path in root.glob("tables/encoder*-*.*") if path.name in tables]


def _markdown(
    studies: Sequence[Study],
    notes: Sequence[str],
    tables: Sequence[Table],
    diagrams: Sequence[_Diagram],
) -> str:
    lines = ["# Overview", "", "| dataset | encoder | tables |", "|---|---|---|"]
    for study in studies:
        name = study.folder.name
        link = f"[{escape_markdown(name)}]({quote(name)}/tables)"
        cells = (escape_markdown(study.dataset), escape_markdown(study.about.encoder), link)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- {escape_markdown(note)}" for note in notes)]
    for table in tables:
        lines += ["", to_markdown(table).rstrip()]
    if diagrams:
        lines += ["", DIAGRAMS, "", *(f"![{Path(d.file).stem}]({d.file})" for d in diagrams)]
    return "\n".join(lines) + "\n"


def _diagrams(studies: Sequence[Study]) -> list[_Diagram]:
    """Rank by each encoder and metric that allow it over the datasets: other pairs each, at one
    scale and budget, with the same arms."""
    made = []
    for encoder in dict.fromkeys(study.about.encoder for study in studies):
        own = [study for study in studies if study.about.encoder == encoder]
        pairs = {study.about.content_hash for study in own}
        if len(pairs) < len(own) or len({(one.about.scale, one.budget) for one in own}) > 1:
            continue
        for name in own[0].metrics:
            if not registry.metrics.get(name).directed:
                continue
            found = [
                {
                    row.label: row.scores[name].mean
                    for row in study.scores
                    if not row.reference and name in row.scores
                }
                for study in own
            ]
            labels = tuple(found[0])
            if (
                all(any(one.name == name for one in study.usable) for study in own)
                and all(set(one) == set(labels) for one in found)
                and min(len(own), len(labels)) >= LEAST
            ):
                metric = registry.metrics.get(name)
                means = np.array([[one[label] for label in labels] for one in found])
                ranks = rank(means if metric.higher_is_better else -means)
                made.append(_Diagram(encoder, metric, ranks, labels))
    return made
