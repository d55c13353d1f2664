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
from a2ibench.study.executors import REPORT_EVERY, Update
from a2ibench.study.executors.torch_trainer import compute_together
from a2ibench.study.job import Task
from a2ibench.study.resources import Machine, Need, check_disk, need_of, trials_at_once
from a2ibench.study.work import failure_noted, work
from a2ibench.training.fit import Progress


@dataclass(frozen=True)
class RayTune:
    """The Ray Tune executor.

    A grid over the tasks under the first-in-first-out scheduler: every arm gets its whole budget. A
    scheduler that stops or changes trials would bias the comparison of arms.

    Attributes:
        scratch: folder for Ray's own files, removed at the end.
        gpus_per_trial: 0, a fraction, or as many as a job has workers. A fraction is bookkeeping,
            not a memory limit. None for one a worker where there is a GPU, else 0.
        address: of a running cluster; None starts Ray on this machine.
        say: tells the user that fewer trials run at once than there are processors for.
    """

    scratch: Path
    gpus_per_trial: float | None = None
    address: str | None = None
    say: Callable[[str], None] = lambda line: None

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """See :class:`a2ibench.study.executors.Executor`."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        import ray
        from ray import tune

        logging.getLogger("ray").setLevel(logging.ERROR)
        started_here = not ray.is_initialized()
        if started_here:
            self._start(ray)
        try:
            machines = _machines(ray)
            need = need_of(tasks, self.gpus_per_trial, machines)
            at_once = trials_at_once(need, machines, len(tasks), self.say)
            check_disk(tasks, at_once)
            by_key = {task.job.key: task for task in tasks}
            ended: set[str] = set()

            def note(update: Update) -> None:
                if update.ended:
                    ended.add(update.task.job.key)
                tell(update)

            tuner = tune.Tuner(
                tune.with_resources(
                    tune.with_parameters(_trial, by_key=by_key, need=need), _resources(need)
                ),
                param_space={"job": tune.grid_search(list(by_key))},
                tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=at_once),
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

    def _start(self, ray: Any) -> None:
        if self.address and re.fullmatch(r"[\w.-]+:\d+", self.address):
            # Ray itself waits for minutes, printing what is for its developers.
            host, _, port = self.address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except OSError as error:
                raise UserError(f"no Ray cluster answers at {self.address}: {error}") from error
        try:
            ray.init(
                # By default Ray would join whatever cluster it finds on this machine.
                address=self.address or "local",
                include_dashboard=False if self.address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"the cluster at {self.address}" if self.address else "Ray on this machine"
            raise UserError(f"cannot reach {where}: {error}; try --executor inline") from error


def _machines(ray: Any) -> list[Machine]:
    """What Ray hands out, machine by machine."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Machine(*(node.get(name, 0.0) for name in ("CPU", "GPU", "memory"))) for node in nodes]


def _resources(need: Need) -> dict[str, float]:
    """Of one trial. Several workers hold their own, and the trial only waits for them: it would
    wait for ever if it held what they need. Ray wants it to hold something: one byte."""
    if need.workers > 1:
        return {"cpu": 0.0, "memory": 1.0}
    return {"cpu": 1.0, "gpu": need.gpus, "memory": need.memory}


def _trial(config: dict[str, str], by_key: Mapping[str, Task], need: Need) -> None:
    """One trial, on a worker."""
    from ray import tune

    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY or progress.step == progress.steps:
            last = time.monotonic()
            tune.report({"step": progress.step, "steps": progress.steps})

    task = by_key[config["job"]]
    if need.workers == 1:
        work(task, report)
        return
    with failure_noted(task):
        compute_together(task, need)


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
