"""What MLflow is told of a study, in its own words: names, parameters, curves, notes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench import registry
from a2ibench.results.finished import read_finished, read_study, to_method
from a2ibench.results.judge_health import find_health, why_struck
from a2ibench.results.outcome import SPENT, read_failure, read_result
from a2ibench.results.rows import RowScores
from a2ibench.results.scores import judges_of, what_reference
from a2ibench.results.watch import read_rows, time_of_steps
from a2ibench.storage import content_key

LONGEST_NAME = 250
LONGEST_PARAM = 6000
LONGEST_NOTE = 8000
LONGEST_TAG = 500
JOB = "a2ibench.job"
"""The tag that holds a job's hash."""
TIMINGS = (*SPENT, "images_per_second")


class Point(NamedTuple):
    """One value of a metric: milliseconds since 1970, and the step."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Ended:
    """A job that has ended, as its files tell it.

    Attributes:
        folder: of the job.
        label: of its arm or row.
        seed: which of the row.
        result: its ``result.json``; None where it has none.
        failure: why it failed, in one line; None where it did not.
        kind: ``model``, ``reference`` or ``outside``.
        ablated: what is off or changed, as ``--ablate`` writes it; empty for nothing, None where
            ``study.json`` is of a version that did not keep it.
        struck: metrics whose judge cannot judge, as far as is known → why; they are not told.
        mark: identifies all of this and the content of the two files.
        time: when the later of them was written, in milliseconds since 1970.
    """

    folder: Path
    label: str
    seed: int
    result: Mapping[str, Any] | None
    failure: str | None
    kind: str
    ablated: str | None
    struck: Mapping[str, str]
    mark: str
    time: int

    @property
    def name(self) -> str:
        """As a person calls it."""
        return f"{self.label}, seed {self.seed}"

    @property
    def started(self) -> int:
        """Set back from its end by the time that it took."""
        return self.time - int(1000 * sum((self.result or {}).get(part, 0) for part in SPENT))


@dataclass(frozen=True)
class StudyFiles:
    """A study's folder with its ``study.json``."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "StudyFiles":
        """Reads ``study.json``.

        Raises:
            UserError: it is missing or damaged.
        """
        return cls(folder, read_study(folder))

    @property
    def jobs(self) -> dict[str, tuple[str, int]]:
        """Key → label and seed; the first, where two arms are the same."""
        places: dict[str, tuple[str, int]] = {}
        for label, keys in self.about["jobs"].items():
            for seed, key in enumerate(keys):
                places.setdefault(key, (label, seed))
        return places

    def ended(self, key: str) -> Ended | None:
        """What a job has left; None while it has left nothing.

        Raises:
            UserError: its result is damaged.
        """
        folder = self.folder / "jobs" / key
        label, seed = self.jobs[key]
        files = [folder / name for name in ("result.json", "failure.json")]
        there = [path for path in files if path.is_file()]
        result, failure = read_result(folder), read_failure(folder)
        if result is None and failure is None:
            return None
        arm = self.about.get("arms", {}).get(label, {})
        ablated = arm.get("ablated", None if arm.get("change") else "")
        content = [path.read_text(encoding="utf-8") for path in there]
        struck = {} if result is None else self._struck(result)
        mark = content_key([label, seed, ablated, *content, *([struck] if struck else [])])
        time = max(path.stat().st_mtime_ns for path in there) // 10**6
        trained = label in self.about.get("arms", ()) or label in self.about["models"]
        kind = "model" if trained else "reference"
        if result is not None:
            kind = result["job"]["kind"]
        return Ended(folder, label, seed, result, failure, kind, ablated, struck, mark, time)

    def _struck(self, result: Mapping[str, Any]) -> dict[str, str]:
        """By what its judges reported, and by the real images, as in the tables."""
        names = [name for name in result["metrics"] if name in registry.metrics]
        judges = judges_of([result], names)
        methods = [RowScores("", False, None, 1, {}, judges=judges)]
        for label, keys in self.about["jobs"].items():
            if what_reference(label.replace(" ", "_"))[1]:
                row = read_finished(label, [self.folder / "jobs" / key for key in keys])
                methods.append(to_method(row, names, self.about["models"]))
        metrics = [registry.metrics.get(name) for name in names]
        health = find_health(methods, metrics)
        found = {metric.name: why_struck(metric, health) for metric in metrics}
        return {name: reason for name, reason in found.items() if reason is not None}


def struck_text(struck: Mapping[str, str]) -> str:
    """Which metrics are struck, and why, in one short line."""
    names: dict[str, list[str]] = {}
    for name, reason in sorted(struck.items()):
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(all_)}: {reason}" for reason, all_ in names.items())[:LONGEST_TAG]


def clean(name: str) -> str:
    """A name that MLflow takes for a metric or parameter; different names stay different."""
    kept = re.sub(r"[^\w./ -]", "_", name)
    kept = "/".join(part for part in kept.split("/") if part.strip(". ")) or "_"
    if kept == name and len(name) <= LONGEST_NAME:
        return name
    return f"{kept[: LONGEST_NAME - 8]}-{content_key(name)[:6]}"


