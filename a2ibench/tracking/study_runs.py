"""A study's runs on a tracking server: found by the study's id and its jobs' hashes, or created."""

import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from a2ibench.errors import UserError, command
from a2ibench.storage import lock
from a2ibench.tracking.params_and_metrics import JOB, LONGEST_NOTE, Ended

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

STUDY = "a2ibench.study_id"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
"""MLflow's own variable; without it, an experiment is named after the study's folder."""


class DeletedExperimentError(UserError):
    """The experiment was deleted on the server; the message says what to do."""


def open_client(uri: str) -> "MlflowClient":
    """Open a tracking server. A local database is opened by one command at a time, to create its
    tables only once.

    MLflow is kept quiet and gives up early on a server that is down; the user's own settings win.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    if (database := database_file(uri)) is None:
        return MlflowClient(tracking_uri=uri)
    # MLflow 3.17 makes the folder that the URI names before it is decoded, too.
    undecoded = Path(uri.removeprefix("sqlite:///")).parent
    unwanted = not undecoded.exists()
    with lock(database):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        if unwanted:
            with suppress(OSError):  # it is not there, or somebody uses it
                os.removedirs(undecoded)
        return client


def database_uri(file: Path) -> str:
    """Return the URI of a database's file. In a URI, ? ends the path, % begins a character."""
    return f"sqlite:///{str(file.resolve()).replace('%', '%25').replace('?', '%3F')}"


def database_file(uri: str) -> Path | None:
    """Return the file of a database's URI; None for a server."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


class StudyRuns:
    """The parent run of a study and the child run of each job.

    The parent is found by the study's id alone, in any experiment. Runs of versions that
    identified studies by the names of their folders may belong to another study, and are left as
    they are.

    Args:
        client: MLflow's client, or an object with its methods.
        uri: address of the server.
        folder: the study's folder.
        study: the study's id.
        started: start of a new parent run, in milliseconds since 1970; None for now.

    Raises:
        DeletedExperimentError: the experiment was deleted on the server.
    """

    def __init__(
        self, client: Any, uri: str, folder: Path, study: str, started: Callable[[], int | None]
    ) -> None:
        self._client, self._uri, self._folder = client, uri, folder
        everywhere = [str(one.experiment_id) for one in _all(client.search_experiments)]
        if found := self._search(f"tags.`{STUDY}` = '{study}'", everywhere):
            self.parent = found[0]
            self.experiment = str(self.parent.info.experiment_id)
        else:
            self.experiment = self._find_experiment()
            self.parent = self._create(folder.resolve().name, {STUDY: study}, started())

    def children(self, key: str | None = None) -> "list[Run]":
        """Return the runs of all jobs, or of one."""
        wanted = f"tags.`mlflow.parentRunId` = '{self.parent.info.run_id}'"
        if key is not None:
            wanted += f" AND tags.`{JOB}` = '{key}'"
        return self._search(wanted, [self.experiment])

    def create_child(self, job: Ended) -> "Run":
        """Create the run of a job."""
        tags = {JOB: job.state.key, "mlflow.parentRunId": self.parent.info.run_id}
        return self._create(job.name, tags, job.started)

    def experiment_note(self, note: str) -> str:
        """Return the note of the only study in the experiment, or a list of several studies."""
        studies = self._search(f"tags.`{STUDY}` LIKE '%'", [self.experiment])
        if len(studies) < 2:
            return note
        lines = [
            f"- [{run.info.run_name}](#/experiments/{self.experiment}/runs/{run.info.run_id}),"
            f" by {run.info.user_id or 'somebody'}"
            for run in studies
        ]
        return "\n".join([f"{len(studies)} studies:", "", *lines])[:LONGEST_NOTE]

    def _search(self, wanted: str, experiments: list[str]) -> "list[Run]":
        return list(_all(self._client.search_runs, experiments, wanted))

    def _create(self, name: str, tags: Mapping[str, str], start: int | None) -> "Run":
        tags = {**tags, "mlflow.source.name": "a2ibench", "mlflow.source.type": "LOCAL"}
        return self._client.create_run(self.experiment, start, tags, name)

    def _find_experiment(self) -> str:
        folder = self._folder.resolve()
        name = os.environ.get(EXPERIMENT) or folder.name
        found = self._client.get_experiment_by_name(name)
        if found is None:
            beside = folder.parent / "mlartifacts" if self._uri.startswith("sqlite:") else None
            location = None if beside is None else beside.as_uri()
            # MLflow chooses its pages by this tag: no traces, no prompts.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            try:
                return str(self._client.create_experiment(name, location, tags))
            except Exception:
                # Another study of that name may have made it meanwhile.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        number = str(found.experiment_id)
        if found.lifecycle_stage != "active":
            raise DeletedExperimentError(self._was_deleted(name, number))
        return number

    def _was_deleted(self, name: str, number: str) -> str:
        uri = shlex.quote(self._uri)
        restore = f"MLFLOW_TRACKING_URI={uri} mlflow experiments restore --experiment-id {number}"
        again = command("mirror", self._folder, "--tracking-uri", self._uri)
        return (
            f"MLflow at {self._uri}: the experiment {name!r} was deleted there; restore it"
            f" (`{restore}`) and run `{again}`, or choose another name"
            f" (`{EXPERIMENT}={shlex.quote(name + '-2')} {again}`)"
        )


def _all(search: Callable[..., Any], *args: Any) -> Iterator[Any]:
    """Yield what a search of MLflow's client finds, page by page."""
    token = None
    while True:
        page = search(*args, page_token=token)
        yield from page
        if not (token := page.token):
            return
