"""The commands that compute the rows of a study again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.errors import UserError, command
from a2ibench.results.job_state import PLUGINS, JobState
from a2ibench.results.records import Arm, Result
from a2ibench.results.records import Study as About
from a2ibench.results.study import Study
from a2ibench.study.arm import expand_arms
from a2ibench.study.scale import get_scale


@dataclass(frozen=True)
class Command:
    """The command that computes a row again.

    Attributes:
        label: of the row.
        line: for a shell; empty for reference rows, which come with every other command.
    """

    label: str
    line: str


def everything(study: Study, file: str) -> str:
    """The command that computes all rows, in the study's folder.

    Args:
        study: which.
        file: the name of its study file.
    """
    return command("run", file, *_plugins(study.jobs))


def commands(study: Study) -> list[Command]:
    """A command for each row; reference rows, which come with each of them, together without."""
    about = study.about
    found, others = [], []
    for row in study.rows:
        if about.arms is not None and row.arm is not None:
            found.append(Command(row.label, _train(about, row.label, row.arm, row.jobs)))
        elif row.kind == "outside":
            found.append(Command(row.label, _evaluate(about, row.label, row.jobs)))
        else:
            others.append(row.label)
    if others:
        found.append(Command(", ".join(others), ""))
    return found


def _train(about: About, label: str, arm: Arm, jobs: Sequence[JobState]) -> str:
    model = arm.model
    result = _result(jobs)
    words = ["run", "--model", model]
    words += _sets(model, arm.config, _usual(model, about.scale))
    words += _data(about, result)
    words += ["--seeds", str(about.seeds), "--scale", about.scale]
    words += ["--images", str(about.images)]
    workers = 1 if result is None else result.job.workers
    if workers > 1:
        words += ["--gpus-per-trial", str(workers)]
    for metric in about.metrics:
        words += ["--metric", metric]
    return command(*words, *_plugins(jobs), "--out", f"again/{_slug(label)}")


def _evaluate(about: About, label: str, jobs: Sequence[JobState]) -> str:
    words = ["evaluate", "--name", label]
    for ran in jobs:
        # The result names the folder too, though no mapping.
        origin = ran.origin or (None if ran.result is None else ran.result.outside)
        words += ["--images", "?" if origin is None else origin.folder]
        if ran.origin is not None and ran.origin.mapping is not None and "--map" not in words:
            words += ["--map", ran.origin.mapping]
    return command(*words, *_data(about, _result(jobs)), "--scale", about.scale, "--into", ".")


def _result(jobs: Sequence[JobState]) -> Result | None:
    """The first that there is."""
    return next((ran.result for ran in jobs if ran.result is not None), None)


def _data(about: About, result: Result | None) -> list[str]:
    """The pairs and the encoder, with the options that are not the usual ones."""
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
    """A model's configuration where the user says nothing; empty where it is not registered."""
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


def _plugins(jobs: Sequence[JobState]) -> list[str]:
    """The user's files that were kept with the trials, one of a name, from the study's folder."""
    kept: dict[str, Path] = {}
    for ran in jobs:
        for path in sorted((ran.folder / PLUGINS).glob("*.py")):
            kept.setdefault(path.name, path.relative_to(ran.folder.parent.parent))
    return [word for path in kept.values() for word in ("--plugin", str(path))]


def _slug(label: str) -> str:
    return re.sub(r"[^\w.=+-]+", "-", label.replace("−", "without"))
