"""Studies that survive: crashes, full disks, damaged files, a second command in the same folder."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import safetensors.torch
from rich.console import Console

from a2ibench import storage
from a2ibench.errors import StoppedError, UserError
from a2ibench.reporting.report import report, write_tables
from a2ibench.results.progress import read_progress
from a2ibench.results.status import read_status
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.runs.study_lock import at_work
from a2ibench.study.request import Request
from a2ibench.training import fit

pytestmark = pytest.mark.integration

Tiny = Callable[..., Request]

CRASHING = '''
"""A method that crashes in its 30th step, as often as a file beside it says."""
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from a2ibench.contracts.model import Model
from a2ibench.registry import models
from torch import nn

LEFT = Path(__file__).with_suffix(".left")


@dataclass(frozen=True)
class Config:
    pass


@models.register
class Crashing(Model):
    name = "crashing"
    Config = Config

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.level = nn.Parameter(torch.zeros(1))
        self.register_buffer("steps", torch.zeros(1))
        self.optimizer = torch.optim.SGD([self.level], lr=0.1)

    @property
    def optimizers(self):
        return {"all": self.optimizer}

    @property
    def generator(self):
        return self

    def training_step(self, batch):
        self.steps += 1
        if self.steps == 30 and (left := int(LEFT.read_text())):
            LEFT.write_text(str(left - 1))
            raise RuntimeError("the accelerator is gone")
        loss = (batch.image.mean() - self.level).square().sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach()}

    def generate(self, acoustic, noise):
        return self.level.clamp(0, 1).expand(len(acoustic), 3, 32, 32)
'''


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Makes the plug-in with so many crashes left."""
    from a2ibench.registry import load_plugin_file

    plugin = tmp_path_factory.mktemp("plugin") / "crashing.py"
    plugin.write_text(CRASHING)
    load_plugin_file(plugin)

    def make(crashes: int) -> Path:
        plugin.with_suffix(".left").write_text(str(crashes))
        return plugin

    return make


def recording() -> tuple[Display, Console]:
    console = Console(record=True, width=300, file=io.StringIO())
    return Display(console), console


def only_job(folder: Path, model: str) -> Path:
    (path,) = (
        path
        for path in folder.glob("jobs/*/result.json")
        if json.loads(path.read_text())["job"]["method"] == model
    )
    return path.parent


def test_a_trial_that_crashes_is_tried_again_and_ends_as_if_it_had_not(
    tmp_path: Path,
    display: Display,
    tiny: Tiny,
    crashing: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit, "MIN_SAVE_INTERVAL", 0.0)  # there is a checkpoint to go on from
    images = []
    for crashes in (0, 2):
        plugin, folder = crashing(crashes), tmp_path / f"study{crashes}"
        asked = {"models": ("crashing",), "plugins": (plugin,), "images": (40 * 64,)}
        request = tiny(folder, **asked, retries=2)
        assert run_study(request, Inline(), None, display) == []
        assert plugin.with_suffix(".left").read_text() == "0"
        images.append(np.load(only_job(folder, "crashing") / "samples" / "test.npy"))
    assert np.array_equal(*images)


def test_after_its_retries_a_trial_is_marked_with_its_reason_and_the_next_command_goes_on(
    tmp_path: Path, display: Display, tiny: Tiny, crashing: Callable[[int], Path]
) -> None:
    plugin, folder = crashing(3), tmp_path / "study"
    asked = {"models": ("crashing", "vae"), "plugins": (plugin,), "images": (40 * 64,)}
    request = tiny(folder, **asked, retries=1)
    (failure,) = run_study(request, Inline(), None, display)
    assert failure == "crashing, seed 0: RuntimeError: the accelerator is gone (2 attempts)"
    status = read_status(folder)
    assert (status.count("failed"), status.count("failed", "crashing")) == (1, 1)
    assert status.count("done", "vae") == 1
    assert run_study(request, Inline(), None, display) == []
    assert read_status(folder).count("failed") == 0


