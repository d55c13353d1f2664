"""Ray Tune: one trial a task, over the processors and GPUs of a machine or a cluster."""

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.errors import StoppedError, UserError
from a2ibench.results.job import Task
from a2ibench.results.job_state import write_failure
from a2ibench.runs.attempt import work
from a2ibench.runs.executors import Update, now_and_then
from a2ibench.runs.executors.ray_ready import check_cluster, check_local, knock
from a2ibench.runs.executors.torch_trainer import compute_together
from a2ibench.study.resources import Machine, Need, find_room, this_machine

OBJECT_STORE = 0.3
"""The share of the memory that Ray keeps for its object store, by default."""


@dataclass(frozen=True)
class RayTune:
    """The Ray Tune executor.

    A grid over the tasks under the first-in-first-out scheduler: every arm gets its whole budget. A
    scheduler that stops or changes trials would bias the comparison of arms.

    Attributes:
        gpus_per_trial: 0, a fraction, or as many as a job has workers. A fraction is bookkeeping,
            not a memory limit. None for one a worker where there is a GPU, else 0.
        address: of a running cluster; without one Ray is started on this machine.
        say: tells the user that fewer trials run at once than there are processors for.
    """

    gpus_per_trial: float | None = None
    address: str | None = None
    say: Callable[[str], None] = lambda line: None

    def room(self, tasks: Sequence[Task]) -> int:
        """See :class:`a2ibench.runs.executors.Executor`.

        Ray is not started on this machine for it; a cluster is joined, and left again.
        """
        if self.address:
            with self._started():
                machines = self.machines()
        else:
            machines = [self._own_machine()]
        return find_room(tasks, self.gpus_per_trial, machines, len(tasks), lambda line: None)[1]

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """See :class:`a2ibench.runs.executors.Executor`."""
        with self._started():
            machines = self.machines()
            room = find_room(tasks, self.gpus_per_trial, machines, len(tasks), self.say)
            with tempfile.TemporaryDirectory(prefix="a2ibench-") as scratch:
                _fit(tasks, tell, *room, scratch)

    @contextmanager
    def _started(self) -> Iterator[None]:
        started_here = self.start()
        import ray

        try:
            yield
        finally:
            if started_here:
                ray.shutdown()

    def check(self) -> None:
        """Tries what can be tried before anything is computed.

        Raises:
            UserError: no cluster answers, a node of it lacks this package or has another version of
                it, or Ray cannot start on this machine.
        """
        if self.address:
            check_cluster(self.address)
        else:
            check_local()

    def _own_machine(self) -> Machine:
        """What Ray would hand out of this machine: of its memory, what the object store leaves."""
        machine = this_machine()
        return replace(machine, memory=(1 - OBJECT_STORE) * machine.memory)

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
        here = not self.address
        if self.address:
            knock(self.address)  # Ray itself waits for minutes
        on_terminate = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                # By default Ray would join whatever cluster it finds on this machine.
                address="local" if here else self.address,
                # By itself Ray counts those that are there, not those that it may use.
                num_cpus=int(this_machine().cpus) if here else None,
                include_dashboard=False if here else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_terminate)  # Ray sets its own
            return True
        except (OSError, RuntimeError, ValueError) as error:
            where = "Ray on this machine" if here else f"the cluster at {self.address}"
            raise UserError(f"cannot reach {where}: {error}; try --executor inline") from error

    def machines(self) -> list[Machine]:
        """What Ray hands out, machine by machine, after :meth:`start`.

        Raises:
            UserError: a node lacks this package, or has another version of it.
        """
        import ray

        _check_nodes(ray)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        names = ("CPU", "GPU", "memory")
        return [Machine(*(node.get(name, 0.0) for name in names)) for node in nodes]


