"""The starting files: each works as it is written, in a study too."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main
from a2ibench.scaffold.new import KINDS


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def said(output: str) -> list[list[str]]:
    """The commands that were printed, as lists of words."""
    lines = [line.strip() for line in output.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("a2ibench ")]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[str]]]:
    """Kind → the commands that are printed beside its new file."""
    folder = tmp_path_factory.mktemp("my files")
    commands = {}
    for kind in KINDS:
        written = call("new", kind, f"fresh_{kind}", "--out", str(folder / "with a space"))
        assert written.exit_code == 0, written.output
        commands[kind] = said(written.output)
    return commands


@pytest.mark.parametrize("kind", KINDS)
def test_a_starting_file_keeps_its_contract_and_its_commands_are_right(
    kind: str, printed: dict[str, list[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verbs = [words[0] for words in printed[kind]]
    assert "check" in verbs
    assert "run" in verbs
    for words in printed[kind]:
        done = call(*words, *(["--dry-run"] if words[0] == "run" else []))
        assert done.exit_code == 0, done.output
        assert "✗" not in done.output


@pytest.mark.integration
def test_a_study_of_starting_files_alone_runs(
    printed: dict[str, list[list[str]]], tmp_path: Path
) -> None:
    files = {
        words[words.index("--plugin") + 1] for commands in printed.values() for words in commands
    }
    done = call(
        "run", *(word for file in files for word in ("--plugin", file)),
        "--model", "fresh_model", "--ablate", "noise", "--metric", "fresh_metric",
        "--metric", "match_fresh_judge", "--dataset", "fresh_dataset",
        "--encoder", "fresh_encoder", "--set", "fresh_dataset.sources=8",
        "--set", "fresh_dataset.image_size=32", "--images", "96", "--executor", "inline",
        "--seeds", "1", "--tracking-uri", "none", "--out", str(tmp_path / "study"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    tables = "".join(path.read_text() for path in (tmp_path / "study" / "tables").glob("*.md"))
    for title in ("fresh_metric", "match by fresh_judge", "fresh_model − noise"):
        assert title in tables


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("# precious\n")
    done = call("new", "model", "mine", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "exists and is not overwritten" in done.output
    assert path.read_text() == "# precious\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("model", "ours", "a model 'ours' already exists"),
        ("model", "my-model", "expected letters"),
        ("model", "class", "expected letters"),
        ("model", "3d", "expected letters"),
        ("model", "../mine", "expected letters"),
        ("model", "__", "expected letters"),
        ("model", "none", "the class would be None"),
        ("model", "_true", "the class would be True"),
        ("judge", "metric", "the class would be Metric"),
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
