"""A study's results as the content of a file that can be given away."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import get_args

from a2ibench import registry
from a2ibench.contracts.metric import OWN, Group, Metric
from a2ibench.errors import UserError
from a2ibench.evaluation.judge_health import held_out_health
from a2ibench.exchange.records import (
    FORMAT,
    Content,
    CostEntry,
    EncoderEntry,
    HealthEntry,
    JobEntry,
    JudgeEntry,
    MetricEntry,
    PairsEntry,
    RowEntry,
    ScoreEntry,
    metric_id,
    outside_definition,
    pack,
)
from a2ibench.exchange.without_paths import label_without_paths, options_without_paths
from a2ibench.plugin_registry import docstrings_of
from a2ibench.results.comparability import check_alike, metrics_as_stored
from a2ibench.results.job_state import JobState
from a2ibench.results.records import Result, ScoreRecord
from a2ibench.results.rows import Row
from a2ibench.results.study import Study
from a2ibench.storage import content_key

UNKNOWN = "unknown"


def export_study(study: Study, list_hash: str | None = None, name: str = "") -> Content:
    """Return the results of a study at every budget, without pictures, paths and names of clips.

    Args:
        study: as it is, finished or not.
        list_hash: of its test segments (:attr:`~a2ibench.data.held_list.HeldList.hash`); None
            where the pairs are not at hand.
        name: of the dataset; empty for the dataset's own, or that of its folder.

    Raises:
        UserError: no job has a result, a metric is not registered, results do not belong in one
            table, or a file of a job is damaged.
    """
    rows = study.all_rows
    results = [job.result for job in study.all_jobs if job.result is not None]
    if not results:
        raise UserError(f"{study.folder}: no job has a result yet; run the study")
    check_alike(rows, study.metrics)
    metrics, _ = metrics_as_stored(rows, study.metrics)
    scored = [
        (metric, score, result)
        for metric in metrics
        for result in results
        if (score := result.metrics.get(metric.name)) is not None
        and score.version == metric.version
    ]
    described = {
        metric_id(metric.name, metric.version, score.judge_fingerprint): (metric, score)
        for metric, score, _ in scored
    }
    first = results[0]
    spec = first.spec
    label = label_without_paths(name or study.dataset, {}) or UNKNOWN
    return Content(
        format=FORMAT,
        parts=[],
        pairs={
            first.job.store: PairsEntry(
                names=[label],
                classes=0 if spec is None else len(spec.classes),
                image_size=0 if spec is None else spec.image_size,
                list_hash=list_hash,
            )
        },
        judges=dict(_judges((score, result) for _, score, result in scored)),
        metrics={key: _metric(*one) for key, one in described.items()},
        rows=[_row(row, study, first, {m.name: m.version for m in metrics}) for row in rows],
    )


def _metric(metric: Metric, score: ScoreRecord) -> MetricEntry:
    same = registry.metrics.get(metric.name).version == metric.version
    text = "\n\n".join(docstrings_of(type(metric))) if same else ""
    low, high = (float(end) if isfinite(end) else None for end in metric.bounds)
    return MetricEntry(
        name=metric.name,
        version=metric.version,
        judge=score.judge,
        judge_fingerprint=score.judge_fingerprint,
        title=metric.title,
        group=metric.group,
        column=metric.column,
        percent=metric.percent,
        primary=metric.primary,
        higher_is_better=metric.higher_is_better,
        directed=metric.directed,
        refers_to_own_image=metric.refers_to_own_image,
        low=low,
        high=high,
        definition=inspect.cleandoc(text),
    )


def _judges(scores: Iterator[tuple[ScoreRecord, Result]]) -> Iterator[tuple[str, JudgeEntry]]:
    for score, result in scores:
        if score.judge_fingerprint == OWN:
            continue
        classes = len(result.spec.classes) if result.spec else 0
        found = held_out_health(score.judge, score.judge_figures, classes)
        held_out = None
        if found is not None:
            shared = {name: getattr(found, name) for name in HealthEntry.model_fields}
            held_out = HealthEntry(**shared)
        yield score.judge_fingerprint, JudgeEntry(name=score.judge, held_out=held_out)


def _row(row: Row, study: Study, known: Result, versions: Mapping[str, int]) -> RowEntry:
    """Return a row with its scores by some versions of metrics; what one without a result lacks is
    that of another result."""
    results = [job.result for job in row.results if job.result is not None]
    one = results[0] if results else known
    trained = row.kind == "model"
    budget = study.about.images if row.budget is None else row.budget
    config = one.job.config if results else {}
    return RowEntry(
        label=label_without_paths(row.label, config),
        kind=row.kind,
        model=label_without_paths(row.model, {}),
        change=label_without_paths(row.change, config),
        definition=_definition(row),
        config=options_without_paths(config),
        protocol=one.protocol,
        pairs=one.job.store,
        encoder=EncoderEntry(
            name=one.encoder.name,
            fingerprint=one.job.encoder,
            config=options_without_paths(one.encoder.config),
        ),
        budget=budget if trained else None,
        scale=study.about.scale,
        asked=len(row.jobs),
        floor_of=[group for group in get_args(Group) if group in row.floor_of],
        ceiling=row.is_ceiling,
        jobs=[_job(job, versions) for job in row.results],
    )


def _definition(row: Row) -> str:
    jobs = [job.job for job in row.results if job.job is not None]
    if not jobs:
        return ""
    if row.kind == "outside":
        return outside_definition(job.key for job in row.results)
    return content_key(sorted({dataclasses.replace(job, seed=0).key for job in jobs}))


def _job(state: JobState, versions: Mapping[str, int]) -> JobEntry:
    result = state.result
    assert result is not None
    scores = {
        name: score
        for name, version in versions.items()
        if (score := result.metrics.get(name)) is not None and score.version == version
    }
    return JobEntry(
        key=state.key,
        seed=state.seed,
        source=result.job.source,
        workers=result.job.workers,
        a2ibench=result.version,
        hardware=options_without_paths(result.hardware),
        cost=CostEntry(**{name: getattr(result, name) for name in CostEntry.model_fields}),
        strata=None if state.strata is None else state.strata.tolist(),
        scores=dict(_scores(state, scores)),
    )


def _scores(state: JobState, scores: Mapping[str, ScoreRecord]) -> Iterator[tuple[str, ScoreEntry]]:
    for name, score in scores.items():
        why = score.undefined
        yield (
            metric_id(name, score.version, score.judge_fingerprint),
            ScoreEntry(
                value=score.value,
                n=score.n,
                spread=score.spread,
                clips=score.clips,
                chance=score.chance,
                undefined=None if why is None else label_without_paths(why, {}),
                blocks=None if score.value is None else pack(state.blocks(name)),
                pooled=state.segments(name) is None,
            ),
        )
