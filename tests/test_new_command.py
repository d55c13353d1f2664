"""The starting files: each works as it is written, in a study too."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main
from a2ibench.scaffold.new import KINDS

SMALL = [
    "--set", "synthetic.train=12", "--set", "synthetic.test=12", "--set", "synthetic.image_size=32",
    "--set", "synthetic.seconds=1",
]  # fmt: skip
STUDY = ["--images", "96", "--executor", "inline", "--tracking-uri", "none"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def said(output: str) -> list[list[str]]:
    """The commands that were printed, as lists of words."""
    lines = [line.strip() for line in output.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("a2ibench ")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_starting_file_works_with_the_commands_that_are_printed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"fresh_{kind}"
    written = call("new", kind, name, "--out", "mine files")
    assert written.exit_code == 0, written.output
    checks = [words for words in said(written.output) if words[0] == "check"]
    (study, *_) = [words for words in said(written.output) if words[0] == "run"]
    assert checks
    for words in checks:
        done = call(*words)
        assert done.exit_code == 0, done.output
        assert "✗" not in done.output
    if kind == "dataset":
        study += ["--set", f"{name}.image_size=32", "--set", f"{name}.sources=8"]
    else:
        study += SMALL
    if "--metric" not in study:
        study += ["--metric", "is1_lite0"]
    done = call(*study, *STUDY, "--out", "study")
    assert done.exit_code == 0, done.output


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("# precious\n")
    done = call("new", "model", "mine", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert path.read_text() == "# precious\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("model", "ours", "a model 'ours' exists already"),
        ("model", "my-model", "expected letters"),
        ("model", "class", "expected letters"),
        ("model", "3d", "expected letters"),
        ("model", "../mine", "expected letters"),
        ("model", "__", "expected letters"),
        ("planet", "mine", "is not one of"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    kind: str, name: str, reason: str, tmp_path: Path
) -> None:
    done = call("new", kind, name, "--out", str(tmp_path))
    assert done.exit_code == 2
    assert reason in done.output
    assert not list(tmp_path.iterdir())
