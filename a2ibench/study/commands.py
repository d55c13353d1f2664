"""The commands that compute the rows of a study again."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench import config, registry
from a2ibench.errors import UserError, command
from a2ibench.results.job_state import PLUGINS, JobState
from a2ibench.results.records import ArmRecord, Result, StudyRecord
from a2ibench.results.study import Study
from a2ibench.study.arm import expand_arms
from a2ibench.study.scale import get_scale


class Command(NamedTuple):
    """The line for a shell that computes a row again; empty for reference rows, which come with
    every other command."""

    label: str
    line: str


def commands(study: Study) -> list[Command]:
    """Return a command for each row; reference rows, which come with each of them, stand together
    without."""
    about = study.about
    found, others = [], []
    for row in study.rows:
        if about.arms is not None and row.arm is not None:
            found.append(Command(row.label, _train(study, row.label, row.arm, row.jobs)))
        elif row.kind == "outside":
            found.append(Command(row.label, _evaluate(about, row.label, row.jobs)))
        else:
            others.append(row.label)
    if others:
        found.append(Command(", ".join(others), ""))
    return found


def _train(study: Study, label: str, arm: ArmRecord, jobs: Sequence[JobState]) -> str:
    about, model = study.about, arm.model
    result = _result(jobs)
    words = ["run", "--model", model]
    words += _sets(model, arm.config, _usual(model, about.scale))
    words += _data(about, result)
    words += ["--seeds", str(about.seeds), "--scale", about.scale, "--images"]
    words.append(",".join(map(str, study.budgets)))
    if result is not None and result.job.workers > 1:
        words += ["--gpus-per-trial", str(result.job.workers)]
    for metric in about.metrics:
        words += ["--metric", metric]
    slug = re.sub(r"[^\w.=+-]+", "-", label.replace("−", "without"))
    return command(*words, *kept_plugins(jobs), "--out", f"again/{slug}")


def _evaluate(about: StudyRecord, label: str, jobs: Sequence[JobState]) -> str:
    words = ["evaluate", "--name", label]
    for ran in jobs:
        # The result names the folder too, though no mapping.
        origin = ran.origin or (None if ran.result is None else ran.result.outside)
        words += ["--images", "?" if origin is None else origin.folder]
        if ran.origin is not None and ran.origin.mapping is not None and "--map" not in words:
            words += ["--map", ran.origin.mapping]
    return command(*words, *_data(about, _result(jobs)), "--scale", about.scale, "--into", ".")


def _result(jobs: Sequence[JobState]) -> Result | None:
    return next((ran.result for ran in jobs if ran.result is not None), None)


def _data(about: StudyRecord, result: Result | None) -> list[str]:
    """Return the pairs and the encoder, with the options that are not the usual ones."""
    dataset, encoder = about.dataset, about.encoder
    words = ["--dataset", dataset]
    if dataset in registry.datasets.names():
        options: Any = registry.datasets.get(dataset).Config
        size = {"image_size": get_scale(about.scale).image_size}
        usual = config.to_dict(config.build(options, size, dataset))
        words += _sets(dataset, about.dataset_config, usual)
    words += ["--encoder", encoder]
    if result is not None and encoder in registry.encoders.names():
        usual = config.to_dict(registry.encoders.get(encoder).Config())
        words += _sets(encoder, result.encoder.config, usual)
    return words


def _usual(model: str, scale: str) -> Mapping[str, Any]:
    """Return a model's configuration where the user says nothing; empty if it is unregistered."""
    try:
        return expand_arms((model,), (), scale, {})[0].config
    except UserError:
        return {}


def _sets(owner: str, values: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in values.items():
        if name not in usual or usual[name] != value:
            text = config.join_list(value) if isinstance(value, list) else str(value)
            words += ["--set", f"{owner}.{name}={text}"]
    return words


def kept_plugins(jobs: Sequence[JobState]) -> list[str]:
    """Name the user's files kept with the trials, one of a name, from the study's folder."""
    kept: dict[str, Path] = {}
    for ran in jobs:
        for path in sorted((ran.folder / PLUGINS).glob("*.py")):
            kept.setdefault(path.name, path.relative_to(ran.folder.parent.parent))
    return [word for path in kept.values() for word in ("--plugin", str(path))]
