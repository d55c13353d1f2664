"""`a2ibench check`: what is printed, and the exit codes."""

from pathlib import Path

from click.testing import CliRunner, Result

from a2ibench.cli import main

BROKEN = """
import numpy as np
from a2ibench.contracts.reference import Reference
from a2ibench.registry import references

@references.register
class Dim(Reference):
    name = "dim"

    def draw(self, train, test, rng):
        return test.images[:] / 2
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_what_is_kept_is_ticked_off_with_exit_code_0() -> None:
    done = call("reference", "ground_truth")
    assert done.exit_code == 0, done.output
    assert "✓ the same seed draws the same images" in done.output
    assert "rules: 5 met" in done.output


def test_what_is_broken_is_explained_with_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "dim.py"
    path.write_text(BROKEN)
    done = call("reference", "dim", "--plugin", str(path))
    assert done.exit_code == 1, done.output
    assert "✗ it draws one image for each test segment" in done.output
    for line in ("expected  uint8", "came      float64", "mend      return images"):
        assert line in done.output
    assert "3 unreached" in done.output


def test_a_kind_alone_checks_all_of_it_and_says_what_it_leaves_out() -> None:
    done = call("references")
    assert "✓ reference class_mean" in done.output
    assert "✓ reference ground_truth" in done.output


def test_unknown_names_kinds_and_options_are_wrong_usage() -> None:
    for arguments, expected in (
        (["model", "our"], "did you mean ours"),
        (["modle", "ours"], "unknown kind 'modle'"),
        (["reference", "ground_truth", "--set", "a=1"], "has no options"),
        (["reference", "ground_truth", "--files", "here"], "takes no files"),
        (["dataset", "folder"], "give some with --files"),
        (["dataset", "synthetic", "--set", "trian=1"], "did you mean train"),
        (["model", "--set", "lr=1"], "belong to one plug-in"),
    ):
        done = call(*arguments)
        assert done.exit_code == 2, done.output
        assert expected in done.output
