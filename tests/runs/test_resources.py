"""What there is and what trials need: the arithmetic, before anything starts."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.results.job import Environment, Job
from a2ibench.runs.compute import compute
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.process import Processes
from a2ibench.runs.progress_display import Display
from a2ibench.runs.resources import Machine, Need, check_disk, need_of, trials_at_once
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request

GB = 1e9
SMALL = Machine(cpus=2, gpus=0, memory=16 * GB)
LARGE = Machine(cpus=8, gpus=4, memory=64 * GB)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory, small_store: Path) -> Trial:
    job = Job("model", "vae", {"channels": 4, "batch_size": 16}, "", "", "", seed=0, images=96)
    folder = tmp_path_factory.mktemp("study") / "jobs" / "one"
    return Trial(job, folder, Environment(small_store, "logmel", {}, ()))


def silent(line: str) -> None:
    raise AssertionError(line)


@pytest.mark.parametrize(
    ("machines", "need", "expected"),
    [
        ([SMALL], Need(1, 0, 2 * GB), 2),
        ([SMALL], Need(2, 0, 2 * GB), 1),
        ([LARGE], Need(1, 1, 2 * GB), 4),
        ([LARGE], Need(1, 0.5, 2 * GB), 8),
        ([LARGE], Need(1, 0.6, 2 * GB), 4),
        ([Machine(32, 1, 64 * GB)], Need(1, 0.1, 2 * GB), 10),
        ([LARGE], Need(2, 1, 2 * GB), 2),
        ([LARGE, SMALL], Need(1, 0, 2 * GB), 10),
    ],
)
def test_as_many_trials_run_at_once_as_processors_gpus_and_memory_allow(
    machines: list[Machine], need: Need, expected: int
) -> None:
    assert trials_at_once(need, machines, 100, silent) == expected
    assert trials_at_once(need, machines, 1, silent) == 1


def test_less_memory_means_fewer_trials_at_once_and_is_said() -> None:
    said: list[str] = []
    assert trials_at_once(Need(1, 0, 9 * GB), [SMALL], 5, said.append) == 1
    assert said == [
        "1 trial at once instead of 2: each needs 9.0 GB of memory; there are 2 CPUs, 0 GPUs,"
        " 16.0 GB available"
    ]


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (Need(1, 1, 2 * GB), "needs 1 CPU, 1 GPU, 2.0 GB of memory; there are 2 CPUs, 0 GPUs"),
        (Need(1, 0, 20 * GB), r"20\.0 GB of memory; there are .* 16\.0 GB available: no trial"),
        (Need(3, 0, 2 * GB), "3 workers, each with 1 CPU, 0 GPU, .*; there are 2 CPUs"),
    ],
)
def test_what_could_never_start_is_refused_with_the_arithmetic(need: Need, message: str) -> None:
    with pytest.raises(UserError, match=message):
        trials_at_once(need, [SMALL], 5, silent)


def test_a_larger_model_needs_more_memory_and_disk(task: Trial, tmp_path: Path) -> None:
    wide = replace(task, job=replace(task.job, config={"channels": 64}))
    small, large = need_of([task], None, [SMALL]), need_of([task, wide], None, [SMALL])
    assert small.gpus == 0
    assert need_of([task], None, [LARGE]).gpus == 1
    assert large.memory > small.memory + 50e6
    assert small.workers == 1


def test_workers_share_gpus_and_batches_evenly_or_not_at_all(task: Trial) -> None:
    two = replace(task, job=replace(task.job, workers=2))
    assert need_of([two], 2.0, [LARGE]) == replace(need_of([task], None, [LARGE]), workers=2)
    with pytest.raises(UserError, match="expected one GPU per worker"):
        need_of([two], 1.0, [LARGE])
    three = replace(task, job=replace(task.job, workers=3))
    with pytest.raises(UserError, match="a batch of 16 pairs cannot be shared evenly by 3 workers"):
        need_of([three], None, [LARGE])


@pytest.mark.integration
def test_a_full_disk_is_noticed_before_and_a_checkpoint_has_the_size_that_was_foreseen(
    tmp_path: Path, display: Display, tiny: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    from a2ibench.runs.prepare import prepare_study

    request = tiny(tmp_path / "study", models=("ours",))
    plan = prepare_study(request, display.counter, display.say)
    job = Trial.of(plan.trainings[0])
    Usage = namedtuple("Usage", "free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: Usage(1000))
        with pytest.raises(UserError, match=r"1 trial would leave .* 0.00 GB are free"):
            Inline()([job], silent)  # type: ignore[arg-type]
    assert not job.folder.exists()
    compute(job, lambda step, steps: None)
    size = (job.folder / "checkpoint.safetensors").stat().st_size
    assert job.footprint.checkpoint == pytest.approx(size, rel=0.02)
    samples = sum(path.stat().st_size for path in (job.folder / "samples").glob("*.npy"))
    assert job.footprint.samples == pytest.approx(samples, rel=0.02)
    # Of a job whose checkpoint is there only the one beside it is still to come.
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: Usage(1.1 * size + samples))
        check_disk([job], at_once=1)


@pytest.mark.parametrize("executor", [Inline(), Processes(say=silent)])
def test_too_little_memory_is_refused_before_anything_starts(
    executor: Any, task: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory = namedtuple("Memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(GB))
    with pytest.raises(UserError, match=r"1\.0 GB available: no trial could start"):
        executor([task], silent)
    assert not task.folder.exists()


@pytest.mark.parametrize("executor", [Inline(), Processes(say=silent)])
def test_several_workers_need_ray(executor: Any, task: Trial) -> None:
    with pytest.raises(UserError, match="more than one GPU per trial needs --executor ray"):
        executor([replace(task, job=replace(task.job, workers=2))], silent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpus-per-trial", "1.5"), "expected a fraction of one, or a whole number"),
        (("--gpus-per-trial", "1", "--executor", "inline"), "belongs to --executor ray or process"),
    ],
)
def test_gpus_that_no_trial_can_have_are_wrong_usage(
    options: tuple[str, ...], message: str
) -> None:
    done = CliRunner().invoke(main, ["run", "--model", "vae", *options])
    assert done.exit_code == 2
    assert message in done.output


def test_the_key_of_a_job_with_one_worker_is_what_it_was_before_there_were_several() -> None:
    job = Job("model", "ours", {"a": 1}, "s", "t", "e", seed=0, images=96, protocol=1)
    assert job.key == "ac88b4837974b290c35b"
    assert replace(job, workers=2).key != job.key
