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
from a2ibench.reporting.critical_difference import LEAST, rank, save_diagram
from a2ibench.storage import whole_file
from a2ibench.study.finished import Finished, read_rows, read_study, to_method

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


def write_overview(root: Path, folders: Sequence[Path]) -> list[str]:
    """Writes ``results.parquet`` of all studies, ``overview.md``, and the diagrams over datasets.

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
    diagrams = _draw(root, studies)
    lines = ["# Overview", "", "| dataset | encoder | tables |", "|---|---|---|"]
    for study in studies:
        name = study.folder.name
        lines.append(f"| {study.dataset} | {study.encoder} | [{name}]({name}/tables) |")
    lines += ["", *(f"- {note}" for note in notes)]
    if diagrams:
        lines += ["", DIAGRAMS, "", *(f"![{path.stem}]({path.name})" for path in diagrams)]
    with whole_file(root / "overview.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [*notes, *([DIAGRAMS] if diagrams else [])]


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


def _draw(root: Path, studies: Sequence[_Study]) -> list[Path]:
    """A diagram over the datasets for each encoder and metric that allows one."""
    for old in root.glob("critical_difference-*.png"):
        old.unlink()
    made = []
    for encoder in dict.fromkeys(study.encoder for study in studies):
        own = [study for study in studies if study.encoder == encoder]
        for name in own[0].metrics:
            arms = [_arms(study, name) for study in own]
            labels = list(arms[0])
            if any(list(one) != labels for one in arms) or min(len(own), len(labels)) < LEAST:
                continue
            metric: type[Metric] = registry.metrics.get(name)
            path = root / f"critical_difference-{encoder}-{name}.png"
            save_diagram(rank(_scores(arms, metric)), labels, path)
            made.append(path)
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
