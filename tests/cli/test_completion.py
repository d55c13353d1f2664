"""What a shell completes, asked as a shell asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENTRY = "from a2ibench.cli import main; main(prog_name='a2ibench')"
SPY = f"""
import atexit, sys
heavy = {{"torch", "ray", "mlflow", "pandas", "a2ibench_baselines.yang2020"}}
atexit.register(lambda: sys.stderr.write(" ".join(heavy & set(sys.modules))))
{ENTRY}
"""

MINE = """
from a2ibench.registry import models
raise SystemExit("this file must not be run")

@models.register
class Mine(Model):
    name = "mine"
    ablations = {"gate": {"gate": False}, "skip": {"skip": False}}
"""


def completed(line: str, folder: Path) -> list[str]:
    """The plain words for the last word of a line, by click's protocol for bash."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_A2IBENCH_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", SPY], env=environment, cwd=folder, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == "", "something heavy was imported"
    pairs = [entry.partition(",") for entry in done.stdout.splitlines()]
    return [value for kind, _, value in pairs if kind == "plain"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a2ibench run --model wan", ["wan2019", "wan2019_code"]),
        ("a2ibench run --dataset sy", ["synthetic"]),
        ("a2ibench run --encoder log", ["logmel"]),
        ("a2ibench run --metric accu", ["accuracy[", "accuracy_resnet18"]),
        ("a2ibench run --metric rprec[", ["rprec[k=", "rprec[judge=", "rprec[pool="]),
        ("a2ibench tune --metric rprec[k=5,ju", ["rprec[k=5,judge="]),
        ("a2ibench run --metric rprec[judge=i2a_c", ["rprec[judge=i2a_cnn"]),
        ("a2ibench run --metric rprec[pool=", ["rprec[pool=all", "rprec[pool=class"]),
        ("a2ibench run --metric nothing[", []),
        ("a2ibench run --metric al", ["all"]),
        ("a2ibench run --model ours --ablate con", ["consistency"]),
        ("a2ibench run --model ours --ablate consistency,st", ["consistency,stack"]),
        ("a2ibench run --model ours --ablate stack+no", ["stack+noise"]),
        ("a2ibench run --model vae --ablate ", ["all"]),
        ("a2ibench check enc", ["encoder"]),
        ("a2ibench check model cv", ["cvae"]),
        ("a2ibench check judge res", ["resnet18"]),
        ("a2ibench show inc", ["inceptionv3", "inceptionv3_clean"]),
        ("a2ibench list met", ["metrics"]),
        ("a2ibench new mod", ["model"]),
        ("a2ibench doc", ["doctor"]),
        ("a2ibench run --plugin mine.py --model mi", ["mine"]),
        ("a2ibench run --plugin mine.py --model mine --ablate ", ["gate", "skip", "all"]),
    ],
)
def test_names_are_completed_without_importing_anything(
    line: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    assert completed(line, tmp_path) == expected


def test_a_plugin_file_that_is_half_written_completes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Broken(")
    assert completed("a2ibench run --plugin mine.py --model va", tmp_path) == ["vae"]


def test_a_class_with_the_name_of_its_base_is_completed(tmp_path: Path) -> None:
    text = "@models.register\nclass VAE(VAE):\n    name = 'mine'\n"
    (tmp_path / "mine.py").write_text(text)
    assert completed("a2ibench run --plugin mine.py --model mine --ablate ", tmp_path) == ["all"]


def test_a_package_that_went_and_left_its_record_hides_nothing(tmp_path: Path) -> None:
    record = tmp_path / "ghost-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: ghost\nVersion: 1\n")
    (record / "entry_points.txt").write_text("[a2ibench.models]\nghost = ghost.gone:Ghost\n")
    assert completed("a2ibench run --model gh", tmp_path) == ["ghost"]
    assert completed("a2ibench run --model ghost --ablate ", tmp_path) == ["all"]


def bash(script: str, folder: Path) -> list[str]:
    """Lines that a script prints where ``a2ibench`` is on the path."""
    program = folder / "a2ibench"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{ENTRY}" "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, cwd=folder, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_a_real_bash_completes_after_the_line_of_the_help(tmp_path: Path) -> None:
    script = """
    eval "$(a2ibench completion bash)"
    function=$(complete -p a2ibench | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    COMP_WORDS=(a2ibench run --model wan)
    COMP_CWORD=3
    $function a2ibench
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    assert bash(script, tmp_path) == ["wan2019", "wan2019_code"]


@pytest.mark.parametrize(("shell", "sign"), [("zsh", "#compdef a2ibench"), ("fish", "complete ")])
def test_the_other_shells_get_a_script_too(shell: str, sign: str) -> None:
    command = [sys.executable, "-c", ENTRY, "completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert sign in done.stdout
    assert "_A2IBENCH_COMPLETE" in done.stdout
