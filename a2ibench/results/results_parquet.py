"""``results.parquet``: every score of a study as one row."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from a2ibench.errors import UserError
from a2ibench.results.rows import counts
from a2ibench.results.study import Study
from a2ibench.storage import atomic_write

LONG = "results.parquet"
"""In a study's folder: every score as one row."""
ONLY_HERE = ["kind", "change"]
"""Columns that the file does not have."""


def long_scores(study: Study, judges: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return every score of a study by its metrics as one row.

    The columns are study, job, model, arm, kind, change, images, seed, dataset, encoder, metric,
    version, value, spread, n and clips; arms come with every budget. For
    ``judges`` see :meth:`~a2ibench.results.rows.Row.scores`.
    """
    rows = [
        {
            "study": study.folder.name,
            "job": job.key,
            "model": row.model,
            "arm": row.label,
            "kind": row.kind,
            "change": row.change,
            "images": job.result.job.images,
            "seed": job.seed,
            "dataset": job.result.dataset,
            "encoder": job.result.encoder.name,
            "metric": name,
            "version": score.version,
            "value": score.value,
            "spread": score.spread,
            "n": score.n,
            "clips": score.clips,
        }
        for row in study.all_rows
        for job in row.jobs
        if job.result is not None
        for name in study.metrics
        if counts(job.result, name, judges)
        for score in [job.result.metrics[name]]
    ]
    return pd.DataFrame(rows)


def write_long(study: Study, judges: Mapping[str, str]) -> None:
    """Write a study's ``results.parquet``."""
    scores = long_scores(study, judges)
    with atomic_write(study.folder / LONG) as temporary:
        scores.drop(columns=ONLY_HERE, errors="ignore").to_parquet(temporary)


def read_long(path: Path) -> pd.DataFrame:
    """Read a study's ``results.parquet``; raise a UserError where it is damaged."""
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path}: damaged ({error}); remove it, and the study's command makes it again"
        ) from error
