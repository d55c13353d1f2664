"""Comparability: results belong in one table if they were measured in one and the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.results.records import Result
from a2ibench.results.rows import Row

PAIRS = "pairs (content of the store)"
BETWEEN = (
    "; where both are in one folder, `a2ibench report FOLDER` compares encoders by the metrics that"
    " allow it"
)


def check_alike(rows: Sequence[Row], metrics: Sequence[str], same_pairs: bool = True) -> None:
    """Refuse results that do not belong in one table, or would not on the ``same_pairs``.

    Raises:
        UserError: they differ in protocol, pairs, encoder, test segments, or in the
            definition or judge of a metric; one line names what, and two jobs that differ.
    """
    results = _results(rows)
    if not results:
        return
    first_key, first = results[0]
    for key, result in results[1:]:
        for name, value in _provenance(result).items():
            if not same_pairs and name == PAIRS:
                continue
            if (expected := _provenance(first)[name]) != value:
                said = _differ(name, first_key, expected, key, value)
                raise UserError(said + (BETWEEN if name == "encoder" else ""))
    for metric in metrics:
        seen: tuple[str, tuple[Any, ...]] | None = None
        for key, result in results:
            if (score := result.score(metric)) is None:
                continue
            made = (score.version, score.judge, score.judge_fingerprint)
            if seen is None:
                seen = key, made
            elif seen[1] != made:
                what = f"version or judge of {metric}"
                raise UserError(_differ(what, seen[0], seen[1], key, made))


def metrics_as_stored(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[Metric], list[str]]:
    """Return metrics in the version by which the results of a study were computed.

    The results of the rows belong in one table (:func:`check_alike`). Second is a note on the
    metrics that have another version now.
    """
    found: list[Metric] = []
    aged: dict[tuple[int, int], list[str]] = {}
    for name in names:
        metric: Metric = registry.metrics.get(name)
        scores = (result.score(name) for _, result in _results(rows))
        stored = next((score.version for score in scores if score is not None), metric.version)
        if stored != metric.version:
            aged.setdefault((stored, metric.version), []).append(metric.title)
            metric.version = stored
        found.append(metric)
    return found, [
        f"{', '.join(titles)}: scores of version {old}; this version of a2ibench computes version"
        f" {new}."
        for (old, new), titles in aged.items()
    ]


def _results(rows: Sequence[Row]) -> list[tuple[str, Result]]:
    """Return every result with the name of its job's folder."""
    jobs = [job for row in rows for job in row.results]
    return [(job.key, job.result) for job in jobs if job.result is not None]


def _provenance(result: Result) -> Mapping[str, Any]:
    return {
        "protocol": result.protocol,
        PAIRS: result.job.store,
        "encoder": (result.encoder.name, result.job.encoder),
    }


def _differ(name: str, first: str, expected: Any, second: str, value: Any) -> str:
    return (
        f"not comparable: {name} differs: {_short(expected)} ({first}) and {_short(value)}"
        f" ({second})"
    )


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(_short, value))
    return str(value)[:16]
