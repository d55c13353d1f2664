"""A study in MLflow's terms: names, parameters, metrics, curves, notes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from a2ibench import registry
from a2ibench.results.job_state import FAILURE, JobState
from a2ibench.results.records import SPENT, Result, StudyRecord
from a2ibench.results.result_file import RESULT
from a2ibench.results.rows import Row, RowScores, judges_of
from a2ibench.results.struck_metrics import find_health, why_struck
from a2ibench.results.study import Study
from a2ibench.results.system_metrics import time_of_steps
from a2ibench.storage import content_key
from a2ibench.study.looks import standing

LONGEST_NAME = 250
LONGEST_PARAM = 6000
LONGEST_NOTE = 8000
LONGEST_TAG = 500
JOB = "a2ibench.job"
"""Tag that holds a job's hash."""
WEIGHTS = "a2ibench.weights"
"""Tag of a logged model: the hash of its weights."""
TIMINGS = (*SPENT, "images_per_second")


class Point(NamedTuple):
    """One value of a metric; its time is in milliseconds since 1970."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Ended:
    """A job with a result or a failure.

    Attributes:
        struck: metrics that are not logged, because their judge is known to be unfit → the reason.
        mark: identifies all of this and the content of ``result.json`` and ``failure.json``.
        time: time at which the later of the two was written, in milliseconds since 1970.
    """

    row: Row
    state: JobState
    struck: Mapping[str, str]
    mark: str
    time: int

    @property
    def name(self) -> str:
        """Name of the job's run in MLflow."""
        return f"{self.row.name}, seed {self.state.number}"

    @property
    def started(self) -> int:
        """Start of the job: its end minus the seconds that it took."""
        result = self.state.result
        return self.time - int(1000 * (0 if result is None else result.seconds))


def places(study: Study) -> dict[str, tuple[Row, int]]:
    """Return each job's row and its place among the row's seeds; the first of two equal rows."""
    found: dict[str, tuple[Row, int]] = {}
    for row in study.all_rows:
        for job in row.jobs:
            found.setdefault(job.key, (row, job.number))
    return found


def ended(study: Study, key: str) -> Ended | None:
    """Return a job that has ended; None if it has not."""
    row, number = places(study)[key]
    row = row.read_again()  # the job may have ended since the last look
    state = row.jobs[number]
    if state.result is None and state.failure is None:
        return None
    files = [path for name in (RESULT, FAILURE) if (path := state.folder / name).is_file()]
    content = [path.read_text(encoding="utf-8") for path in files]
    struck = {} if state.result is None else _struck(study, state.result)
    named = [row.name, number, row.ablated]
    mark = content_key([*named, *content, *([struck] if struck else [])])
    time = max(path.stat().st_mtime_ns for path in files) // 10**6
    return Ended(row, state, struck, mark, time)


def _struck(study: Study, result: Result) -> dict[str, str]:
    """Strike metrics by their judges' reports and the real images, as the tables do."""
    names = [name for name in result.metrics if name in registry.metrics]
    rows = [RowScores("", False, None, 1, {}, judges=judges_of([result], names))]
    # The real images may have been scored since the last look.
    rows += [row.read_again().scores(names) for row in study.rows if row.is_ceiling]
    metrics = [registry.metrics.get(name) for name in names]
    health = find_health(rows, metrics)
    found = {metric.name: why_struck(metric, health) for metric in metrics}
    return {name: reason for name, reason in found.items() if reason is not None}


def struck_text(struck: Mapping[str, str]) -> str:
    """List the metrics that are struck, and why, in one short line."""
    names: dict[str, list[str]] = {}
    for name, reason in sorted(struck.items()):
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(all_)}: {reason}" for reason, all_ in names.items())[:LONGEST_TAG]


def clean(name: str) -> str:
    """Return a name that MLflow accepts for a metric or parameter; unequal names stay unequal."""
    kept = re.sub(r"[^\w./ -]", "_", name)
    kept = "/".join(part for part in kept.split("/") if part.strip(". ")) or "_"
    if kept == name and len(name) <= LONGEST_NAME:
        return name
    return f"{kept[: LONGEST_NAME - 8]}-{content_key(name)[:6]}"


