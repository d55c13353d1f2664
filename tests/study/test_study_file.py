"""A study in a file: read strictly, overridden by the command line, and written back."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import config
from a2ibench.cli import main
from a2ibench.data.prepare import prepare
from a2ibench.errors import UserError
from a2ibench.study.request import Request
from a2ibench.study.study_file import read_study_file, save_requests, write_study_file
from a2ibench_plugins.datasets.synthetic import Synthetic

FILE = """
models: [vae, ours]
ablate: "consistency=0.5,stack+noise"
dataset: synthetic
encoder: logmel
seeds: 2
images: 96
metrics: [is1_lite0]
executor: inline
settings:
  synthetic: {train: 12, test: 12, image_size: 32, seconds: 1}
  ours: {i2a_steps: 2}
  vae:
    lr: 1e-3
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def plan(*arguments: object) -> str:
    done = call("run", *arguments, "--dry-run")
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def jobs(folder: Path) -> Any:
    return json.loads((folder / "study.json").read_text())["jobs"]


@pytest.mark.integration
def test_a_file_asks_for_what_it_says_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    text = plan(path)
    assert "4 arms × 2 seeds = 8 trials of 96" in text
    assert "lr=0.001" in text
    text = plan(path, "--seeds", 3, "--ablate", "noise", "--set", "vae.lr=0.1", "--images", 64)
    assert "3 arms × 3 seeds = 9 trials of 64" in text
    assert "lr=0.1," in text
    assert "'train': 12" in text, "other settings of the file stay"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("models: vae\nseed: 3", r"unknown key \(.*mine.yaml, line 2\) 'seed'; did you mean seeds"),
        ("models: vae\n\nseeds: two", "line 3: seeds: Input should be a valid integer, got 'two'"),
        ("settings:\n  vae:\n    lr: {a: 1}", "line 3: settings.vae.lr: expected a number, a word"),
        ("models:\n- vae\n- 3", "line 3: models.1: Input should be a valid string, got 3"),
        ("seeds: 1\nseeds: 2", "line 2: 'seeds' stands there twice"),
        ("images: [320, 0]", "line 1: images.1: Input should be greater than or equal to 1, got 0"),
        ("images: many", "line 1: images: Input should be a valid integer, got 'many'"),
        ("models: vae\nimages: [64, 32]", "--images 64,32: expected increasing numbers; 32 comes"),
        ("a: [", "no YAML"),
        ("out: 2025-02-30", "no YAML: day is out of range"),
        ("just a word", "expected lines of the form"),
        ("models: !!python/object/apply:os.getcwd []", "no YAML: could not determine"),
        ("models: vae\nprimary:\n  metric: kid_lite0", "line 3.* 'metric'; did you mean metrics"),
        ("models: vae\nprimary:\n  metrics: 3", "line 3: primary.metrics: Input should be a valid"),
        ("models: vae\nprimary: {contrasts: vae}", "contrast 'vae': expected two arms"),
        ("models: vae\nprimary: {contrasts: vae vs vea}", "no arm 'vea'; did you mean vae"),
        ("models: vae\nexecutor: rey", "unknown executor 'rey'; did you mean ray"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    done = call("run", path)
    assert done.exit_code == 2
    assert re.search(expected, " ".join(done.output.split())), done.output


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_study_file(tmp_path / "none.yaml")


words = st.text(st.characters(codec="latin-1", exclude_categories=("C",)), max_size=6)
words |= st.sampled_from(["1e-3", "no", "null", "0x10", "1_0", "~", "2020-01-01", "=", "a: b"])
numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | numbers | words
names = st.lists(words, min_size=1, max_size=3)
values = st.fixed_dictionaries(
    {},
    optional={
        "models": names,
        "ablate": names,
        "encoder": names,
        "seeds": st.integers(1, 9),
        "images": st.lists(st.integers(1, 10**9), min_size=1, max_size=3),
        "metrics": names,
        "settings": st.dictionaries(
            words,
            st.dictionaries(words, scalars | st.lists(scalars, max_size=2), min_size=1, max_size=3),
            min_size=1,
            max_size=2,
        ),
    },
)


@hypothesis.settings(deadline=None, max_examples=50)
@given(values)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, asked: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    write_study_file(path, asked)
    assert read_study_file(path) == {**asked, "out": path.parent}


def test_several_gpus_for_each_trial_are_asked_for_again(tmp_path: Path) -> None:
    request = Request(("vae",), settings={"ray": {"gpus_per_trial": 2.0}}, workers=2)
    save_requests(tmp_path, [request])
    assert read_study_file(tmp_path / "study.yaml")["gpus_per_trial"] == 2
    save_requests(tmp_path, [replace(request, workers=1)])
    assert "gpus_per_trial" not in read_study_file(tmp_path / "study.yaml")


@pytest.mark.integration
def test_axes_make_a_study_each_and_the_saved_file_asks_for_the_same_jobs(
    small_store: Path, tmp_path: Path
) -> None:
    options = {"train": 18, "test": 6, "image_size": 32, "seconds": 1, "seed": 7}
    synthetic = Synthetic(config.build(Synthetic.Config, options, "synthetic"))
    other = prepare(synthetic, tmp_path / "other").root
    out = tmp_path / "out"
    arguments = [
        "run", "--model", "vae", "--dataset", small_store, "--dataset", other, "--encoder",
        "mfcc", "--images", 64, "--metric", "is1_lite0", "--executor", "inline",
        "--seeds", 1, "--tracking-uri", "none", "--out", out,
    ]  # fmt: skip
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    studies = ["store-mfcc", "other-mfcc"]
    table = pd.read_parquet(out / "results.parquet")
    assert list(dict.fromkeys(table["study"])) == studies
    assert "other-mfcc/tables" in (out / "overview.md").read_text()
    for name in ("store", "other"):
        assert (
            f"({name}, mfcc, small scale)"
            in (out / f"{name}-mfcc" / "tables" / "quality.md").read_text()
        )
    quality = (out / "store-mfcc" / "tables" / "quality.md").read_text()
    assert "comparable between encoders where the judge is the same" in quality

    before = {name: jobs(out / name) for name in studies}
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/jobs/*/result.json")}
    for name in studies:
        (out / name / "study.json").unlink()
    again = call("run", out / "study.yaml", "--executor", "inline", "--tracking-uri", "none")
    assert again.exit_code == 0, again.output
    assert {name: jobs(out / name) for name in studies} == before
    single = read_study_file(out / "other-mfcc" / "study.yaml")
    assert (single["dataset"], single["out"]) == ([str(other)], out / "other-mfcc")
    assert times == {path: path.stat().st_mtime_ns for path in out.glob("*/jobs/*/result.json")}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--encoder", "mfcc", "--encoder", "mfcc"], "two encoders of one name"),
        (["--dataset", "a/x", "--dataset", "b/x"], "two datasets of one name: x, x"),
        (["--set", "ours.lr=1"], "unknown owner of an option"),
        (["--set", "ours@mfcc.lr=1", "--encoder", "mfcc"], "unknown owner of an option 'ours'"),
        (["--set", "vae@mfcc.lr=1"], "unknown dataset or encoder 'mfcc'; known: arcade, soundnet8"),
    ],
)
def test_wrong_axes_are_refused(arguments: list[str], expected: str) -> None:
    done = call("run", "--model", "vae", *arguments)
    assert (done.exit_code, expected in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("provenance: &a {b: *a}", "line 1: an alias inside its own value"),
        ("provenance:\n  a: &a [1, 2]\n  b: &b [" + "*a, " * 99 + "]\n  c: [" + "*b, " * 99 + "]",
         "more than 10,000 values once its aliases"),
        ("models: vae\nseeds: " + "9" * 999, "line 2: seeds: "),
        ("models: vae\n#" + "x" * 2**20, "bytes; expected at most 1,048,576"),
    ],
)  # fmt: skip
def test_a_file_that_is_far_too_much_is_refused_in_a_short_line(
    tmp_path: Path, content: str, expected: str
) -> None:
    (tmp_path / "big.yaml").write_text(content)
    with pytest.raises(UserError, match=re.escape(expected)) as error:
        read_study_file(tmp_path / "big.yaml")
    assert len(str(error.value)) < 500