def job_params(job: Ended, about: Mapping[str, Any]) -> dict[str, str]:
    """What a job is: arm, seed, data, every configuration value, hashes, hardware."""
    arm: Mapping[str, Any] = about.get("arms", {}).get(job.label, {})
    result = job.result or {}
    frozen: Mapping[str, Any] = result.get("job", {})
    values: dict[str, Any] = {
        "arm": job.label,
        "model": frozen.get("method", arm.get("model", job.label)),
        "kind": job.kind,
        "seed": job.seed,
        "dataset": result.get("dataset", about["dataset"]),
        "encoder": about["encoder"],
        "scale": about["scale"],
        "images": frozen.get("images", about["images"]),
        "job": job.folder.name,
    }
    if job.ablated is not None:
        values["ablated"] = job.ablated or "nothing"
    for group, options in (
        ("config", frozen.get("config", arm.get("config", {}))),
        ("dataset", about.get("dataset_config", {})),
        ("encoder", result.get("encoder", {}).get("config", {})),
        ("hardware", result.get("hardware", {})),
    ):
        values |= {f"{group}.{name}": value for name, value in options.items()}
    values |= {
        name: result[key]
        for name, key in (
            ("a2ibench", "version"),
            ("protocol", "protocol"),
            ("steps", "steps"),
            ("parameters", "parameters"),
        )
        if key in result
    }
    for name, digest in (
        ("sha256.source", frozen.get("source")),
        ("sha256.weights", result.get("weights")),
        ("sha256.pairs", about.get("content_hash")),
        ("sha256.encoder", frozen.get("encoder")),
    ):
        if digest:
            values[name] = digest
    return {clean(name): _text(value)[:LONGEST_PARAM] for name, value in values.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def scores(job: Ended) -> list[Point]:
    """Every metric with the version of its definition, and how long the parts of the job took.

    Metrics that are struck are left out: MLflow would compare them. At step 0: values without a
    course, which MLflow compares as bars.
    """
    if job.result is None:
        return []
    found = {
        f"score/{name}_v{score['version']}": score["value"]
        for name, score in job.result["metrics"].items()
        if score["value"] is not None and name not in job.struck
    }
    found |= {f"timing/{name}": job.result[name] for name in TIMINGS if name in job.result}
    return [Point(clean(name), float(value), job.time, 0) for name, value in found.items()]


def courses(job: Ended) -> list[Point]:
    """Training curves by step, and what the machine did, by seconds.

    Their times are those of the training, so that the same point is the same whenever it is told.
    """
    rows = read_rows(job.folder)
    curve: Sequence[Mapping[str, float]] = (job.result or {}).get("curve", [])
    times = time_of_steps(rows, [int(row["step"]) for row in curve], job.time)
    points = [
        Point(clean(f"training/{name}"), value, time, int(row["step"]))
        for row, time in zip(curve, times, strict=True)
        for name, value in row.items()
        if name != "step"
    ]
    points += [
        Point(clean(name), value, int(row["time"]), round((row["time"] - rows[0]["time"]) / 1000))
        for row in rows
        for name, value in row.items()
        if name not in ("time", "step")
    ]
    return points


def study_note(study: StudyFiles, done: int, failed: int, experiment: str, run: str) -> str:
    """What a study is, in Markdown, with as many of its tables as there is room for.

    Args:
        study: the study.
        done: how many jobs have a result.
        failed: how many have failed.
        experiment: its number on the server.
        run: the id of the study's run.
    """
    about = study.about
    ablated = f" (switched off: {', '.join(off)})" if (off := about.get("ablate", [])) else ""
    seeds = f"{about['seeds']} seed{'s' if about['seeds'] > 1 else ''}"
    # Sorted by something, the list is flat: MLflow's charts leave out what is folded up.
    # The filter: other studies may share the experiment.
    pages = (
        f"#/experiments/{experiment}/runs?orderByKey=params.%60kind%60&orderByAsc=true"
        f"&searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27{run}%27"
    )
    note = (
        f"**{study.folder.name}**: {', '.join(about['models']) or 'no model'}{ablated} on"
        f" {about['dataset']}, heard by {about['encoder']}; {about['scale']} scale,"
        f" {about['images']} training images a trial, {seeds}. {done} of {len(study.jobs)} jobs"
        f" have a result{f', {failed} failed' if failed else ''}.\n\n"
        "One child run per job. `score/…`: metrics with their judge and version; `training/…`: the"
        " losses by step; `timing/…`: seconds. Compare arms by the parameters `arm`, `ablated` (the"
        " part that is off, as `--ablate` writes it; `nothing` for a full model) and `seed`; the"
        " rows of kind `reference` are the floor and the ceiling of every score.\n\n"
        f"[Charts of all jobs]({pages}&compareRunsMode=CHART) · [table of all jobs]({pages})\n"
    )
    tables = [path.read_text(encoding="utf-8") for path in (study.folder / "tables").glob("*.md")]
    for table in sorted(tables):  # by their titles: Table I, Table II, …
        if len(note) + len(table) < LONGEST_NOTE:
            note += f"\n{table}"
    return note
