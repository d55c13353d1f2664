"""MLflow as a mirror of a study's folder: a parent run per study, a child run per job.

Only the folder is read, so the mirror can be made again at any time: the runs on the server are
found by the study's id and the jobs' hashes, and each job is logged once. Commands that mirror the
same study at the same time take turns, job by job.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.errors import UserError
from a2ibench.printable import printable
from a2ibench.reporting.report import PAGE
from a2ibench.results.job_images import GRID, step_pictures
from a2ibench.results.job_state import FAILURE
from a2ibench.results.result_file import RESULT
from a2ibench.results.results_parquet import LONG
from a2ibench.results.study import ABOUT, open_study
from a2ibench.results.study_id import study_id
from a2ibench.storage import content_key, file_sha256
from a2ibench.tracking import params_and_metrics
from a2ibench.tracking.params_and_metrics import JOB, LONGEST_NOTE, Ended, Point
from a2ibench.tracking.study_runs import StudyRuns, open_client
from a2ibench.tracking.timeouts import CALL, Limited

if TYPE_CHECKING:
    from mlflow.entities import Run

MARK = "a2ibench.mirrored"
NOTE = "mlflow.note.content"
STRUCK = "struck"
"""Tag that says which metrics are left out."""
POINTS = 1000
"""Largest number of metric values that a server accepts in one request."""
PARAMS = 100
"""Largest number of parameters that a server accepts in one request."""
LOCK = ".mirror.lock"
"""File in a study's folder, locked by the command that mirrors part of it."""
HOLDER = ".mirror.holder"
"""File beside it that names the process and the machine that hold the lock."""
PATIENCE = 2.0
"""Seconds that a command waits for another before it says so."""


