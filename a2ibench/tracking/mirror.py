"""MLflow, a mirror of a study's folder: one parent run a study, one child run a job.

Nothing but the folder is read, so the mirror can be made again at any time: what the server holds
already is found by the study's id and the hashes of the jobs, and told once. Commands that tell the
same study at once take turns, job by job.
"""

import logging
import os
import shlex
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.errors import UserError
from a2ibench.printable import printable
from a2ibench.reporting.report import PAGE
from a2ibench.results.job_state import FAILURE
from a2ibench.results.long_scores import LONG
from a2ibench.results.result_file import RESULT
from a2ibench.results.samples import GRID, step_pictures
from a2ibench.results.study import ABOUT, open_study
from a2ibench.results.study_id import study_id
from a2ibench.storage import content_key, file_sha256, lock
from a2ibench.tracking.limits import CALL, Limited
from a2ibench.tracking.values import (
    JOB,
    LONGEST_NOTE,
    Ended,
    Point,
    clean,
    courses,
    ended,
    job_params,
    places,
    scores,
    struck_text,
    study_note,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

STUDY, MARK = "a2ibench.study_id", "a2ibench.mirrored"
NOTE = "mlflow.note.content"
STRUCK = "struck"
"""The tag that says which metrics are left out."""
POINTS = 1000
PARAMS = 100
"""What a server takes in one request."""
LOCK = ".mirror.lock"
"""In a study's folder: held by the command that tells something of it."""
HOLDER = ".mirror.holder"
"""Beside it: who that is."""
PATIENCE = 2.0
"""Seconds for which a command waits for another without a word."""
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
"""MLflow's own variable; without it an experiment has the name of the study's folder."""


class DeletedExperimentError(UserError):
    """The experiment was deleted on the server; the message says how to go on."""


def _prepare() -> None:
    """MLflow quiet, and soon done with a server that is down; the user's own settings win."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)


def _open(uri: str) -> "MlflowClient":
    """A client; a database beside is opened by one command at a time, which makes its tables."""
    from mlflow.tracking import MlflowClient

    if not uri.startswith("sqlite:///"):
        return MlflowClient(tracking_uri=uri)
    with lock(Path(uri.removeprefix("sqlite:///").partition("?")[0])):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        return client


class Mirror:
    """Tells a tracking server what a study's folder holds. Any error comes out of it.

    Args:
        uri: of the tracking server or database (``sqlite:///…/mlflow.db``, ``http://…``).
        folder: of the study.
        together: seconds for all calls of one method; None for no such limit. One call has
            :data:`a2ibench.tracking.limits.CALL` in any case.
        say: told whom it waits for, where another command tells the same study.

    Raises:
        UserError: no study.
        DeletedExperimentError: the experiment was deleted on the server.
    """

    def __init__(
        self,
        uri: str,
        folder: Path,
        together: float | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        _prepare()
        self._say = say
        self._study = open_study(folder)
        self._keys = list(places(self._study))
        self._uri = uri
        # Typed as what it stands for: it only adds limits of time.
        self._client: Any = Limited(_open(uri), CALL, together)
        self._id = study_id(folder)
        with self._turn():
            self._parent = self._find_parent()
        self._experiment = str(self._parent.info.experiment_id)

    def job(self, key: str) -> bool:
        """Tells the result or failure of one job, if it has any that the server does not know.

        Returns:
            Whether there was something to tell.
        """
        job = ended(self._study, key)
        if job is None:
            return False
        with self._turn():
            # Looked up now: another command may have told it meanwhile.
            child = next(iter(self._children(key)), None)
            if child is not None and child.data.tags.get(MARK) == job.mark:
                return False
            self._tell(job, child or self._make_child(job))
        return True

    def _tell(self, job: Ended, child: "Run") -> None:
        run = child.info.run_id
        self._tell_params(child, job_params(job, self._study.about))
        self._tell_dataset(run, job)
        note = "" if job.failure is None else f"Failed: {job.failure}"
        model = None
        if job.result is not None and job.row.kind == "model" and job.result.spec:
            from a2ibench.tracking.generator import tell_generator

            model = tell_generator(self._client, child, job)
            note += (
                f'`mlflow.pyfunc.load_model("models:/{model}").predict(["sound.wav"],'
                ' params={"n": 8, "seed": 0})` draws eight pictures for a sound.'
            )
        # Scores of a result that was extended since are told once: those that are new.
        known = child.data.metrics
        self._tell_points(run, (p for p in scores(job) if known.get(p.name) != p.value), model)
        self._tell_points(run, courses(job))
        for name in (RESULT, FAILURE, GRID):
            if (job.folder / name).is_file():
                self._client.log_artifact(run, str(job.folder / name))
        self._tell_step_samples(run, job)
        self._client.set_tag(run, NOTE, note[:LONGEST_NOTE])
        self._tell_struck(child, job.struck)
        status = "FINISHED" if job.failure is None else "FAILED"
        self._client.set_terminated(run, status, job.time)
        # The last word: without it the job is told again.
        self._client.set_tag(run, MARK, job.mark)

    def close(self) -> None:
        """Tells the tables and pictures of the study, and how it stands."""
        with self._turn():
            self._close()

    def _close(self) -> None:
        study = self._study
        known = [job for key in self._keys if (job := ended(study, key)) is not None]
        failed = sum(job.failure is not None for job in known)
        run = self._parent.info.run_id
        files = [study.folder / name for name in (ABOUT, LONG, PAGE)]
        files += sorted((study.folder / "tables").glob("*"))
        files = [path for path in files if path.is_file()]
        note = study_note(study, len(known) - failed, failed, self._experiment, run)
        struck = {name: reason for job in known for name, reason in job.struck.items()}
        said = [note, *([struck] if struck else [])]
        mark = content_key([*said, *((path.name, file_sha256(path)) for path in files)])
        parent = self._client.get_run(run)
        if parent.data.tags.get(MARK) != mark:
            for path in files:
                self._client.log_artifact(run, str(path), self._place(path))
            self._client.set_tag(run, NOTE, note)
            self._tell_struck(parent, struck)
            self._client.set_experiment_tag(self._experiment, NOTE, self._experiment_note(note))
            self._client.set_tag(run, MARK, mark)
        if len(known) < len(self._keys):
            self._client.update_run(run, status="RUNNING")
        else:
            end = max((job.time for job in known), default=self._parent.info.start_time)
            self._client.set_terminated(run, "FAILED" if failed else "FINISHED", end)

    def everything(self) -> int:
        """Tells whatever is not known yet; returns how many jobs that was."""
        marks = {run.data.tags.get(JOB): run.data.tags.get(MARK) for run in self._children()}
        told = 0
        for key in self._keys:
            job = ended(self._study, key)
            if job is not None and marks.get(key) != job.mark:
                told += self.job(key)
        self.close()
        return told

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Waits until no other command tells the same study, and counts the time from then on.

        The other one is done with a job sooner or later, since its calls are limited; the system
        takes the lock from one that is killed.
        """
        from filelock import FileLock, Timeout

        lock, holder = FileLock(self._study.folder / LOCK), self._study.folder / HOLDER
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            who = (
                holder.read_text("utf-8", errors="replace")
                if holder.is_file()
                else "another command"
            )
            self._say(
                f"MLflow: waiting for {printable(who[:100])}, which tells {self._study.folder}"
            )
            lock.acquire()
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
            self._client.begin()
            yield
        finally:
            lock.release()

    def _place(self, path: Path) -> str | None:
        return "tables" if path.parent != self._study.folder else None

    def _find_parent(self) -> "Run":
        """The run of this study, in whatever experiment; made where there is none.

        It is found by the study's id alone. Runs of versions that told studies apart by the names
        of their folders are not this study's for certain, and are left as they are.
        """
        if found := self._search(f"tags.`{STUDY}` = '{self._id}'", self._experiments()):
            return found[0]
        self._experiment = self._find_experiment()
        name = self._study.folder.resolve().name
        started = [job.started for key in self._keys if (job := ended(self._study, key))]
        return self._make_run(name, {STUDY: self._id}, min(started, default=None))

    def _experiments(self) -> list[str]:
        found: list[str] = []
        token = None
        while True:
            page = self._client.search_experiments(page_token=token)
            found += [str(experiment.experiment_id) for experiment in page]
            token = page.token
            if not token:
                return found

    def _find_experiment(self) -> str:
        folder = self._study.folder.resolve()
        name = os.environ.get(EXPERIMENT) or folder.name
        found = self._client.get_experiment_by_name(name)
        if found is None:
            beside = folder.parent / "mlartifacts" if self._uri.startswith("sqlite:") else None
            try:
                return str(
                    self._client.create_experiment(
                        name,
                        artifact_location=None if beside is None else beside.as_uri(),
                        # By which MLflow chooses the pages that it offers: no traces, no prompts.
                        tags={"mlflow.experimentKind": "custom_model_development"},
                    )
                )
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
        study, uri = shlex.quote(str(self._study.folder)), shlex.quote(self._uri)
        restore = f"MLFLOW_TRACKING_URI={uri} mlflow experiments restore --experiment-id {number}"
        again = f"a2ibench mirror {study} --tracking-uri {uri}"
        return (
            f"MLflow at {self._uri}: the experiment {name!r} was deleted there; restore it"
            f" (`{restore}`) and say `{again}`, or give another name"
            f" (`{EXPERIMENT}={shlex.quote(name + '-2')} {again}`)"
        )

    def _children(self, key: str | None = None) -> "list[Run]":
        """The runs of the study's jobs, or of one job."""
        wanted = f"tags.`mlflow.parentRunId` = '{self._parent.info.run_id}'"
        if key is not None:
            wanted += f" AND tags.`{JOB}` = '{key}'"
        return self._search(wanted, [self._experiment])

    def _experiment_note(self, note: str) -> str:
        """The note of the study; a list where the experiment holds several."""
        studies = self._search(f"tags.`{STUDY}` LIKE '%'", [self._experiment])
        if len(studies) < 2:
            return note
        lines = [
            f"- [{run.info.run_name}](#/experiments/{self._experiment}/runs/{run.info.run_id}),"
            f" by {run.info.user_id or 'somebody'}"
            for run in studies
        ]
        return "\n".join([f"{len(studies)} studies:", "", *lines])[:LONGEST_NOTE]

    def _make_child(self, job: Ended) -> "Run":
        tags = {JOB: job.state.key, "mlflow.parentRunId": self._parent.info.run_id}
        return self._make_run(job.name, tags, job.started)

    def _make_run(self, name: str, tags: Mapping[str, str], start: int | None) -> "Run":
        tags = {**tags, "mlflow.source.name": "a2ibench", "mlflow.source.type": "LOCAL"}
        return self._client.create_run(self._experiment, start, tags, name)

    def _search(self, wanted: str, experiments: list[str]) -> "list[Run]":
        found: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(experiments, wanted, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _tell_struck(self, run: "Run", struck: Mapping[str, str]) -> None:
        """Which metrics are left out, and why; nothing where none is and none was."""
        if struck or STRUCK in run.data.tags:
            self._client.set_tag(run.info.run_id, STRUCK, struck_text(struck) or "nothing")

    def _tell_params(self, run: "Run", values: Mapping[str, str]) -> None:
        """Those that are not there: MLflow lets no parameter change."""
        from mlflow.entities import Param

        new = [Param(*item) for item in values.items() if item[0] not in run.data.params]
        for start in range(0, len(new), PARAMS):
            self._client.log_batch(run.info.run_id, params=new[start : start + PARAMS])

    def _tell_dataset(self, run: str, job: Ended) -> None:
        """For MLflow's column of data sets."""
        from mlflow.entities import Dataset, DatasetInput

        if job.result is None:
            return
        name, digest = job.result.dataset, job.result.job.store[:8]
        source = {"content_hash": job.result.job.store}
        entity = Dataset(clean(name), digest, "a2ibench", str(source))
        self._client.log_inputs(run, [DatasetInput(entity)])

    def _tell_points(self, run: str, points: Iterable[Point], model: str | None = None) -> None:
        from mlflow.entities import Metric

        values = [Metric(*point, model_id=model) for point in points]
        for start in range(0, len(values), POINTS):
            self._client.log_batch(run, metrics=values[start : start + POINTS])

    def _tell_step_samples(self, run: str, job: Ended) -> None:
        """Under one name, so that MLflow shows them with a slider over the steps."""
        from PIL import Image

        pictures = step_pictures(job.folder)
        if not pictures:
            return
        known = {Path(file.path).name for file in self._client.list_artifacts(run, "images")}
        for step, path in pictures.items():
            # A picture is two files, the small one last.
            there = (name.startswith(f"samples+step+{step}+") for name in known)
            if sum(there) < 2:
                with Image.open(path, formats=["PNG"]) as image:
                    self._client.log_image(
                        run, image, key="samples", step=step, timestamp=job.time, synchronous=True
                    )