def job_params(job: Ended, about: StudyRecord) -> dict[str, str]:
    """Return the parameters of a job: arm, seed, data, configuration, hashes, hardware."""
    row, result = job.row, job.state.result
    values: dict[str, Any] = {
        "arm": row.label,
        "model": row.model,
        "kind": row.kind,
        "seed": job.state.number,
        "dataset": about.dataset if result is None else result.dataset,
        "encoder": about.encoder,
        "scale": about.scale,
        "images": row.budget or about.images if result is None else result.job.images,
        "job": job.state.key,
    }
    if row.ablated is not None:
        values["ablated"] = row.ablated or "nothing"
    config = {} if row.arm is None else row.arm.config
    for group, options in (
        ("config", config if result is None else result.job.config),
        ("dataset", about.dataset_config),
        ("encoder", {} if result is None else result.encoder.config),
        ("hardware", {} if result is None else result.hardware),
    ):
        values |= {f"{group}.{name}": value for name, value in options.items()}
    hashes: dict[str, str | None] = {"sha256.pairs": about.content_hash}
    if result is not None:
        made = {"a2ibench": result.version, "protocol": result.protocol}
        made |= {"steps": result.steps, "parameters": result.parameters}
        values |= {name: value for name, value in made.items() if value is not None}
        hashes |= {"sha256.source": result.job.source, "sha256.weights": result.weights}
        hashes |= {"sha256.encoder": result.job.encoder}
    values |= {name: digest for name, digest in hashes.items() if digest}
    return {clean(name): _text(value)[:LONGEST_PARAM] for name, value in values.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def scores(job: Ended) -> list[Point]:
    """Return every metric with its version, and the seconds that the parts of the job took.

    Struck metrics are left out, since MLflow would compare them. All values are at step 0, so that
    MLflow compares them as bars.
    """
    if (result := job.state.result) is None:
        return []
    found = {
        f"score/{name}_v{score.version}": score.value
        for name, score in result.metrics.items()
        if score.value is not None and name not in job.struck
    }
    took = {name: getattr(result, name) for name in TIMINGS}
    found |= {f"timing/{name}": value for name, value in took.items() if value is not None}
    return [Point(clean(name), float(value), job.time, 0) for name, value in found.items()]


def curves(job: Ended) -> list[Point]:
    """Return the training's curves by step, and the machine's load by seconds.

    Their times are those of the training, so that a point is the same whenever it is logged.
    """
    samples, result = job.state.machine, job.state.result
    curve = [] if result is None else result.curve
    times = time_of_steps(samples, [int(row["step"]) for row in curve], job.time)
    points = [
        Point(clean(f"training/{name}"), value, time, int(row["step"]))
        for row, time in zip(curve, times, strict=True)
        for name, value in row.items()
        if name != "step"
    ]
    begun = samples[0]["time"] if samples else 0
    points += [
        Point(clean(name), value, int(one["time"]), round((one["time"] - begun) / 1000))
        for one in samples
        for name, value in one.items()
        if name not in ("time", "step")
    ]
    return points


def primary_tags(study: Study) -> dict[str, str]:
    """Return the tags that say which questions of a study are tested."""
    now = standing(study)
    tags = {
        "primary_metrics": ", ".join(now.primary.metrics),
        "primary_contrasts": ", ".join(map(str, now.primary.contrasts)),
        "primary_sha256": now.primary.hash,
        "primary_questions": " ".join((*now.changes, *now.notes)),
    }
    return {name: value[:LONGEST_TAG] for name, value in tags.items()}


def study_note(study: Study, done: int, failed: int, experiment: str, run: str) -> str:
    """Describe a study in Markdown, with as many of its tables as there is room for.

    Args:
        study: the study.
        done: number of jobs with a result.
        failed: number of jobs that failed.
        experiment: its id on the server.
        run: the id of the study's run.
    """
    about = study.about
    ablated = f" (switched off: {', '.join(off)})" if (off := about.ablate) else ""
    images = ", ".join(map(str, study.budgets))
    seeds = f"{about.seeds} seed{'s' if about.seeds > 1 else ''}"
    # Sorting flattens the list, since MLflow's charts leave out collapsed runs. The filter is there
    # because other studies may share the experiment.
    pages = (
        f"#/experiments/{experiment}/runs?orderByKey=params.%60kind%60&orderByAsc=true"
        f"&searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27{run}%27"
    )
    note = (
        f"**{study.folder.name}**: {', '.join(about.models) or 'no model'}{ablated} on"
        f" {about.dataset}, encoded by {about.encoder}; {about.scale} scale,"
        f" {images} training images per trial, {seeds}. {done} of {len(places(study))} jobs"
        f" have a result{f', {failed} failed' if failed else ''}.\n\n"
        "One child run per job. `score/…`: metrics with their judge and version; `training/…`: the"
        " losses by step; `timing/…`: seconds. Compare arms by the parameters `arm`, `ablated` (the"
        " part that is off, as `--ablate` writes it; `nothing` for a full model) and `seed`; the"
        " rows of kind `reference` are the floor and the ceiling of every score. The tag"
        " `primary_questions` names what is tested; every other difference is exploratory.\n\n"
        f"[Charts of all jobs]({pages}&compareRunsMode=CHART) · [table of all jobs]({pages})\n"
    )
    tables = [path.read_text(encoding="utf-8") for path in (study.folder / "tables").glob("*.md")]
    for table in sorted(tables):  # by their titles: Table I, Table II, …
        if len(note) + len(table) < LONGEST_NOTE:
            note += f"\n{table}"
    return note
