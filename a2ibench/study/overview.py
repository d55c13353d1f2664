"""What can be said of several studies at once, without merging their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.reporting.cells import Method
from a2ibench.reporting.critical_difference import LEAST, Ranks, draw_diagram, rank, save_diagram
from a2ibench.reporting.overview_page import Listed, write_overview_page
from a2ibench.reporting.study_page import Chart
from a2ibench.reporting.svg import inline_svg
from a2ibench.reporting.tables import ablation_table, method_table
from a2ibench.reporting.words import comparisons, lead
from a2ibench.storage import whole_file
from a2ibench.study.finished import Finished, read_rows, read_study, to_method
from a2ibench.study.report import PAGE

APART = (
    "Judges are trained on the pairs of their own study: scores of two datasets are by two"
    " protocols, and only ranks are compared between them."
)
DIAGRAMS = (
    "Ranks over datasets (1 is best), a diagram a metric and encoder. Methods joined by a bar are"
    " within the critical difference (Friedman, Nemenyi; Demšar 2006)."
)


@dataclass(frozen=True)
class _Study:
    folder: Path
    dataset: str
    encoder: str
    pairs: str
    metrics: tuple[str, ...]
    rows: tuple[Finished, ...]
    methods: tuple[Method, ...]

    def judge(self, metric: str) -> set[tuple[Any, ...]]:
        """What saw a metric's images, over all results."""
        scores = [
            result["metrics"][metric]
            for row in self.rows
            for _, result in row.results
            if result["metrics"].get(metric, {}).get("value") is not None
        ]
        return {(score["version"], score["judge_fingerprint"]) for score in scores}


@dataclass(frozen=True)
class _Diagram:
    """A diagram over datasets: of one metric, with one encoder."""

    encoder: str
    metric: str
    ranks: Ranks
    labels: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"critical_difference-{self.encoder}-{self.metric}.png"


def studies_in(root: Path) -> list[Path]:
    """The studies of a folder, by name; the folder itself where it is one, or holds none."""
    if (root / "study.json").is_file():
        return [root]
    return sorted(path.parent for path in root.glob("*/study.json")) or [root]


def write_overview(root: Path, folders: Sequence[Path]) -> list[str]:
    """Writes ``results.parquet`` of all studies, ``overview.md``, the diagrams over datasets, and
    ``report.html``, which leads to the pages of the studies.

    Args:
        root: where to.
        folders: of the studies, each with its ``results.parquet``.

    Returns:
        What the user should know, a line each.
    """
    tables = [pd.read_parquet(folder / "results.parquet") for folder in folders]
    with whole_file(root / "results.parquet") as temporary:
        pd.concat(tables, ignore_index=True).to_parquet(temporary)
    studies = [_read(folder) for folder in folders]
    notes = [APART, *_between_encoders(studies)]
    diagrams = _diagrams(studies)
    for old in root.glob("critical_difference-*.png"):
        old.unlink()
    for one in diagrams:
        save_diagram(one.ranks, one.labels, root / one.file)
    lines = ["# Overview", "", "| dataset | encoder | tables |", "|---|---|---|"]
    for study in studies:
        name = study.folder.name
        lines.append(f"| {study.dataset} | {study.encoder} | [{name}]({name}/tables) |")
    lines += ["", *(f"- {note}" for note in notes)]
    if diagrams:
        lines += ["", DIAGRAMS, "", *(f"![{Path(d.file).stem}]({d.file})" for d in diagrams)]
    with whole_file(root / "overview.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = [*notes, *([DIAGRAMS] if diagrams else [])]
    charts = [_chart(one, i) for i, one in enumerate(diagrams)]
    listed = [_list(study) for study in studies]
    write_overview_page(root.resolve().name, listed, said, charts, root / PAGE)
    return said


def _list(study: _Study) -> Listed:
    metrics = [registry.metrics.get(name) for name in study.metrics]
    compared = [
        one
        for make in (method_table, ablation_table)
        for one in comparisons(make(study.methods, metrics, "", ()), metrics)
    ]
    return Listed(study.folder.name, PAGE, study.dataset, study.encoder, lead(compared))


def _chart(one: _Diagram, number: int) -> Chart:
    metric = registry.metrics.get(one.metric)
    title = f"{metric.title}, {one.encoder}"
    order = sorted(zip(one.ranks.mean, one.labels, strict=True))
    said = f"Mean ranks by {title}: {', '.join(f'{label} {mean:.2f}' for mean, label in order)}"
    return Chart(inline_svg(draw_diagram(one.ranks, one.labels), f"ranks-{number}", said), title)


def _read(folder: Path) -> _Study:
    about = read_study(folder)
    rows = read_rows(folder, about)
    names = tuple(about["metrics"])
    return _Study(
        folder=folder,
        dataset=Path(about["dataset"]).name,
        encoder=about["encoder"],
        pairs=about["content_hash"],
        metrics=names,
        rows=tuple(rows),
        methods=tuple(to_method(row, names, about["models"]) for row in rows),
    )


def _between_encoders(studies: Sequence[_Study]) -> list[str]:
    """Which metrics one and the same judge saw, whatever the encoder: measured by fingerprints."""
    notes = []
    for pairs in dict.fromkeys(study.pairs for study in studies):
        same = [study for study in studies if study.pairs == pairs]
        if len(same) < 2:
            continue
        names = [name for name in same[0].metrics if all(name in one.metrics for one in same)]
        alike = [
            name
            for name in names
            if registry.metrics.get(name).group == "quality"
            and len(set[tuple[Any, ...]]().union(*(study.judge(name) for study in same))) == 1
        ]
        apart = [name for name in names if name not in alike]
        if alike:
            notes.append(
                f"{same[0].dataset}: comparable between encoders, by the images alone and by one"
                f" and the same judge: {', '.join(alike)}."
            )
        if apart:
            notes.append(
                f"{same[0].dataset}: not comparable between encoders, since sounds are compared,"
                f" each in its own encoder's space, or the judge is another: {', '.join(apart)}."
            )
    return notes


def _diagrams(studies: Sequence[_Study]) -> list[_Diagram]:
    """One for each encoder and metric that allows a ranking over the datasets."""
    made = []
    for encoder in dict.fromkeys(study.encoder for study in studies):
        own = [study for study in studies if study.encoder == encoder]
        for name in own[0].metrics:
            arms = [_arms(study, name) for study in own]
            labels = list(arms[0])
            if any(list(one) != labels for one in arms) or min(len(own), len(labels)) < LEAST:
                continue
            metric: type[Metric] = registry.metrics.get(name)
            made.append(_Diagram(encoder, name, rank(_scores(arms, metric)), tuple(labels)))
    return made


def _arms(study: _Study, metric: str) -> Mapping[str, float]:
    return {
        method.label: method.scores[metric].mean
        for method in study.methods
        if not method.reference and metric in method.scores
    }


def _scores(arms: Sequence[Mapping[str, float]], metric: type[Metric]) -> npt.NDArray[np.float64]:
    sign = 1 if metric.higher_is_better else -1
    return sign * np.array([list(one.values()) for one in arms])