def test_a_full_disk_stops_the_study_and_nothing_is_lost(
    tmp_path: Path, display: Display, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    request = tiny(folder, models=("vae", "ours"), retries=5)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise safetensors.SafetensorError("I/O error")  # what it makes of a full disk

        patch.setattr(safetensors.torch, "save_file", full)
        patch.setattr(storage, "MIN_FREE", 2**62)
        with pytest.raises(StoppedError, match="no space left on the disk of "):
            run_study(request, Inline(), None, display)
    assert not list(folder.glob("jobs/*/failure.json"))
    assert not list(folder.rglob("*.tmp"))
    status = read_status(folder)
    assert status.count("done") == 5  # the reference rows
    assert run_study(request, Inline(), None, display) == []


def test_no_room_is_said_with_the_file_whatever_a_library_makes_of_it(tmp_path: Path) -> None:
    def write() -> None:
        with storage.atomic_write(tmp_path / "table.csv") as temporary:
            temporary.write_text("begun")
            Path("/dev/full").write_text("more than a buffer holds" * 1000)

    with pytest.raises(OSError, match=r"No space left on device: .*table\.csv"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_set_aside_and_the_training_repeated_and_it_is_said(
    tmp_path: Path, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    display, console = recording()
    run_study(tiny(folder), Inline(), None, display)
    job = only_job(folder, "vae")
    weights = json.loads((job / "result.json").read_text())["weights"]
    (job / "result.json").unlink()
    content = bytearray((job / "checkpoint.safetensors").read_bytes())
    content[-5] ^= 1  # one bit of one number
    (job / "checkpoint.safetensors").write_bytes(content)
    assert run_study(tiny(folder), Inline(), None, display) == []
    assert json.loads((job / "result.json").read_text())["weights"] == weights
    assert (job / "checkpoint.safetensors.damaged").read_bytes() == content
    assert "vae, seed 0: its checkpoint was damaged: set aside as" in console.export_text()


def test_other_settings_are_new_jobs_and_it_is_said_what_changed(
    tmp_path: Path, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    display, console = recording()
    run_study(tiny(folder, models=("vae", "cvae")), Inline(), None, display)
    assert "new jobs" not in console.export_text()
    run_study(tiny(folder, images=(64,)), Inline(), None, display)
    said = console.export_text()
    assert "vae: new jobs, other than before: training images were 96, are 64" in said
    assert "not in this command's tables" in said
    assert "cvae" in said.split("not in this command's tables")[1].splitlines()[0]
    assert "ground truth: new" not in said
    run_study(tiny(folder), Inline(), None, display)  # the settings of the first command again
    assert "new jobs" not in console.export_text()
    write_tables(report(open_study(folder)), folder)
    text = (folder / "tables" / "quality.md").read_text()
    about = json.loads((folder / "study.json").read_text())
    assert "1 seed asked for" in text
    assert "{models} pairs train the models, {judges} others".format(**about["pairs"]) in text


def test_a_second_command_in_the_same_folder_is_refused_by_name_and_the_first_goes_on(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    with at_work(folder), pytest.raises(UserError, match=r"another command .*\(process \d+ on "):
        run_study(tiny(folder), Inline(), None, display)
    assert run_study(tiny(folder), Inline(), None, display) == []


def test_status_tells_what_is_done_running_and_waiting_while_a_study_is_at_work(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    seen = []

    class Watched(Inline):
        def __call__(self, tasks: Any, tell: Callable[..., None]) -> None:
            def look(update: object) -> None:
                tell(update)
                seen.append(read_status(folder))

            super().__call__(tasks, look)

    run_study(tiny(folder, seeds=2, images=(1280,)), Watched(), None, display)
    first = seen[0]
    assert first.at_work
    assert (first.count("running", "vae"), first.count("waiting", "vae")) == (1, 1)
    assert first.count("done", "ground truth") == 1
    last = read_status(folder)
    assert not last.at_work
    assert last.count("done") == len(last.jobs)
    assert last.left == 0
    assert last.seconds > 0


def command(folder: Path, *more: str) -> list[str]:
    """``tiny`` with ``vae``, as a user types it."""
    options = ("train=12", "test=12", "image_size=32", "seconds=1.0")
    return [
        str(Path(sys.executable).with_name("a2ibench")), "run", "--model", "vae",
        "--dataset", "synthetic", "--encoder", "logmel", "--metric", "is1_lite0",
        *(part for option in options for part in ("--set", f"synthetic.{option}")),
        "--seeds", "1", "--tracking-uri", "none", "--out", str(folder), *more,
    ]  # fmt: skip


def test_after_kill_9_of_the_driver_and_of_a_worker_all_results_are_the_same_bits(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    images = 1_920
    assert (
        run_study(tiny(tmp_path / "calm", seeds=2, images=(images,)), Inline(), None, display) == []
    )
    folder = tmp_path / "killed"
    asked = ("--seeds", "2", "--images", str(images), "--executor", "process", "--retries", "1")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command(folder, *asked), stdout=subprocess.DEVNULL)

    def workers(driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
        children = psutil.Process(driver.pid).children(recursive=True)
        # Copies of the process that imports for them.
        return [child for child in children if child.ppid() != driver.pid]

    def wait_for(happened: Callable[[], object]) -> None:
        while not happened():
            time.sleep(0.05)

    def checkpoints() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in folder.glob("jobs/*/checkpoint.safetensors")}

    driver = start()
    wait_for(checkpoints)
    orphans = workers(driver)
    driver.kill()
    driver.wait()
    assert orphans
    driver = start()  # some of its jobs may still be at work in orphans
    kept = checkpoints()
    wait_for(lambda: checkpoints() != kept and workers(driver))
    workers(driver)[0].kill()
    assert driver.wait() == 0

    def trained(study: Path) -> dict[str, dict[str, bytes]]:
        results = sorted(study.glob("jobs/*/result.json"))
        kinds = {path.parent: json.loads(path.read_text())["job"]["kind"] for path in results}
        return {
            job.name: {
                "scores": json.dumps(json.loads((job / "result.json").read_text())["metrics"]),
                "images": (job / "samples" / "test.npy").read_bytes(),
                "weights": {
                    name: tensor.numpy().tobytes()
                    for name, tensor in safetensors.torch.load_file(
                        job / "checkpoint.safetensors"
                    ).items()
                },
            }
            for job, kind in kinds.items()
            if kind == "model"
        }

    found, expected = trained(folder), trained(tmp_path / "calm")
    assert len(expected) == 2
    assert found == expected


def test_sigterm_ends_as_ctrl_c_does_also_in_the_background_of_a_shell(tmp_path: Path) -> None:
    endless = command(tmp_path / "study", "--images", "10000000", "--executor", "inline")
    with subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *endless],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as study:  # fmt: skip
        assert study.stdout is not None
        assert study.stderr is not None
        for line in study.stdout:
            if line.startswith("vae, seed 0"):
                break
        study.terminate()
        said = study.stderr.read()
        assert study.wait() == 130, said
    assert "interrupted: finished work is kept" in said
    board = read_progress(tmp_path / "study")
    assert board is not None
    assert board.ended == "interrupted"
