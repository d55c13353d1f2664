"""MLflow, a mirror of the results files: one parent run a study, one child run a job."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.storage import content_key
from a2ibench.study.job import Task
from a2ibench.study.work import read_result

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARTS = ("training", "evaluation")
"""What a job spends its time on."""
BLOCK = 500
"""Values a request; the server takes 1,000."""


class Mirror:
    """Writes to a tracking server. What goes wrong there is said once and costs only the mirror.

    Args:
        uri: of the tracking server or database (``sqlite:///…/mlflow.db``, ``http://…``).
        artifacts: folder for pictures and files, beside a local database.
        study: its name: the experiment's and the parent run's.
        say: prints one line.
    """

    def __init__(self, uri: str, artifacts: Path, study: str, say: Callable[[str], None]) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._study = study
        self._say = say
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._parent = ""

    @property
    def alive(self) -> bool:
        """Whether it was opened and nothing has gone wrong since."""
        return self._client is not None

    def open(self, plan: Mapping[str, Any]) -> None:
        """Creates or finds the experiment and the parent run, before any trial starts."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # A server that is down is given up after seconds, not after MLflow's usual minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
        logging.getLogger("alembic").setLevel(logging.ERROR)
        from mlflow.tracking import MlflowClient

        with self._forgiving():
            self._artifacts.parent.mkdir(parents=True, exist_ok=True)
            client = MlflowClient(tracking_uri=self._uri)
            found = client.get_experiment_by_name(self._study)
            if found is not None:
                self._experiment = found.experiment_id
            else:
                local = self._uri.startswith("sqlite:")
                self._experiment = client.create_experiment(
                    self._study,
                    artifact_location=self._artifacts.resolve().as_uri() if local else None,
                )
            self._client = client
            self._parent = self._run({"a2ibench.study": content_key(self._study)}, self._study)
            client.update_run(self._parent, status="RUNNING")
            self._log_params(self._parent, plan)

    def job(self, task: Task, label: str, picture: Path | None) -> None:
        """Writes the result or failure of one job, in the child run that holds its hash, once."""
        with self._forgiving():
            if self._client is None:
                return
            result = read_result(task.folder)
            run = self._run(
                {"a2ibench.job": task.job.key, "mlflow.parentRunId": self._parent},
                f"{label}, seed {task.job.seed}",
                seconds=sum((result or {}).get(f"{part}_seconds", 0) for part in PARTS),
            )
            written = self._client.get_run(run)
            if written.info.status == "FINISHED" and _scores(result) <= set(written.data.metrics):
                return
            self._log_params(
                run,
                {
                    "arm": label,
                    "seed": task.job.seed,
                    "images": task.job.images,
                    "encoder": task.encoder,
                    **{f"config.{name}": value for name, value in task.job.config.items()},
                },
            )
            failure = task.folder / "failure.json"
            if result is None:
                if failure.exists():
                    self._client.log_artifact(run, str(failure))
                self._client.set_terminated(run, "FAILED")
                return
            self._log_curves(run, result)
            self._client.log_artifact(run, str(task.folder / "result.json"))
            if picture is not None:
                self._client.log_artifact(run, str(picture))
            self._client.set_terminated(run, "FINISHED")

    def close(self, artifacts: Path, failed: bool) -> None:
        """Puts the tables and pictures of the study at the parent run and ends it."""
        with self._forgiving():
            if self._client is None:
                return
            for path in sorted(artifacts.glob("*")):
                self._client.log_artifact(self._parent, str(path))
            self._client.set_terminated(self._parent, "FAILED" if failed else "FINISHED")

    def _run(self, tags: Mapping[str, str], name: str, seconds: float = 0) -> str:
        """Finds the run with these tags, or creates it: a resumed study doubles nothing.

        A new run's start is set back by the time that its job took.
        """
        assert self._client is not None
        wanted = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
        found = self._client.search_runs([self._experiment], wanted, max_results=1)
        if found:
            return str(found[0].info.run_id)
        start = int(1000 * (time.time() - seconds))
        made = self._client.create_run(self._experiment, start, dict(tags), name)
        return str(made.info.run_id)

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        assert self._client is not None
        known = self._client.get_run(run).data.params
        new = [
            Param(name, str(value)[:6000]) for name, value in values.items() if name not in known
        ]
        if new:
            self._client.log_batch(run, params=new)

    def _log_curves(self, run: str, result: Mapping[str, Any]) -> None:
        """Training curves by step, and every score at the last step."""
        from mlflow.entities import Metric

        assert self._client is not None
        now = int(time.time() * 1000)
        steps = result.get("steps", 0)
        values = [
            Metric(f"loss/{name}", value, now, int(row["step"]))
            for row in result.get("curve", [])
            for name, value in row.items()
            if name != "step"
        ]
        values += [
            Metric(_score_name(name, score), score["value"], now, steps)
            for name, score in result["metrics"].items()
            if score["value"] is not None
        ]
        for name in ("training_seconds", "evaluation_seconds", "images_per_second", "parameters"):
            if name in result:
                values.append(Metric(name, float(result[name]), now, steps))
        for start in range(0, len(values), BLOCK):
            self._client.log_batch(run, metrics=values[start : start + BLOCK])

    @contextlib.contextmanager
    def _forgiving(self) -> Any:
        """The mirror stops at its first error; the study does not."""
        try:
            yield
        except Exception as error:
            self._client = None
            line = str(error).strip().splitlines()[0] if str(error).strip() else ""
            self._say(
                f"MLflow at {self._uri} cannot be written ({type(error).__name__}: {line[:200]});"
                " the results files are complete without it"
            )


def _score_name(metric: str, score: Mapping[str, Any]) -> str:
    """A metric with the version of its definition."""
    return f"{metric}_v{score['version']}"


def _scores(result: Mapping[str, Any] | None) -> set[str]:
    return (
        set()
        if result is None
        else {
            _score_name(*item) for item in result["metrics"].items() if item[1]["value"] is not None
        }
    )
