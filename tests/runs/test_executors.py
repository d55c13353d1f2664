"""Executors: what dies is named, what is stopped leaves nothing behind, workers train together."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import forkserver, util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import warnings_of_others

from a2ibench.conformance.executor import Sample
from a2ibench.contracts.executor import Report
from a2ibench.errors import StoppedError
from a2ibench.registry import load_plugin_file
from a2ibench.results.job import Environment, Job
from a2ibench.results.progress import TrialProgress
from a2ibench.results.status import _running
from a2ibench.runs.executors import Update
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.process import LOG, Processes, _context
from a2ibench.runs.executors.ray_tune import RayTune
from a2ibench.runs.prepare import prepare_study
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.runs.time_estimate import _left
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request
from a2ibench.training.checkpoint import TrainingState
from a2ibench.training.device import make_deterministic

pytestmark = pytest.mark.integration

Tiny = Callable[..., Request]

DOOMED = """
import os, signal
from dataclasses import dataclass
from a2ibench.registry import models
from a2ibench_baselines.vae import VAE, VAEConfig

@dataclass(frozen=True)
class Config(VAEConfig):
    rank: int = 0

@models.register
class Doomed(VAE):
    name = "doomed"
    Config = Config
    scales = {"small": {"channels": 4, "hidden_dim": 16, "batch_size": 16}}

    def training_step(self, batch):
        print("last words", flush=True)
        if os.environ.get("RANK", "0") == "1":
            raise RuntimeError("the second worker gives up")
        if "RANK" not in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().training_step(batch)
"""


class Full(Sample):
    """Tells its first step, then finds the disk full."""

    def __call__(self, report: Report = lambda step, steps: None, compute: object = None) -> None:
        report(0, 2)
        raise StoppedError("no space left on the disk")


def test_news_of_a_process_that_has_ended_are_heard_however_busy_the_study_was(
    tmp_path: Path,
) -> None:
    job = Job("model", "sample", {}, "", "", "", 0, 2)
    told: list[bool] = []

    def tell(update: Update[Trial]) -> None:
        told.append(update.ended)
        if len(told) == 1:  # as a slow server keeps it
            time.sleep(6)

    trial = Full(job, tmp_path / job.key, Environment(tmp_path, "", {}, ()))
    with pytest.raises(StoppedError, match="no space left"):
        Processes(None)([trial], tell)
    assert not any(told)


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; print('ran', flush=True)\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]}\n"
        "from test_executors import *\n"
        "job = Job('model', 'sample', {}, '', '', '', 0, 2)\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "trial = Full(job, folder / job.key, Environment(folder, '', {}, ()))\n"
        "try: Processes(None)([trial], lambda update: None)\n"
        "except StoppedError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\nno space left on the disk\n"


def test_a_trial_in_this_process_leaves_torch_as_it_was(tmp_path: Path) -> None:
    class Trains(Sample):
        def __call__(self, report: Report = lambda step, steps: None, compute: object = None):
            make_deterministic(0, torch.device("cpu"))

    job = Job("model", "sample", {}, "", "", "", 0, 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Inline()([Trains(job, tmp_path / job.key, Environment(tmp_path, "", {}, ()))], print)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_time_left_is_that_of_the_steps_and_not_of_what_comes_before_them(tmp_path: Path) -> None:
    now = time.time()
    prepared = TrialProgress(
        step=100, steps=600, begun=now - 90, resumed=20, ended=False, first=now - 8
    )
    assert _running("ours", 0, prepared).left == pytest.approx(50, rel=0.1)
    layer = torch.nn.Linear(2, 2)
    TrainingState(layer, None, {}, step=620).save(tmp_path / "checkpoint.safetensors")
    trial = SimpleNamespace(
        folder=tmp_path, earlier=(), job=SimpleNamespace(images=10_000),
        footprint=SimpleNamespace(batch_size=16),
    )  # fmt: skip
    assert _left(trial) == 80  # type: ignore[arg-type]
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    assert _left(trial) == 10_000  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plugin = tmp_path_factory.mktemp("plugin") / "doomed.py"
    plugin.write_text(DOOMED)
    load_plugin_file(plugin)
    return plugin


def test_a_killed_process_is_named_with_its_reason_and_the_others_are_kept(
    tmp_path: Path, display: Display, tiny: Tiny, doomed: Path
) -> None:
    folder = tmp_path / "study"
    request = tiny(folder, models=("doomed", "vae"), plugins=(doomed,))
    (failure,) = run_study(request, Processes(say=display.say), None, display)
    assert failure.startswith("doomed, seed 0: the worker died: killed by SIGKILL, as the system")
    (path,) = folder.glob("jobs/*/failure.json")
    assert "last words" in json.loads(path.read_text())["trace"]
    assert len(list(folder.glob(f"jobs/*/{LOG}"))) == 2


def test_where_no_socket_can_be_made_each_process_imports_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    server = forkserver.ForkServer()
    monkeypatch.setattr(forkserver, "ensure_running", server.ensure_running)
    if sys.platform == "linux":
        assert _context((), 0.0).get_start_method() == "forkserver"
        server._stop()
    monkeypatch.setattr(util, "get_temp_dir", lambda: str(deep))
    assert _context((), 0.0).get_start_method() == "spawn"


def test_ctrl_c_stops_every_process(tmp_path: Path, display: Display, tiny: Tiny) -> None:
    import psutil

    plan = prepare_study(
        tiny(tmp_path / "study", seeds=2, images=(10**7,)), display.counter, display.say
    )
    children: list[psutil.Process] = []

    def interrupt() -> None:
        while len(children) < 2:  # both train
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    def tell(update: Update) -> None:
        if update.steps and not children:
            running = psutil.Process().children(recursive=True)
            children.extend(child for child in running if child.ppid() != os.getpid())

    thread = threading.Thread(target=interrupt)
    thread.start()
    # A shell has its background jobs, such as a whole test run, ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Processes(say=display.say)([Trial.of(task) for task in plan.trainings], tell)
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    assert len(children) >= 2
    assert not any(child.is_running() for child in children)


@pytest.mark.timeout(900)  # six processes start, one after the other
@warnings_of_others.ignored  # Ray warns about its own dependencies
def test_two_workers_of_ray_train_one_model_and_one_that_fails_is_named(
    tmp_path: Path, display: Display, tiny: Tiny, doomed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray waits so many seconds for the first worker, which waits for the one that failed.
    monkeypatch.setenv("TORCH_PROCESS_GROUP_SHUTDOWN_TIMEOUT_S", "1")
    folder = tmp_path / "study"
    request = tiny(folder, models=("vae", "doomed"), plugins=(doomed,), workers=2, retries=0)
    failures = run_study(request, RayTune(), None, display)
    assert failures == ["doomed, seed 0: RuntimeError: the second worker gives up"]
    results = [json.loads(path.read_text()) for path in folder.glob("jobs/*/result.json")]
    (trained,) = [result for result in results if result["job"]["kind"] == "model"]
    assert trained["job"]["workers"] == 2
    assert trained["steps"] == 6
    run_study(tiny(tmp_path / "alone", models=("vae",)), Inline(), None, display)
    alone = [json.loads(path.read_text()) for path in tmp_path.glob("alone/jobs/*/result.json")]
    (single,) = [result for result in alone if result["job"]["kind"] == "model"]
    assert single["steps"] == 6
    assert single["weights"] != trained["weights"], "each worker trained a model of its own"
