"""Ray Tune: one trial a task, over the processors and GPUs of a machine or a cluster."""

import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.storage import write_json
from a2ibench.study.executors import Update
from a2ibench.study.job import Task
from a2ibench.study.work import work
from a2ibench.training.fit import Progress

REPORT_EVERY = 1.0
"""Seconds between two reports of a trial to the driver."""


@dataclass(frozen=True)
class RayTune:
    """The Ray Tune executor.

    A grid over the tasks under the first-in-first-out scheduler: every arm gets its whole budget. A
    scheduler that stops or changes trials would bias the comparison of arms.

    Attributes:
        scratch: folder for Ray's own files, removed at the end.
        gpus_per_trial: 0, a fraction, or 1. A fraction is bookkeeping, not a memory limit. None
            for 1 where there is a GPU, else 0.
        address: of a running cluster; None starts Ray on this machine.
    """

    scratch: Path
    gpus_per_trial: float | None = None
    address: str | None = None

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """See :class:`a2ibench.study.executors.Executor`."""
        started_here = self.start()
        import ray
        from ray import tune

        try:
            there: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            resources = {"cpu": 1.0, "gpu": self._gpus(there)}
            by_key = {task.job.key: task for task in tasks}
            ended: set[str] = set()

            def note(update: Update) -> None:
                if update.ended:
                    ended.add(update.task.job.key)
                tell(update)

            tuner = tune.Tuner(
                tune.with_resources(tune.with_parameters(_trial, by_key=by_key), resources),
                param_space={"job": tune.grid_search(list(by_key))},
                tune_config=tune.TuneConfig(reuse_actors=True),
                run_config=tune.RunConfig(
                    name="trials",
                    storage_path=str(self.scratch.resolve()),
                    verbose=0,
                    callbacks=[_teller(by_key, note)],
                ),
            )
            tuner.fit()
            if len(ended) < len(by_key):
                # Tune itself handles Ctrl-C: it stops its trials and returns.
                raise KeyboardInterrupt
        finally:
            if started_here:
                ray.shutdown()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self) -> bool:
        """Starts Ray, or joins the cluster; False where this process is in one already.

        Raises:
            UserError: no cluster answers, or Ray does not start.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)
        if ray.is_initialized():
            return False
        if self.address and re.fullmatch(r"[\w.-]+:\d+", self.address):
            # Ray itself waits for minutes, printing what is for its developers.
            host, _, port = self.address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except OSError as error:
                raise UserError(f"no Ray cluster answers at {self.address}: {error}") from error
        try:
            ray.init(
                address=self.address,
                include_dashboard=False if self.address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return True
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"the cluster at {self.address}" if self.address else "Ray on this machine"
            raise UserError(f"cannot reach {where}: {error}; try --executor inline") from error

    def _gpus(self, cluster: Mapping[str, float]) -> float:
        """GPUs a trial, checked against what the cluster has.

        Raises:
            UserError: a trial could never start.
        """
        there = cluster.get("GPU", 0.0)
        wanted = self.gpus_per_trial
        if wanted is None:
            return 1.0 if there else 0.0
        if wanted > there:
            raise UserError(
                f"--gpus-per-trial {wanted:g}, but Ray has {there:g} GPUs and"
                f" {cluster.get('CPU', 0):g} CPUs: no trial could start"
            )
        return wanted


def _trial(config: dict[str, str], by_key: Mapping[str, Task]) -> None:
    """One trial, on a worker."""
    from ray import tune

    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY or progress.step == progress.steps:
            last = time.monotonic()
            tune.report({"step": progress.step, "steps": progress.steps})

    work(by_key[config["job"]], report)


def _teller(by_key: Mapping[str, Task], tell: Callable[[Update], None]) -> Any:
    """A Tune callback that passes the news on."""
    from ray.tune import Callback

    class Teller(Callback):
        def __init__(self, tell: Callable[[Update], None] | None) -> None:
            self.tell = tell

        def __getstate__(self) -> dict[str, None]:
            # Tune stores its callbacks to restore a run later; ours is restored from its own files.
            return {"tell": None}

        def _tell(self, trial: Any, **news: Any) -> None:
            assert self.tell is not None
            self.tell(Update(by_key[trial.config["job"]], **news))

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self._tell(trial)

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
        ) -> None:
            if "step" in result:
                self._tell(trial, step=result["step"], steps=result["steps"])

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self._tell(trial, ended=True)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            # The worker itself died (out of memory, killed): it could not write its own reason.
            task = by_key[trial.config["job"]]
            text = Path(trial.error_file).read_text() if trial.error_file else "no trace"
            reason = f"the worker died: {text.strip().splitlines()[-1]}"
            write_json(task.folder / "failure.json", {"reason": reason, "trace": text})
            self._tell(trial, ended=True)

    return Teller(tell)
