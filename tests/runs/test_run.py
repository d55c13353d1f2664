"""A study: computed once, the same under every executor, and whole when a trial fails."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import warnings_of_others

from a2ibench.errors import UserError
from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import read_record
from a2ibench.results.result_file import BLOCKS, score_path
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.process import Processes
from a2ibench.runs.executors.ray_tune import Config, RayTune
from a2ibench.runs.prepare import prepare_study
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request

pytestmark = pytest.mark.integration

Tiny = Callable[..., Request]

BROKEN = """
from a2ibench.registry import models
from a2ibench.contracts.model import Model
import torch
from torch import nn
from dataclasses import dataclass

@dataclass(frozen=True)
class Config:
    pass

@models.register
class Broken(Model):
    name = "broken"
    Config = Config
    optimizers = {}

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.level = nn.Parameter(torch.zeros(1))

    @property
    def generator(self):
        return self

    def training_step(self, batch):
        return {"loss": torch.tensor(float("nan"))}

    def generate(self, acoustic, noise):
        return acoustic
"""


def results(folder: Path) -> dict[str, dict[str, object]]:
    """Job key → what must not depend on time or executor."""
    found = {}
    for path in folder.glob("jobs/*/result.json"):
        result = json.loads(path.read_text())
        found[result["key"]] = {
            "metrics": result["metrics"],
            "weights": result.get("weights"),
            "images": np.load(path.parent / "samples" / "test.npy").tobytes(),
        }
    return found


def test_a_study_is_whole_and_computed_once(
    tmp_path: Path, display: Display, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    request = tiny(folder, models=("vae", "ours"), ablate=("consistency",), seeds=2)
    assert run_study(request, Inline(), None, display) == []

    table = pd.read_parquet(folder / "results.parquet")
    assert set(table["arm"]) == {
        "ground truth", "nearest train", "class mean", "shuffled audio",
        "shuffled in class", "vae", "ours", "ours − consistency",
    }  # fmt: skip
    assert table.groupby("arm")["seed"].nunique()["ours"] == 2
    assert (table["n"] == 24).all()
    for name in ("quality.md", "quality.csv", "quality.tex", "primary.md", "samples.png"):
        assert (folder / "tables" / name).stat().st_size > 0, name

    before = {path: path.stat().st_mtime_ns for path in folder.glob("jobs/*/result.json")}

    run_study(tiny(folder, models=("vae", "ours"), seeds=2), Inline(), None, display)
    said = (folder / "tables" / "primary.md").read_text()
    assert "| ours − consistency |" not in said, "a row of the command before"

    def refuse(tasks: object, tell: object) -> None:
        raise AssertionError(f"computed again: {tasks}")

    assert run_study(request, refuse, None, display) == []
    reads: Counter[Path] = Counter()

    def count(kind: type, path: Path) -> object:
        reads[path] += 1
        return read_record(kind, path)

    monkeypatch.setattr("a2ibench.results.result_file.read_record", count)
    assert run_study(request, refuse, None, display) == []
    assert set(reads) == set(before)
    assert max(reads.values()) == 2, "once for the plan, once when nobody else is at work"
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_another_metric_is_computed_from_the_images_that_are_there(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder), Inline(), None, display)
    weights = {p: p.stat().st_mtime_ns for p in folder.glob("jobs/*/checkpoint.safetensors")}
    run_study(tiny(folder, metrics=("is1_lite0", "is10_lite0")), Inline(), None, display)
    for path in folder.glob("jobs/*/result.json"):
        assert set(json.loads(path.read_text())["metrics"]) == {"is1_lite0", "is10_lite0"}
    assert weights == {path: path.stat().st_mtime_ns for path in weights}


def test_a_command_that_ends_before_its_result_is_written_costs_no_earlier_score(
    tmp_path: Path, display: Display, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder, models=()), Inline(), None, display)
    jobs = [path.parent for path in folder.glob("jobs/*/result.json")]
    before = {job: JobState(job).result for job in jobs}
    assert before

    def end(folder: Path, result: object) -> None:
        raise KeyboardInterrupt

    metrics = ("is1_lite0", "is10_lite0")
    with monkeypatch.context() as patch:
        patch.setattr("a2ibench.runs.compute.write_result", end)
        with pytest.raises(KeyboardInterrupt):
            run_study(tiny(folder, models=(), metrics=metrics), Inline(), None, display)
    assert before == {job: JobState(job).result for job in before}, "nothing reads as damaged"
    for more in (metrics, (*metrics, "is1_lite0", "msssim_diversity")):
        run_study(tiny(folder, models=(), metrics=more), Inline(), None, display)
        for job in before:
            result = JobState(job).result
            assert result is not None
            columns = pd.read_parquet(score_path(job, result, BLOCKS)).columns
            scored = {name for name in result.metrics if result.score(name) is not None}
            assert set(columns) - {"stratum"} == scored
            assert set(result.metrics) == set(more)
            earlier = before[job]
            assert earlier is not None
            assert all(result.metrics[name] == score for name, score in earlier.metrics.items())
    assert not list(folder.glob("jobs/*/*.damaged"))


def test_seeds_are_trained_one_after_another_so_that_an_interrupted_study_compares_arms(
    tmp_path: Path, tiny: Tiny
) -> None:
    request = tiny(tmp_path, models=("vae", "cvae"), seeds=2)
    plan = prepare_study(request, lambda name: lambda done, total: None, lambda line: None)
    order = [(task.job.seed, task.job.method) for task in plan.trainings]
    assert order == [(0, "vae"), (0, "cvae"), (1, "vae"), (1, "cvae")]


def test_a_trial_that_diverges_is_named_and_the_others_are_kept(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    from a2ibench.registry import load_plugin_file

    load_plugin_file(plugin)
    folder = tmp_path / "study"
    request = tiny(folder, models=("broken", "vae"), plugins=(plugin,))
    (failure,) = run_study(request, Inline(), None, display)
    assert failure.startswith("broken, seed 0: loss loss is nan before step 3")
    assert "0 of 1" in (folder / "tables" / "quality.md").read_text()
    arms = set(pd.read_parquet(folder / "results.parquet")["arm"])
    assert "vae" in arms
    assert "broken" not in arms


def test_scores_of_another_judge_or_version_are_never_in_the_same_table(
    tmp_path: Path, display: Display, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from a2ibench import registry

    folder = tmp_path / "study"
    run_study(tiny(folder), Inline(), None, display)
    before = {path.parent.name for path in folder.glob("jobs/*/result.json")}
    judge = registry.judges.get("lite0")
    monkeypatch.setattr(judge, "version", judge.version + 1)
    run_study(tiny(folder, models=("vae", "cvae")), Inline(), None, display)
    results = [json.loads(path.read_text()) for path in folder.glob("jobs/*/result.json")]
    assert len(results) == len(before) + 1
    prints = {result["metrics"]["is1_lite0"]["judge_fingerprint"] for result in results}
    assert len(prints) == 1


@warnings_of_others.ignored  # Ray warns about its own dependencies
def test_ray_and_processes_give_the_same_bits_as_inline_at_every_budget(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    here, there, apart = tmp_path / "inline", tmp_path / "ray", tmp_path / "process"
    asked = {"models": ("ours",), "images": (64, 96)}
    for folder, executor in (
        (here, Inline()),
        (there, RayTune(Config(gpus_per_trial=0))),
        (apart, Processes(say=display.say)),
    ):
        assert run_study(tiny(folder, **asked), executor, None, display) == []
    assert results(here) == results(there) == results(apart)


def test_too_few_test_segments_for_a_metric_that_was_asked_for_is_refused(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    request = tiny(tmp_path / "study", metrics=("rprec1_i2a_lite0",))
    with pytest.raises(UserError, match=r"metric rprec1_i2a_lite0: .*100.*24"):
        run_study(request, Inline(), None, display)
    assert not (tmp_path / "study").exists()


@pytest.mark.integration
@pytest.mark.parametrize("command", ["run", "tune"])
def test_the_default_executor_works_where_output_goes_to_a_file(
    command: str, small_store: Path, tmp_path: Path
) -> None:
    """Ray pickles what a trial is watched with; a stream of the command's is not to be in it."""
    space = tmp_path / "space.yaml"
    space.write_text("lr: {log: [1e-4, 1e-3]}\n", encoding="utf-8")
    more = {
        "run": ("--seeds", "1", "--tracking-uri", "none"),
        "tune": ("--space", str(space), "--trials", "1", "--repeat", "0"),
    }
    arguments = [
        *(command, "--model", "vae", "--dataset", str(small_store), "--encoder", "logmel"),
        *("--images", "96", "--metric", "is1_lite0", "--out", str(tmp_path / "out")),
        *more[command],
    ]
    log = tmp_path / "log"
    with log.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "a2ibench.cli", *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, log.read_text()
