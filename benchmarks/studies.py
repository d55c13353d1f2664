"""What a study costs beside its trainings: idle cores, the mirror, a command with nothing to do.

Three parts: four equal trials on two cores, wall time against half the sum of their own times; what
MLflow is told of a job; and the same command again when all of a hundred trials are done.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from a2ibench.console import Console
from a2ibench.contracts.executor import Executor, Update
from a2ibench.runs.executors.process import Processes
from a2ibench.runs.executors.ray_tune import RayTune
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request
from a2ibench.tracking.mirror import Mirror

SMALL = {"train": 12, "test": 12, "image_size": 32, "seconds": 1.0}
TRIALS, CORES = 4, 2


def request(folder: Path, seeds: int, images: int) -> Request:
    return Request(
        models=("vae",), dataset="synthetic", encoder="logmel", seeds=seeds, images=(images,),
        metrics=("is1_lite0",), settings={"synthetic": SMALL}, folder=folder,
    )  # fmt: skip


def spread(executor: Executor[Trial], folder: Path, images: int) -> tuple[float, float]:
    """Wall seconds from the first start to the last end, and half the sum of the trials' own."""
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}

    class Timed(Executor[Trial]):
        name = "timed"

        def __call__(self, trials: Sequence[Trial], tell: Callable[[Update[Trial]], None]) -> None:
            def watch(update: Update[Trial]) -> None:
                key = update.trial.job.key
                # A worker's first news, not its start: what it imports is start-up.
                if update.step:
                    begun.setdefault(key, time.monotonic())
                if update.ended:
                    ended[key] = time.monotonic()
                tell(update)

            executor(trials, watch)

    run_study(request(folder, TRIALS, images), Timed(), None, Display(Console(quiet=True)))
    wall = max(ended.values()) - min(begun.values())
    return wall, sum(ended[key] - begun[key] for key in begun) / CORES


def main() -> None:
    os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
    display = Display(Console(quiet=True))
    with tempfile.TemporaryDirectory() as root:
        os.environ["A2IBENCH_CACHE"] = str(Path(root) / "cache")
        for name, executor in (("process", Processes(say=display.say)), ("ray", RayTune())):
            wall, half = spread(executor, Path(root) / name, 60_000)
            print(
                f"{name}: {TRIALS} trials on {CORES} cores: {wall:.1f} s, ratio {wall / half:.3f}"
            )
        folder = Path(root) / "process"
        mirror = Mirror(f"sqlite:///{root}/mlflow.db", folder)
        jobs = [path.name for path in (folder / "jobs").iterdir()]
        start = time.perf_counter()
        told = sum(mirror.job(key) for key in jobs)
        print(f"mirror: {(time.perf_counter() - start) / told:.2f} s a job, {told} jobs")
        many = request(Path(root) / "many", 100, 64)
        run_study(many, Processes(say=display.say), None, display)
        command = str(Path(sys.executable).with_name("a2ibench"))
        again = [command, "run", str(Path(root) / "many/study.yaml"), "--tracking-uri", "none"]
        start = time.perf_counter()
        subprocess.run(again, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        count = len(list((Path(root) / "many" / "jobs").iterdir()))
        print(f"a finished study of {count} jobs again: {seconds:.1f} s")


if __name__ == "__main__":
    main()