def _fit(
    tasks: Sequence[Task], tell: Callable[[Update], None], need: Need, at_once: int, scratch: str
) -> None:
    from ray import tune

    by_key = {task.job.key: task for task in tasks}
    news = _teller(by_key, tell)
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(_trial, by_key=by_key, need=need), _resources(need)
        ),
        param_space={"job": tune.grid_search(list(by_key))},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=at_once),
        run_config=tune.RunConfig(
            name="trials",
            # Tune's own notes; nothing in them outlives the command, ours are in the study.
            storage_path=scratch,
            verbose=0,
            callbacks=[news],
            stop=_stopper(news),
            # A worker or its node that dies; what raises is tried again by the worker itself.
            failure_config=tune.FailureConfig(max_failures=max(t.retries for t in tasks)),
        ),
    )
    tuner.fit()
    if news.why is not None:
        raise StoppedError(news.why)
    if len(news.ended) < len(by_key):
        # Tune itself handles Ctrl-C: it stops its trials and returns.
        raise KeyboardInterrupt


def _resources(need: Need) -> dict[str, float]:
    """Of one trial. Several workers hold their own, and the trial only waits for them: it would
    wait for ever if it held what they need. Ray wants it to hold something: one byte."""
    if need.workers > 1:
        return {"cpu": 0.0, "memory": 1.0}
    return {"cpu": 1.0, "gpu": need.gpus, "memory": need.memory}


def _trial(config: dict[str, str], by_key: Mapping[str, Task], need: Need) -> None:
    """One trial, on a worker."""
    from ray import tune

    report = now_and_then(lambda step, steps: tune.report({"step": step, "steps": steps}))
    task = by_key[config["job"]]
    if need.workers == 1:
        why = work(task, report)
    else:
        why = work(task, compute=lambda task, report: compute_together(task, need))
    if why is not None:
        tune.report({"why": why})


def _check_nodes(ray: Any) -> None:
    """Asks every node of a cluster for its version of this package.

    Raises:
        UserError: a node lacks it, or has another one.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str | None:
        # Sent by value, as everything here: a node without the package can still answer.
        import importlib.metadata as metadata

        try:
            return metadata.version("a2ibench")
        except metadata.PackageNotFoundError:
            return None

    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = [
        ray.remote(version)
        .options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        .remote()
        for node in nodes
    ]
    for node, found in zip(nodes, ray.get(asked), strict=True):
        if found != __version__:
            there = "is not installed" if found is None else f"is version {found}"
            raise UserError(
                f"node {node['NodeManagerAddress']} of the Ray cluster: a2ibench {there}, here it"
                f" is {__version__}; install the same on every node"
            )


def _teller(by_key: Mapping[str, Task], tell: Callable[[Update], None]) -> Any:
    """A Tune callback that passes the news on, and keeps which tasks have ended."""
    from ray.tune import Callback

    class Teller(Callback):
        def __init__(self, tell: Callable[[Update], None] | None) -> None:
            self.tell = tell
            self.ended: set[str] = set()
            self.why: str | None = None

        def __getstate__(self) -> dict[str, None]:
            # Tune stores its callbacks to restore a run later; ours is restored from its own files.
            return {"tell": None}

        def _tell(self, trial: Any, **news: Any) -> None:
            assert self.tell is not None
            if news.get("ended"):
                self.ended.add(trial.config["job"])
            self.tell(Update(by_key[trial.config["job"]], **news))

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self._tell(trial)

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
        ) -> None:
            if "step" in result:
                self._tell(trial, step=result["step"], steps=result["steps"])
            self.why = result.get("why", self.why)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            if self.why is None:
                self._tell(trial, ended=True)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            # The worker itself died (out of memory, killed): it could not write its own reason.
            task = by_key[trial.config["job"]]
            text = Path(trial.error_file).read_text() if trial.error_file else "no trace"
            reason = f"the worker died: {text.strip().splitlines()[-1]}"
            write_failure(task.folder, reason, text)
            self._tell(trial, ended=True)

    return Teller(tell)


def _stopper(news: Any) -> Any:
    """Ends the run when a trial found that no other can succeed either."""
    from ray.tune import Stopper

    class FoundWhy(Stopper):
        def __init__(self, news: Any) -> None:
            self.news = news

        def __getstate__(self) -> dict[str, None]:
            return {"news": None}

        def __call__(self, trial_id: str, result: Any) -> bool:
            return False

        def stop_all(self) -> bool:
            return self.news is not None and self.news.why is not None

    return FoundWhy(news)
