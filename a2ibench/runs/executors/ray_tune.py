"""Ray Tune, which spreads trials over the processors and GPUs of a machine or a cluster."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench.config import option
from a2ibench.contracts.executor import Update
from a2ibench.errors import StoppedError
from a2ibench.parallel import MEMORY, Pool
from a2ibench.runs.executors import now_and_then
from a2ibench.runs.executors.ray_cluster import check_cluster, check_local, started
from a2ibench.runs.executors.ray_pool import RayPool
from a2ibench.runs.executors.torch_trainer import compute_together
from a2ibench.runs.resources import GPUExecutor, Need, SharedGPUs, this_machine
from a2ibench.runs.trial import Trial

OBJECT_STORE = 0.3
"""Share of the memory that Ray keeps for its object store, by default."""


@dataclass(frozen=True)
class Config(SharedGPUs):
    """Options of the Ray Tune executor."""

    address: str | None = option(
        None, "address of a running Ray cluster; none: Ray is started on this machine"
    )


class RayTune(GPUExecutor):
    """Trials on the processors and GPUs of this machine or of a cluster, run by Ray Tune.

    The trials form a grid under the first-in-first-out scheduler, so every arm gets its whole
    budget. A scheduler that stops or changes trials would bias the comparison of arms. A fraction
    of a GPU is bookkeeping, not a memory limit.
    """

    name = "ray"
    Config = Config

    def room(self, trials: Sequence[Trial]) -> int:
        """See :meth:`a2ibench.contracts.executor.Executor.room`.

        Ray is not started on this machine for that; a cluster is joined, and left again.
        """
        if self.config.address:
            with started(self.config.address) as machines:
                pass
        else:
            machine = this_machine()
            machines = [replace(machine, memory=(1 - OBJECT_STORE) * machine.memory)]
        return self.find_room(trials, machines)[1]

    def __call__(self, trials: Sequence[Trial], tell: Callable[[Update[Trial]], None]) -> None:
        """See :class:`a2ibench.contracts.executor.Executor`."""
        with started(self.config.address) as machines:
            room = self.find_room(trials, machines, self.say)
            with tempfile.TemporaryDirectory(prefix="a2ibench-") as scratch:
                _fit(trials, tell, *room, scratch, self.say)

    @contextmanager
    def pool(self, memory: int = MEMORY) -> Iterator[Pool]:
        """See :meth:`a2ibench.contracts.executor.Executor.pool`.

        Without a cluster they are processes of this machine, which Ray would only start more
        slowly.
        """
        if not self.config.address:
            with super().pool(memory) as processes:
                yield processes
            return
        with started(self.config.address):
            workers = RayPool(memory, self.say)
            try:
                yield workers
            finally:
                workers.close()

    def check(self) -> None:
        """See :meth:`a2ibench.contracts.executor.Executor.check`.

        Raises:
            UserError: no cluster answers, a node of it lacks this package or has another version of
                it, or Ray cannot start on this machine.
        """
        if self.config.address:
            check_cluster(self.config.address)
        else:
            check_local()


def _fit(
    trials: Sequence[Trial],
    tell: Callable[[Update[Trial]], None],
    need: Need,
    at_once: int,
    scratch: str,
    say: Callable[[str], None],
) -> None:
    from ray import tune

    by_key = {trial.job.key: trial for trial in trials}
    news = _listener(by_key, tell, say)
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(_trial, by_key=by_key, need=need), _resources(need)
        ),
        param_space={"job": tune.grid_search(list(by_key))},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=at_once),
        run_config=tune.RunConfig(
            name="trials",
            # Tune's own records, which do not outlive the command; ours are in the study.
            storage_path=scratch,
            verbose=0,
            callbacks=[news],
            stop=news,
            # For workers or nodes that die; a worker retries by itself after an exception.
            failure_config=tune.FailureConfig(max_failures=max(trial.retries for trial in trials)),
        ),
    )
    tuner.fit()
    if news.why is not None:
        raise StoppedError(news.why)
    if len(news.ended) < len(by_key):
        # Tune itself handles Ctrl-C: it stops its trials and returns.
        raise KeyboardInterrupt


def _resources(need: Need) -> dict[str, float]:
    """Return the resources of one trial.

    Several workers hold resources of their own while the trial only waits for them; it would wait
    for ever if it held what they need. Ray demands that it hold something: one byte.
    """
    if need.workers > 1:
        return {"cpu": 0.0, "memory": 1.0}
    return {"cpu": 1.0, "gpu": need.gpus, "memory": need.memory}


def _trial(config: dict[str, str], by_key: Mapping[str, Trial], need: Need) -> None:
    """Run one trial, on a worker."""
    from ray import tune

    trial = by_key[config["job"]]
    report = now_and_then(lambda step, steps: tune.report({"step": step, "steps": steps}))
    try:
        if need.workers == 1:
            trial(report)
        else:
            trial(compute=lambda trial, report: compute_together(trial, need))
    except StoppedError as error:
        tune.report({"why": str(error)})


def _listener(
    by_key: Mapping[str, Trial],
    tell: Callable[[Update[Trial]], None],
    say: Callable[[str], None],
) -> Any:
    """Make the object that Tune calls with news of its trials, and asks whether to stop the run.

    It passes the news on, remembers which trials have ended, and stops the run when a trial found
    that no other trial can succeed either.
    """
    from ray.tune import Callback, Stopper

    # Tune pickles this class with what its methods close over: nothing of ours.
    class Listener(Callback, Stopper):
        why: str | None = None

        def __init__(
            self,
            by_key: Mapping[str, Trial],
            tell: Callable[[Update[Trial]], None],
            say: Callable[[str], None],
        ) -> None:
            self.by_key, self.tell, self.say = by_key, tell, say
            self.ended: set[str] = set()

        def __getstate__(self) -> dict[str, None]:
            # Tune stores its arguments to restore a run; ours are restored from their own files.
            return {"why": None}

        def __call__(self, trial_id: str, result: Any) -> bool:
            return False

        def stop_all(self) -> bool:
            return self.why is not None

        def _tell(self, trial: Any, **news: Any) -> None:
            if news.get("ended"):
                self.ended.add(trial.config["job"])
            self.tell(Update(self.by_key[trial.config["job"]], **news))

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

        def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            job = self.by_key[trial.config["job"]].job
            self.say(f"{job.method}, seed {job.seed}: its worker was lost; it goes on with another")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            # The worker itself died (out of memory, killed): it could not write its own reason.
            text = Path(trial.error_file).read_text() if trial.error_file else "no trace"
            reason = f"the worker died: {text.strip().splitlines()[-1]}"
            self.by_key[trial.config["job"]].fail(reason, text)
            self._tell(trial, ended=True)

    return Listener(by_key, tell, say)
