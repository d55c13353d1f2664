"""An executor of one file of the user's, beside those that come with the package."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main

BACKWARDS = """
from dataclasses import dataclass

from a2ibench.config import option
from a2ibench.contracts.executor import Executor, Update
from a2ibench.registry import executors


@dataclass(frozen=True)
class Config:
    most: int = option(10, "trials that it takes", minimum=1)


@executors.register
class Backwards(Executor):
    name = "backwards"
    Config = Config

    def __call__(self, trials, tell):
        self.say(f"backwards, at most {self.config.most}")
        for trial in reversed(trials[: self.config.most]):
            trial(lambda step, steps: tell(Update(trial, step, steps)))
            tell(Update(trial, ended=True))
"""


def run(out: Path, *more: object) -> Result:
    small = ("train=12", "test=12", "image_size=32", "seconds=1.0")
    options = [part for value in small for part in ("--set", f"synthetic.{value}")]
    command = [
        "run", "--model", "vae", "--seeds", 2, "--dataset", "synthetic", "--encoder", "logmel",
        "--images", 64, "--metric", "is1_lite0", "--tracking-uri", "none", "--out", out,
        *options, *more,
    ]  # fmt: skip
    return CliRunner().invoke(main, [str(word) for word in command])


def numbers(study: Path) -> dict[str, object]:
    """What must not depend on the executor, by job."""
    results = [json.loads(path.read_text()) for path in study.glob("jobs/*/result.json")]
    return {one["key"]: (one["metrics"], one.get("weights")) for one in results}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "backwards.py"
    path.write_text(BACKWARDS)
    return path


@pytest.mark.integration
def test_an_executor_of_one_file_gives_the_numbers_of_those_that_are_built_in(
    plugin: Path, tmp_path: Path
) -> None:
    own = ("--plugin", plugin, "--executor", "backwards")
    done = run(tmp_path / "own", *own, "--set", "backwards.most=5")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "backwards, at most 5" in said
    assert said.index("vae, seed 1: done") < said.index("vae, seed 0: done")
    assert run(tmp_path / "inline", "--executor", "inline").exit_code == 0
    assert numbers(tmp_path / "own") == numbers(tmp_path / "inline")
    assert len(numbers(tmp_path / "own")) > 2
    kept = (tmp_path / "own" / "study.yaml").read_text()
    assert "backwards" not in kept, "the file says what a study is, and not how it was run"

    # A trial that it does not call has no result, and the command says so.
    done = run(tmp_path / "few", *own, "--set", "backwards.most=1")
    assert done.exit_code == 1
    assert "failed: vae, seed 1: it ended without a result" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--executor", "inlin"), "unknown executor 'inlin'; did you mean inline?"),
        (("--executor", "backwards", "--set", "backwards.most=0"), "expected a number ≥ 1"),
        (("--executor", "inline", "--set", "ray.address=x"), "unknown owner of an option 'ray'"),
        (
            ("--executor", "inline", "--ray-address", "x:1"),
            "--ray-address belongs to --executor ray",
        ),
        (("--executor", "ray", "--set", "ray.gpus_per_trial=1.5"), "expected a fraction of one"),
    ],
)
def test_a_wrong_executor_or_option_is_wrong_usage(
    plugin: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path / "study", "--plugin", plugin, *arguments)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "study").exists()


def test_executors_are_listed_and_shown_as_other_plug_ins_are(plugin: Path) -> None:
    listed = CliRunner().invoke(main, ["list", "executors", "--plugin", str(plugin)]).output
    assert [line.split()[0] for line in listed.splitlines()] == [
        "executors:", "backwards", "inline", "process", "ray",
    ]  # fmt: skip
    shown = CliRunner().invoke(main, ["show", "ray", "--kind", "executor"]).output
    assert "gpus_per_trial = None" in shown
    assert "of a running Ray cluster" in shown
