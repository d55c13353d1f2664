"""Results that are there: read again without data, models or judges, and never mixed up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError, command
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.results import records
from a2ibench.results.judge_health import find_health, usable
from a2ibench.results.outcome import damage, read_result
from a2ibench.results.records import DamagedError
from a2ibench.results.rows import RowScores
from a2ibench.results.scores import judges_of, over_seeds, what_reference
from a2ibench.storage import content_key
from a2ibench.study.arm import full_label, pick_arm

NAME = "study.yaml"
"""In a study's folder: what it is asked for."""
AS_RUN = "study-as-run.yaml"
"""The same, where a ``study.yaml`` that somebody wrote asks for something else."""


class DamagedStudyError(UserError):
    """A ``study.json`` is not what was written."""


@dataclass(frozen=True)
class Finished:
    """One arm or reference as far as it has results.

    Attributes:
        label: as printed.
        asked: how many seeds were asked for.
        results: folder and content of each ``result.json``, in ascending order of the seeds.
        damaged: a line for each result that is there and cannot be read.
    """

    label: str
    asked: int
    results: tuple[tuple[Path, Mapping[str, Any]], ...]
    damaged: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Of the study that the first result lies in; of a job by itself, whatever is there."""
        return self.results[0][0].resolve().parent.parent

    @property
    def study(self) -> str:
        """The name of the study's folder that the first result lies in."""
        return self.folder.name

    @property
    def metrics(self) -> set[str]:
        """Those that have a score in every result."""
        scored = [
            {name for name, score in result["metrics"].items() if score["value"] is not None}
            for _, result in self.results
        ]
        return set.intersection(*scored) if scored else set()

    def scores(self, metrics: Sequence[str]) -> dict[str, SeedScores]:
        """By metric, over the seeds that have it; a metric without any is missing."""
        found = {}
        for name in metrics:
            usable = [
                (folder, result)
                for folder, result in self.results
                if result["metrics"].get(name, {}).get("value") is not None
            ]
            if usable:
                found[name] = over_seeds(usable, name)
        return found


def read_finished(label: str, folders: Sequence[Path]) -> Finished:
    """The results of the jobs of one arm; those that are not done are left out."""
    read = [(folder, result) for folder in folders if (result := read_result(folder)) is not None]
    read.sort(key=lambda one: one[1]["job"]["seed"])
    bad = [f"job {folder.name}: {why}" for folder in folders if (why := damage(folder)) is not None]
    return Finished(label, len(folders), tuple(read), tuple(bad))


def studies_inside(folder: Path) -> list[Path]:
    """The folders in a folder that are studies, by name; not the hidden ones."""
    return sorted(path.parent for path in folder.glob("[!.]*/study.json"))


def what_to_give(folder: Path) -> str:
    """What to give in the place of a folder that is no study."""
    if inside := studies_inside(folder):
        return f"it holds {len(inside)}: give one of them, such as {inside[0]}"
    return "give a folder that `a2ibench run` made, such as studies/arcade"


def read_study(folder: Path) -> Mapping[str, Any]:
    """A study's ``study.json``.

    Raises:
        DamagedStudyError: it is damaged.
        UserError: it is missing.
    """
    path = folder / "study.json"
    if not path.is_file():
        raise UserError(f"{folder}: no study (it has no study.json); {what_to_give(folder)}")
    try:
        return records.read(records.Study, path)
    except DamagedError as error:
        raise DamagedStudyError(f"{path}: damaged ({error}); {_what_mends(folder)}") from error


def _what_mends(folder: Path) -> str:
    file = next((folder / name for name in (AS_RUN, NAME) if (folder / name).is_file()), None)
    who = "the command that made it" if file is None else f"`{command('run', file)}`"
    return f"{who} sets it aside and makes it again from the jobs that are there"


def read_rows(folder: Path, about: Mapping[str, Any]) -> list[Finished]:
    """Every row of a study, in its order."""
    jobs: Mapping[str, Sequence[str]] = about["jobs"]
    return [
        read_finished(label, [folder / "jobs" / key for key in keys])
        for label, keys in jobs.items()
    ]


@dataclass(frozen=True)
class Studied:
    """A study as far as it has results.

    Attributes:
        folder: of the study.
        dataset: on what.
        encoder: heard by what.
        pairs: the hash of their content.
        scale: of the networks.
        images: training images a trial.
        metrics: in the order of the columns.
        rows: with their results.
        methods: the same, as the tables want them.
    """

    folder: Path
    dataset: str
    encoder: str
    pairs: str
    scale: str
    images: int
    metrics: tuple[str, ...]
    rows: tuple[Finished, ...]
    methods: tuple[RowScores, ...]

    @property
    def usable(self) -> tuple[type[Metric], ...]:
        """The metrics whose judges can judge, as far as is known."""
        metrics = [registry.metrics.get(name) for name in self.metrics]
        return usable(metrics, find_health(self.methods, metrics))

    def judge(self, metric: str) -> set[tuple[Any, ...]]:
        """What made a metric's scores, over all results: versions, protocol, judge, images."""
        return {
            (
                result["version"],
                result.get("protocol"),
                score["version"],
                score["judge_fingerprint"],
                score["n"],
            )
            for row in self.rows
            for _, result in row.results
            if (score := result["metrics"].get(metric, {"value": None}))["value"] is not None
        }

    def definition(self, label: str) -> set[str]:
        """Hashes of an arm's options and code, over all results."""
        return {
            content_key([result["job"]["config"], result["job"]["source"]])
            for row in self.rows
            if row.label == label
            for _, result in row.results
        }


