"""From the results of jobs to the rows of tables and to ``results.parquet``."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow import parquet

from a2ibench import registry
from a2ibench.contracts.reference import CEILING
from a2ibench.errors import UserError
from a2ibench.evaluation.blocks import BLOCKS
from a2ibench.evaluation.health import Health, held_out_health
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.results.job import Task
from a2ibench.results.outcome import BLOCKS as FILE
from a2ibench.results.outcome import damaged, is_current, read_result, score_path
from a2ibench.results.rows import RowScores
from a2ibench.storage import whole_file

LONG = "results.parquet"
"""In a study's folder: every score as one row."""


@dataclass(frozen=True)
class Entry:
    """One arm or reference of a study with the tasks that compute it, one per seed.

    Attributes:
        label: as printed.
        model: the registered name of the model or reference.
        full: label of the full model, for an ablation.
        reference: whether it is a reference row.
        tasks: in the order of the seeds.
    """

    label: str
    model: str
    full: str | None
    reference: bool
    tasks: tuple[Task, ...]


def collect(entries: Sequence[Entry], metrics: Sequence[str]) -> list[RowScores]:
    """The scores of every entry over the seeds that have a result."""
    methods = []
    for entry in entries:
        found = [
            (task, result)
            for task in entry.tasks
            if (result := read_result(task.folder)) is not None
        ]
        scores = {
            name: over_seeds([(t.folder, result) for t, result in usable], name)
            for name in metrics
            if (usable := [(t, result) for t, result in found if _has(t, name, result)])
        }
        methods.append(
            RowScores(
                entry.label,
                entry.reference,
                entry.full,
                len(entry.tasks),
                scores,
                *what_reference(entry.model if entry.reference else None),
                judges_of([result for _, result in found], metrics),
                entry.model,
            )
        )
    return methods


def what_reference(name: str | None) -> tuple[frozenset[str], bool]:
    """The groups of metrics that a reference row is the floor of, and whether it is the ceiling.

    Args:
        name: registered, or that of a reference that is not installed here; None for no reference.
    """
    if name is None or name not in registry.references.names():
        return frozenset(), False
    reference = registry.references.get(name)
    return frozenset(reference.floor_of), reference.row == CEILING


def judges_of(results: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> tuple[Health, ...]:
    """How the judges of some results did on clips that they held out, each once."""
    found = dict.fromkeys(
        held_out_health(
            score["judge"],
            score.get("judge_figures", {}),
            len(result.get("spec", {}).get("classes", ())),
        )
        for result in results
        for name in metrics
        if (score := result["metrics"].get(name)) is not None and score["value"] is not None
    )
    return tuple(one for one in found if one is not None)


def _has(task: Task, name: str, result: dict[str, Any]) -> bool:
    return is_current(task, name, result) and result["metrics"][name]["value"] is not None


def over_seeds(found: Sequence[tuple[Path, Mapping[str, Any]]], name: str) -> SeedScores:
    """One metric over the results of several seeds, each with its folder."""
    scores = [result["metrics"][name] for _, result in found]
    spread = None
    if all(score["spread"] is not None for score in scores):
        spread = np.array([score["spread"] for score in scores], dtype=np.float64)
    blocks = np.stack([_blocks(score_path(folder, one, FILE), name) for folder, one in found])
    # Results of earlier versions do not say how many clips there are; each was then a block.
    known = blocks.shape[1] if blocks.shape[1] < BLOCKS else None
    return SeedScores(
        seeds=tuple(result["job"]["seed"] for _, result in found),
        values=np.array([score["value"] for score in scores]),
        n=min(score["n"] for score in scores),
        spread=spread,
        blocks=blocks,
        clips=scores[0].get("clips", known),
        chance=scores[0].get("chance"),
    )


def _blocks(path: Path, name: str) -> npt.NDArray[np.float64]:
    try:
        return _read_blocks(path, path.stat().st_mtime_ns)[name]
    except KeyError as error:
        raise damaged(path, error) from error


@functools.cache
def _read_blocks(path: Path, written: int) -> dict[str, npt.NDArray[np.float64]]:
    """A job's ``blocks.parquet``, read once for all metrics, unless it was written again."""
    try:
        # Not by way of a data frame: hundreds of small files are read.
        with path.open("rb") as stream:  # of a path like a:b/c it would make a URI
            table = parquet.ParquetFile(stream).read()
        return {name: np.asarray(table[name], dtype=np.float64) for name in table.column_names}
    except ValueError as error:
        raise damaged(path, error) from error


def read_long(path: Path) -> pd.DataFrame:
    """A study's ``results.parquet``.

    Raises:
        UserError: it is damaged.
    """
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path}: damaged ({error}); remove it, and the study's command makes it again"
        ) from error


def write_long(entries: Sequence[Entry], study: str, path: Path) -> None:
    """Writes every score as one row: study, job, model, arm, seed, dataset, encoder, metric, …"""
    rows = []
    for entry in entries:
        for task in entry.tasks:
            result = read_result(task.folder)
            if result is None:
                continue
            for name in (name for name in task.metrics if _has(task, name, result)):
                score = result["metrics"][name]
                rows.append(
                    {
                        "study": study,
                        "job": task.job.key,
                        "model": entry.model,
                        "arm": entry.label,
                        "seed": task.job.seed,
                        "dataset": result["dataset"],
                        "encoder": result["encoder"]["name"],
                        "metric": name,
                        "version": score["version"],
                        "value": score["value"],
                        "spread": score["spread"],
                        "n": score["n"],
                        "clips": score.get("clips"),
                    }
                )
    with whole_file(path) as temporary:
        pd.DataFrame(rows).to_parquet(temporary)
