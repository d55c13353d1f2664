"""The state of a job, by its folder: a result, or the reason why there is none."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.printable import printable
from a2ibench.results import records
from a2ibench.results.job import Job, Task
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Origin, Result
from a2ibench.results.result_file import (
    BLOCKS,
    SEGMENTS,
    STRATUM,
    damaged,
    load_result,
    score_path,
)
from a2ibench.results.system_metrics import read_system_metrics
from a2ibench.storage import write_json
from a2ibench.types import IntArray

FAILURE = "failure.json"
ORIGIN = "outside.json"
"""In the folder of an outside system's job: where its images came from, and what was odd."""
PLUGINS = "plugins"
"""In the folder of a model's job: the user's plug-in files that it was trained with."""
CHECKPOINT = "checkpoint.safetensors"

Columns = Mapping[str, npt.NDArray[np.float64]]


class JobState:
    """The state of one job, by the files in its folder: each is read when needed, and once.

    The folder need not be there; ``number`` is the job's place among the seeds of its row.
    """

    def __init__(self, folder: Path, number: int = 0) -> None:
        self.folder = folder
        self.number = number
        self._files: dict[str, Columns] = {}

    @property
    def key(self) -> str:
        """The job's hash."""
        return self.folder.name

    @cached_property
    def _loaded(self) -> tuple[Result | None, str | None]:
        try:
            return load_result(self.folder), None
        except DamagedError as error:
            return None, str(error)

    def with_scores(
        self, result: Result, job: Job, blocks: Columns, segments: Columns
    ) -> "JobState":
        """Return the state with another result, whose scores are in no file.

        ``job`` is what the result is of; ``blocks`` holds the pseudo-values by metric, and the
        strata; ``segments`` the scores of the test segments, of the metrics that have them.
        """
        other = JobState(self.folder, self.number)
        other.__dict__.update(_loaded=(result, None), job=job)
        other._files.update({BLOCKS: blocks, SEGMENTS: segments})
        return other

    @property
    def result(self) -> Result | None:
        """Its result; None where it has none (yet), or a damaged one."""
        return self._loaded[0]

    @property
    def damage(self) -> str | None:
        """The reason why its result is not believed, in one line; None where nothing is wrong."""
        return self._loaded[1]

    @property
    def seed(self) -> int:
        """Its training seed; of a job without a result, its place among the seeds of the row."""
        return self.number if self.result is None else self.result.job.seed

    @cached_property
    def failure(self) -> str | None:
        """The reason why it has no result though it ended, in one line; None otherwise.

        It failed, or its result is damaged: the study's command computes it again.
        """
        if self.damage is not None:
            return f"{self.damage}; the study's command computes it again"
        path = self.folder / FAILURE
        if not path.is_file():
            return None
        try:
            reason = read_record(records.Failure, path).reason
        except DamagedError as error:
            return f"{FAILURE} is damaged ({error})"
        return " ".join(printable(reason).split())

    def failure_by(self, metrics: Iterable[str]) -> str | None:
        """Return why it has no scores by all metrics that are asked for now; None where it has
        them, or where nothing failed. What failed under an earlier command counts no more."""
        return None if self.has_all(metrics) else self.failure

    @property
    def begun(self) -> bool:
        """Whether its training left a checkpoint."""
        return (self.folder / CHECKPOINT).is_file()

    @property
    def gap(self) -> str | None:
        """The reason why it has no result; None where it has one."""
        if self.result is not None:
            return None
        if self.failure is not None:
            return self.failure
        return "interrupted: re-run the same command to resume" if self.begun else "not begun"

    @cached_property
    def origin(self) -> Origin | None:
        """The origin of an outside system's images; None where no file says so."""
        with suppress(OSError, DamagedError):
            return read_record(Origin, self.folder / ORIGIN)
        return None

    @cached_property
    def job(self) -> Job | None:
        """The job itself; None where no file in its folder describes it."""
        found = self.origin or self.result
        if found is None:
            return None
        return Job.from_record(found.job, found.protocol if isinstance(found, Result) else 1)

    @cached_property
    def machine(self) -> list[records.Sample]:
        """Samples of the machine while it trained, oldest first; see :mod:`.machine_samples`."""
        return read_system_metrics(self.folder)

    def has_all(self, metrics: Iterable[str]) -> bool:
        """Return whether the result has every metric that is asked for, as it is defined now.

        The same as :func:`is_done` where no task says which judges see the pictures: scores of
        another judge count. So do those of a metric that is not installed here.
        """
        if self.result is None:
            return False
        scores, known = self.result.metrics, registry.metrics
        return all(
            (score := scores.get(name)) is not None
            and (name not in known or score.version == known.get(name).version)
            for name in metrics
        )

    def is_done(self, metrics: Iterable[str], judges: Mapping[str, str]) -> bool:
        """Return whether there is a result with every metric, as it is defined now, by these
        judges; without a result a job is not done, even where nothing is measured."""
        return self.result is not None and not missing(self.result, metrics, judges)

    def blocks(self, metric: str) -> npt.NDArray[np.float64]:
        """Return the jackknife pseudo-values of a metric, float64 ``[B]``.

        Raises:
            UserError: the file that holds them is damaged.
        """
        try:
            return self._columns(BLOCKS)[metric]
        except KeyError as error:
            raise damaged(score_path(self.folder, self.result, BLOCKS), error) from error

    @property
    def strata(self) -> IntArray | None:
        """The stratum of each block, int64 ``[B]``; None in results of protocol 1, which had none.

        Raises:
            UserError: the file that holds them is damaged.
        """
        found = self._columns(BLOCKS).get(STRATUM)
        return None if found is None else found.astype(np.int64)

    def segments(self, metric: str) -> npt.NDArray[np.float64] | None:
        """Return the scores of the test segments, float64 ``[n]``; None for a metric without.

        Raises:
            UserError: the file that holds them is damaged.
        """
        kept = score_path(self.folder, self.result, SEGMENTS)
        if SEGMENTS not in self._files and not kept.is_file():
            return None
        return self._columns(SEGMENTS).get(metric)

    def _columns(self, kind: str) -> Columns:
        from pyarrow import parquet

        if kind not in self._files:
            path = score_path(self.folder, self.result, kind)
            try:
                # Not by way of a data frame: hundreds of small files are read.
                with path.open("rb") as stream:  # of a path like a:b/c it would make a URI
                    table = parquet.ParquetFile(stream).read()
                self._files[kind] = {
                    name: np.asarray(table[name], dtype=np.float64) for name in table.column_names
                }
            except ValueError as error:
                raise damaged(path, error) from error
        return self._files[kind]


Jobs = Mapping[str, Sequence[JobState]]
"""Label of a row → its jobs, in the order of the seeds."""


def is_done(task: Task) -> bool:
    """Return whether the result has every metric that is asked for, as it is defined now."""
    return JobState(task.folder).is_done(task.metrics, task.judges)


def missing(result: Result | None, metrics: Iterable[str], judges: Mapping[str, str]) -> list[str]:
    """Return the metrics that a result, if there is one, lacks as they are defined now."""
    return [name for name in metrics if result is None or not is_current(result, name, judges)]


def is_current(result: Result, metric: str, judges: Mapping[str, str]) -> bool:
    """Return whether a result holds a metric in its present version, seen by the present judge.

    Scores of two versions, or of two judges, are never in one table.
    """
    plugin = registry.metrics.get(metric)
    score = result.metrics.get(metric)
    return score is not None and (score.version, score.judge_fingerprint) == (
        plugin.version,
        judges.get(plugin.judge, OWN),
    )


def write_failure(folder: Path, reason: str, trace: str | None = None) -> None:
    """Mark the job of a folder as failed; ``trace`` is for whoever mends the code."""
    write_json(folder / FAILURE, {"reason": reason, "trace": trace})