class Mirror:
    """Log a study's folder to a tracking server. Errors of MLflow are not caught.

    Args:
        uri: address of the server or database (``sqlite:///…/mlflow.db``, ``http://…``).
        folder: the study's folder.
        together: limit in seconds for all calls of one method; None for no such limit. Each single
            call is limited to :data:`a2ibench.tracking.timeouts.CALL` in any case.
        say: receives a line when the command waits for another one.

    Raises:
        UserError: there is no study, or its experiment was deleted on the server.
    """

    def __init__(
        self,
        uri: str,
        folder: Path,
        together: float | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._say = say
        self._study = open_study(folder)
        self._keys = list(params_and_metrics.places(self._study))
        # Has the methods of MLflow's client, with time limits.
        self._client: Any = Limited(open_client(uri), CALL, together)
        study = study_id(folder)
        with self._turn():
            self._runs = StudyRuns(self._client, uri, folder, study, self._started)

    def job(self, key: str) -> bool:
        """Log one job's result or failure; return whether it was new to the server."""
        job = params_and_metrics.ended(self._study, key)
        if job is None:
            return False
        with self._turn():
            # Looked up now: another command may have logged it meanwhile.
            child = next(iter(self._runs.children(key)), None)
            if child is not None and child.data.tags.get(MARK) == job.mark:
                return False
            self._log(job, child or self._runs.create_child(job))
        return True

    def everything(self) -> int:
        """Log whatever is new to the server; return the number of jobs."""
        marks = {run.data.tags.get(JOB): run.data.tags.get(MARK) for run in self._runs.children()}
        new = [job.state.key for job in self._ended() if marks.get(job.state.key) != job.mark]
        logged = sum(self.job(key) for key in new)
        with self._turn():
            self._log_study()
        return logged

    def _ended(self) -> list[Ended]:
        return [
            job
            for key in self._keys
            if (job := params_and_metrics.ended(self._study, key)) is not None
        ]

    def _started(self) -> int | None:
        return min((job.started for job in self._ended()), default=None)

    def _log(self, job: Ended, child: "Run") -> None:
        run, state = child.info.run_id, job.state
        self._log_params(child, params_and_metrics.job_params(job, self._study.about))
        self._log_dataset(run, job)
        note = "" if state.failure is None else f"Failed: {state.failure}"
        model = None
        if state.result is not None and job.row.kind == "model" and state.result.spec:
            from a2ibench.tracking.logged_generator import log_generator

            try:
                model = log_generator(self._client, child, job)
                note += (
                    f'`mlflow.pyfunc.load_model("models:/{model}").predict(["sound.wav"],'
                    ' params={"n": 8, "seed": 0})` draws eight pictures for a sound.'
                )
            except UserError as error:
                note += f"The generator is not logged: {error}"
        # If a result was extended, only its new scores are logged.
        known = child.data.metrics
        new = [
            point
            for point in params_and_metrics.scores(job)
            if known.get(point.name) != point.value
        ]
        self._log_points(run, new, model)
        self._log_points(run, params_and_metrics.curves(job))
        for name in (RESULT, FAILURE, GRID):
            if (state.folder / name).is_file():
                self._client.log_artifact(run, str(state.folder / name))
        self._log_step_samples(run, job)
        self._client.set_tag(run, NOTE, note[:LONGEST_NOTE])
        self._log_struck(child, job.struck)
        status = "FINISHED" if state.failure is None else "FAILED"
        self._client.set_terminated(run, status, job.time)
        # Last: a job without this mark is logged again.
        self._client.set_tag(run, MARK, job.mark)

    def _log_study(self) -> None:
        """Log the study's tables and pictures, and its state."""
        study, known, parent = self._study, self._ended(), self._runs.parent
        failed = sum(job.state.failure is not None for job in known)
        run, experiment = parent.info.run_id, self._runs.experiment
        files = [study.folder / name for name in (ABOUT, LONG, PAGE)]
        files += sorted((study.folder / "tables").glob("*"))
        files = [path for path in files if path.is_file()]
        note = params_and_metrics.study_note(study, len(known) - failed, failed, experiment, run)
        struck = {name: reason for job in known for name, reason in job.struck.items()}
        said = [note, *([struck] if struck else [])]
        mark = content_key([*said, *((path.name, file_sha256(path)) for path in files)])
        now = self._client.get_run(run)
        if now.data.tags.get(MARK) != mark:
            for path in files:
                place = "tables" if path.parent != study.folder else None
                self._client.log_artifact(run, str(path), place)
            self._client.set_tag(run, NOTE, note)
            for name, text in params_and_metrics.primary_tags(study).items():
                self._client.set_tag(run, name, text)
            self._log_struck(now, struck)
            whole = self._runs.experiment_note(note)
            self._client.set_experiment_tag(experiment, NOTE, whole)
            self._client.set_tag(run, MARK, mark)
        if len(known) < len(self._keys):
            self._client.update_run(run, status="RUNNING")
        else:
            end = max((job.time for job in known), default=parent.info.start_time)
            self._client.set_terminated(run, "FAILED" if failed else "FINISHED", end)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other command mirrors the study; time limits start then.

        The other command finishes its job eventually, since its calls are limited; the operating
        system releases the lock of a command that is killed.
        """
        from filelock import FileLock, Timeout

        lock, holder = FileLock(self._study.folder / LOCK), self._study.folder / HOLDER
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            who = "another command"
            if holder.is_file():
                who = printable(holder.read_text("utf-8", errors="replace")[:100])
            self._say(f"MLflow: waiting for {who}, which mirrors {self._study.folder}")
            lock.acquire()
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
            self._client.begin()
            yield
        finally:
            lock.release()

    def _log_struck(self, run: "Run", struck: Mapping[str, str]) -> None:
        """Log the metrics that are left out, if there are any or were any before."""
        if struck or STRUCK in run.data.tags:
            self._client.set_tag(
                run.info.run_id, STRUCK, params_and_metrics.struck_text(struck) or "nothing"
            )

    def _log_params(self, run: "Run", params: Mapping[str, str]) -> None:
        """Log the parameters that are not there yet; MLflow does not let them change."""
        from mlflow.entities import Param

        new = [Param(*item) for item in params.items() if item[0] not in run.data.params]
        for start in range(0, len(new), PARAMS):
            self._client.log_batch(run.info.run_id, params=new[start : start + PARAMS])

    def _log_dataset(self, run: str, job: Ended) -> None:
        """Fill MLflow's dataset column."""
        from mlflow.entities import Dataset, DatasetInput

        if (result := job.state.result) is None:
            return
        source = str({"content_hash": result.job.store})
        entity = Dataset(
            params_and_metrics.clean(result.dataset), result.job.store[:8], "a2ibench", source
        )
        self._client.log_inputs(run, [DatasetInput(entity)])

    def _log_points(self, run: str, points: Sequence[Point], model: str | None = None) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(*point, model_id=model) for point in points]
        for start in range(0, len(metrics), POINTS):
            self._client.log_batch(run, metrics=metrics[start : start + POINTS])

    def _log_step_samples(self, run: str, job: Ended) -> None:
        """Log samples under one name, so that MLflow shows them with a slider over the steps."""
        from PIL import Image

        pictures = step_pictures(job.state.folder)
        if not pictures:
            return
        known = {Path(file.path).name for file in self._client.list_artifacts(run, "images")}
        for step, path in pictures.items():
            # A picture is two files; the small one is logged last.
            if sum(name.startswith(f"samples+step+{step}+") for name in known) < 2:
                with Image.open(path, formats=["PNG"]) as image:
                    self._client.log_image(
                        run, image, key="samples", step=step, timestamp=job.time, synchronous=True
                    )