def read_studied(folder: Path) -> Studied:
    """A study with its results; see :func:`read_study`."""
    about = read_study(folder)
    rows = read_rows(folder, about)
    names = tuple(about["metrics"])
    return Studied(
        folder=folder,
        dataset=Path(about["dataset"]).name,
        encoder=about["encoder"],
        pairs=about["content_hash"],
        scale=about["scale"],
        images=about["images"],
        metrics=names,
        rows=tuple(rows),
        methods=tuple(to_method(row, names, about["models"]) for row in rows),
    )


def find_arm(text: str, arm: str | None) -> Finished:
    """What a word of the command line names: a job's folder, STUDY:ARM, or a study with ``arm``.

    Args:
        text: the word.
        arm: of a study that is named without one; None for its only model.

    Raises:
        UserError: nothing of the kind, an unknown arm, or an arm without a result.
    """
    path = Path(text)
    if (path / "result.json").is_file():
        found = read_finished(path.name, [path])
    else:
        if not (path / "study.json").is_file():
            # Both may hold colons.
            for colon in (at for at, character in enumerate(text) if character == ":"):
                if (Path(text[:colon]) / "study.json").is_file():
                    path, arm = Path(text[:colon]), text[colon + 1 :]
        about = read_study(path)
        if arm is None:
            if len(about["models"]) != 1:
                raise UserError(
                    f"{path}: holds {', '.join(about['models']) or 'no model'}; say which:"
                    f" {path}:ARM, or --arm ARM"
                )
            arm = str(about["models"][0])
        arm = pick_arm(arm, about["jobs"], str(path))
        found = read_finished(arm, [path / "jobs" / key for key in about["jobs"][arm]])
    if not found.results:
        why = "".join(f"; {one}" for one in found.damaged)
        raise UserError(f"{text}: has no result (yet) that this version can read; run it{why}")
    return found


BETWEEN = (
    "; where both are in one folder, `a2ibench report FOLDER` compares encoders by the metrics that"
    " allow it"
)


def check_alike(rows: Sequence[Finished], metrics: Sequence[str]) -> None:
    """Refuses results that do not belong in one table.

    Raises:
        UserError: they differ in version, protocol, pairs, encoder, test segments, or in the
            definition or judge of a metric; one line names what, and two jobs that differ.
    """
    results = [one for row in rows for one in row.results]
    if not results:
        return
    first_folder, first = results[0]
    for folder, result in results[1:]:
        for name, value in _provenance(result).items():
            if (expected := _provenance(first)[name]) != value:
                said = _differ(name, first_folder, expected, folder, value)
                raise UserError(said + (BETWEEN if name == "encoder" else ""))
    for metric in metrics:
        seen: tuple[Path, tuple[Any, ...]] | None = None
        for folder, result in results:
            score = result["metrics"].get(metric)
            if score is None or score["value"] is None:
                continue
            made = (score["version"], score["judge"], score["judge_fingerprint"])
            if seen is None:
                seen = folder, made
            elif seen[1] != made:
                what = f"version or judge of {metric}"
                raise UserError(_differ(what, seen[0], seen[1], folder, made))


def _provenance(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version of a2ibench": result["version"],
        "protocol": result.get("protocol"),
        "pairs (content of the store)": result["job"]["store"],
        "encoder": (result["encoder"]["name"], result["job"]["encoder"]),
    }


def _differ(name: str, first: Path, expected: Any, second: Path, value: Any) -> str:
    return (
        f"not comparable: {name} differs: {_short(expected)} ({first.name}) and {_short(value)}"
        f" ({second.name})"
    )


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(_short, value))
    return str(value)[:16]


def to_method(row: Finished, metrics: Sequence[str], models: Sequence[str]) -> RowScores:
    """A row as the tables want it."""
    name = row.label.replace(" ", "_")
    kind = row.results[0][1]["job"]["kind"] if row.results else None
    reference = kind == "reference" or (kind is None and name in registry.references.names())
    full = None if kind == "outside" else full_label(row.label, models)
    judges = judges_of([result for _, result in row.results], metrics)
    what = what_reference(name if reference else None)
    model = name if reference or not row.results else str(row.results[0][1]["job"]["method"])
    scores = row.scores(metrics)
    return RowScores(row.label, reference, full, row.asked, scores, *what, judges, model)


def metrics_as_stored(
    rows: Sequence[Finished], names: Sequence[str]
) -> tuple[list[type[Metric]], list[str]]:
    """Metrics in the version by which the results of a study were computed.

    Args:
        rows: results that belong in one table (:func:`check_alike`).
        names: of the metrics.

    Returns:
        The metrics, and a note on those that have another version now.
    """
    found: list[type[Metric]] = []
    aged: dict[tuple[int, int], list[str]] = {}
    for name in names:
        metric: type[Metric] = registry.metrics.get(name)
        versions = [
            score["version"]
            for row in rows
            for _, result in row.results
            if (score := result["metrics"].get(name)) is not None and score["value"] is not None
        ]
        if versions and versions[0] != metric.version:
            aged.setdefault((versions[0], metric.version), []).append(metric.title)
            metric = type(metric.__name__, (metric,), {"version": versions[0]})
        found.append(metric)
    return found, [
        f"{', '.join(titles)}: scores of version {old}; this version of a2ibench computes version"
        f" {new}."
        for (old, new), titles in aged.items()
    ]
