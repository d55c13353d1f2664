"""`a2ibench check`: what is printed, and the exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench import registry
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
    assert "✓ The same seed draws the same images" in done.output
    assert "rules: 5 met" in done.output


def test_what_is_broken_is_explained_with_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "dim.py"
    path.write_text(BROKEN)
    done = call("reference", "dim", "--plugin", str(path))
    assert done.exit_code == 1, done.output
    assert "✗ It draws one image per test segment" in done.output
    for line in ("expected  uint8", "got       float64", "fix       return images"):
        assert line in done.output
    assert "3 unreached" in done.output


EXITS = """
from a2ibench.contracts.judge import Judge
from a2ibench.contracts.reference import Reference
from a2ibench.registry import judges, references

@references.register
class Exits(Reference):
    name = "exits"

    def draw(self, train, test, rng):
        raise SystemExit(0)

@judges.register
class Unready(Judge):
    name = "a_judge_that_exits"

    @classmethod
    def missing(cls):
        raise SystemExit(0)
"""


def test_a_plugin_that_ends_the_program_keeps_no_contract(tmp_path: Path) -> None:
    path = tmp_path / "exits.py"
    path.write_text(EXITS)
    done = call("reference", "exits", "--plugin", str(path))
    assert done.exit_code == 1, done.output
    assert f"got       SystemExit: 0 ({path}, line 11)" in done.output
    assert "rules: " in done.output
    done = call("references", "--plugin", str(path))
    assert done.exit_code == 1
    assert "✗ reference exits" in done.output
    assert "✓ reference ground_truth" in done.output, "the others are checked nevertheless"


def test_a_plugin_that_cannot_be_tried_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exits.py"
    path.write_text(EXITS)
    registry.load_plugin_file(path)
    monkeypatch.setattr(registry.judges, "names", lambda: ["a_judge_that_exits", "pixels"])
    done = call("judges")
    assert done.exit_code == 1
    assert "✗ judge a_judge_that_exits: cannot be checked: SystemExit: 0" in done.output
    assert "✓ judge pixels" in done.output


def test_sections_have_no_rules_and_say_so() -> None:
    done = call("section", "by_class")
    assert done.exit_code == 2
    assert "sections have no rules to check; `a2ibench report STUDY` shows" in done.output
    done = call("sections")
    assert done.exit_code == 0
    assert "– section by_class: not checked: sections have no rules" in done.output


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
        (["dataset", "synthetic", "--set", "synthetic.train=1"], "expected FIELD=VALUE"),
        (["dataset", "synthetic", "--set", "other.train=1"], "expected FIELD=VALUE"),
        (["dataset", "synthetic", "--set", "train"], "expected FIELD=VALUE"),
    ):
        done = call(*arguments)
        assert done.exit_code == 2, done.output
        assert expected in done.output
