"""A metric with parameters and a judge of one's own, from one file, through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main
from a2ibench.registry import load_plugin_file
from a2ibench.study.request import Request
from a2ibench.tuning.search_results import write_best, write_trials
from a2ibench.tuning.search_trial import run_trial
from a2ibench.tuning.tune import plan_tuning

MINE = """
import numpy as np

from a2ibench.config import option
from a2ibench.contracts.judge import Judge
from a2ibench.contracts.metric import Metric
from a2ibench.registry import judges, metrics


@judges.register
class Shades(Judge):
    name = "shades"
    outputs = ("features",)

    def weights_hash(self):
        return "none"

    def embed(self, images):
        return {"features": images.mean(axis=(1, 2)).astype(np.float32) / 255}


@metrics.register
class NearestShare(Metric):
    title = "nearest share"
    judge = "lite0"
    reads = ("features",)
    bounds = (0.0, 1.0)
    k: int = option(1, "nearest real images that count", minimum=1, maximum=10)

    def compute(self, outputs):
        x, y = outputs.generated["features"], outputs.real["features"]
        distance = np.linalg.norm(x[:, None] - y, axis=2)
        own = np.diagonal(distance)[:, None]
        return (distance < own).sum(axis=1) < self.k
"""
MINE_NAME = "nearest_share[k=3,judge=shades]"
BUILT_IN_NAME = "audio_sensitivity[judge=shades]"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture(scope="module")
def asked(plugin: Path, small_store: Path) -> list[object]:
    """Each metric once, however often and in whatever spelling it is asked for."""
    return [
        "--plugin", plugin, "--encoder", "logmel", "--metric", "nearest_share[judge=shades,k=03]",
        "--metric", MINE_NAME, "--metric", "audio_sensitivity[judge=shades]",
        "--metric", "is[splits=1]", "--dataset", small_store,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def study(asked: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "mine"
    done = call(
        "run", "--model", "vae", "--images", 96, "--seeds", 2, "--executor", "inline",
        "--tracking-uri", "none", "--out", folder, *asked,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


@pytest.mark.integration
def test_its_name_is_the_same_in_every_file(study: Path) -> None:
    names = [BUILT_IN_NAME, "is1_lite0", MINE_NAME]
    assert sorted(json.loads((study / "study.json").read_text())["metrics"]) == names
    assert sorted(pd.read_parquet(study / "results.parquet")["metric"].unique()) == names
    for folder in (study / "jobs").iterdir():
        stored = json.loads((folder / "result.json").read_text())["metrics"]
        assert sorted(stored) == names
        assert stored[MINE_NAME]["judge"] == "shades"
        assert MINE_NAME in pq.read_schema(folder / "blocks.parquet").names
        assert MINE_NAME in pq.read_schema(folder / "segments.parquet").names
    table = (study / "tables" / "quality.md").read_text()
    assert "nearest share [k=3, judge=shades] ↑" in table
    assert f"{MINE_NAME}_v1" in table
    assert "nearest share {[}k=3, judge=shades]" in (study / "tables" / "quality.tex").read_text()


@pytest.mark.integration
def test_mlflow_takes_its_name(study: Path) -> None:
    from mlflow.utils.validation import _validate_metric_name

    from a2ibench.tracking.params_and_metrics import clean

    names = [f"score/{name}_v1" for name in (MINE_NAME, MINE_NAME.replace("3", "4"))]
    for name in map(clean, names):
        _validate_metric_name(name)
    assert len({*map(clean, names)}) == 2


@pytest.mark.integration
def test_a_new_process_knows_the_name_again(study: Path, plugin: Path) -> None:
    def run(*words: object) -> str:
        command = [sys.executable, "-m", "a2ibench.cli", *map(str, words), "--plugin", str(plugin)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    table = study / "tables" / "quality.md"
    before = table.read_text()
    table.unlink()
    run("report", study)
    assert table.read_text() == before
    assert MINE_NAME in (study / "report.html").read_text()
    other = "nearest_share[judge=shades,k=3]"
    asked = ["--metric", other, "--fail-if-worse", other]
    assert f"{MINE_NAME}_v1" in run("compare", f"{study}:vae", f"{study}:class mean", *asked)


@pytest.mark.integration
def test_the_study_is_done_and_its_own_file_asks_for_the_same(study: Path, plugin: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.glob("jobs/*/result.json")}
    done = call("run", study / "study.yaml", "--plugin", plugin, "--tracking-uri", "none")
    assert done.exit_code == 0, done.output
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.integration
def test_a_search_goes_by_it(plugin: Path, small_store: Path, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text("channels: {choice: [4, 8]}\n")
    load_plugin_file(plugin)
    request = Request(
        models=("vae",), dataset=str(small_store), encoder="logmel", seeds=1, images=(96,),
        metrics=("nearest_share[judge=shades,k=2]",), plugins=(plugin,), folder=tmp_path / "tuned",
    )  # fmt: skip
    space = tmp_path / "space.yaml"
    tuning = plan_tuning(request, space, lambda name: lambda done, total: None, print, 1.0)
    scores: list[float] = []
    run_trial(tuning, {"channels": 4}, lambda rung, score: scores.append(score))
    best = write_best(tuning, request, write_trials(tuning)).read_text()
    assert "nearest_share[k=2,judge=shades]_v1" in best
    assert len(scores) > 1
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("nearest_share[k=11]", "nearest_share.k=11: expected a number ≥ 1 and ≤ 10"),
        ("nearest_share[l=1]", "unknown option of nearest_share 'l'"),
        ("nearest_share[judge=shade]", "did you mean shades?"),
        ("nearest_share[judge=pixels]", "inceptionv3, inceptionv3_clean, lite0, resnet18, shades"),
        ("nearest_shar", "did you mean nearest_share"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_any_work(
    metric: str, said: str, plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    done = call(
        "run", "--plugin", plugin, "--model", "vae", "--metric", metric, "--out", out, "--encoder",
        "logmel",
    )  # fmt: skip
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert not out.exists()


def test_it_is_shown_and_listed_with_what_its_parameters_take(plugin: Path) -> None:
    shown = call("show", "nearest_share[k=3]", "--plugin", plugin).output
    assert "k = 3  (whole number ≥ 1 and ≤ 10)" in shown
    assert "nearest real images that count" in shown
    listed = call("list", "metrics", "--plugin", plugin).output
    assert "nearest_share                    k=1 (whole number ≥ 1 and ≤ 10), judge=lite0" in listed
    assert "k=10 (whole number ≥ 1 and ≤ 100), judge=i2a_lite0, pool=all (all | class)" in listed


def test_it_keeps_the_contract_with_its_parameters(plugin: Path) -> None:
    done = call("check", "metric", MINE_NAME, "--plugin", plugin)
    assert done.exit_code == 0, done.output
    assert "✗" not in done.output
