"""Ray Train, which runs several workers for one trial, started from inside it."""

import shutil
import tempfile
from typing import Any

from a2ibench.results.job import Task
from a2ibench.runs.compute import compute
from a2ibench.runs.resources import Need
from a2ibench.training.data_parallel import Team

PATIENCE = 24 * 3600
"""Seconds that workers wait for the first one while it pretrains; Ray reports one that dies."""


def compute_together(task: Task, need: Need) -> None:
    """Compute a task with several workers, inside a Tune trial, and report to that trial.

    Raises:
        Exception: what a worker raised.
        RuntimeError: several workers failed.
    """
    from ray.train import RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    callback: Any = TuneReportCallback()  # type: ignore[no-untyped-call]
    scratch = tempfile.mkdtemp(prefix="a2ibench-")
    trainer = TorchTrainer(
        _do,
        train_loop_config={"task": task},
        torch_config=TorchConfig(timeout_s=PATIENCE),
        scaling_config=ScalingConfig(
            num_workers=need.workers,
            use_gpu=need.gpus > 0,
            resources_per_worker={"CPU": 1, "GPU": need.gpus, "memory": need.memory},
        ),
        run_config=RunConfig(name=task.job.key, storage_path=scratch, callbacks=[callback]),
    )
    try:
        trainer.fit()
    except WorkerGroupError as error:
        raise _cause(error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _cause(error: Any) -> Exception:
    """Return the error of a worker, or one that names several, as some only lost a peer."""
    failures: dict[int, Exception] = error.worker_failures
    if len(failures) == 1:
        return next(iter(failures.values()))
    said = (f"worker {rank}: {type(one).__name__}: {one}" for rank, one in sorted(failures.items()))
    return RuntimeError("; ".join(said))


def _do(config: dict[str, Any]) -> None:
    """Do the work of one worker."""
    import torch
    from ray import train
    from ray.train.torch import get_device

    context = train.get_context()
    if torch.cuda.is_available():
        # Ray shows all GPUs of a trial to each of its workers.
        torch.cuda.set_device(get_device())

    def report(step: int, steps: int) -> None:
        # Every worker must report: it is a barrier.
        train.report({"step": step, "steps": steps})

    compute(config["task"], report, Team(context.get_world_rank(), context.get_world_size()))
