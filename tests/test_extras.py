"""The plain installation trains and evaluates; a command that needs an extra says which."""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from a2ibench import extras
from a2ibench.cli import main

COMMANDS = {
    "arcade": ("ale-py", ["data", "prepare", "arcade", "--out", "pairs"]),
    "curation": ("cleanlab", ["data", "clean", "pairs"]),
    "demo": ("starlette", ["demo", "study"]),
    "diffusion": (
        "diffusers",
        ["run", "--model", "adapter", "--encoder", "logmel", "--dataset", "synthetic"],
    ),
    "export": ("onnxscript", ["export", "study", "--format", "onnx", "--out", "out"]),
    "foundation": (
        "transformers",
        ["run", "--model", "vae", "--encoder", "logmel", "--dataset", "synthetic",
         "--metric", "kid[judge=clip]"],
    ),
    "human": ("krippendorff", ["human-study", "score", "people", "answers.json"]),
    "search": (
        "optuna",
        ["tune", "--model", "vae", "--space", "space.yaml", "--metric", "kid_lite0",
         "--trials", "1"],
    ),
}  # fmt: skip
"""Extra → one of its packages, and a command that needs it. The files that it names are not there:
what has to be installed is said first."""
DEVELOPMENT = {"docs", "test"}


def declared() -> set[str]:
    return set(importlib.metadata.metadata("a2ibench").get_all("Provides-Extra") or ())


Hide = Callable[[str, str | None], None]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Hide:
    """``hide(name, version)``: a distribution is not installed, or only in another version."""
    installed = importlib.metadata.version

    def hide(name: str, version: str | None) -> None:
        def find(asked: str) -> str:
            if asked != name:
                return installed(asked)
            if version is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(importlib.metadata, "version", find)
        if version is None:
            monkeypatch.setitem(sys.modules, name.replace("-", "_"), None)

    return hide


def test_every_extra_of_a_user_has_a_command_here() -> None:
    assert declared() == set(COMMANDS) | DEVELOPMENT


def test_what_the_tests_need_includes_every_other_extra() -> None:
    held = {one.name for one in extras.requirements("test")}
    for extra in declared():
        assert {one.name for one in extras.requirements(extra)} <= held


@pytest.mark.parametrize("extra", COMMANDS)
def test_a_command_says_which_extra_it_lacks_before_anything_else(
    extra: str, hide: Hide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, command = COMMANDS[extra]
    monkeypatch.chdir(tmp_path)
    hide(package, None)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2, done.output
    assert f"({package} is missing): pip install 'a2ibench[{extra}]'" in done.output
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_too_old_is_named(hide: Hide) -> None:
    hide("optuna", "4.1")
    done = CliRunner().invoke(main, COMMANDS["search"][1])
    assert done.exit_code == 2
    assert "a2ibench tune needs more packages (optuna is 4.1, needed is >=5): pip" in done.output


def test_a_module_that_another_distribution_brings_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brought_by_another.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert extras.unmet(Requirement("brought-by-another>=1")) == ""
    assert extras.unmet(Requirement("brought-by-none>=1")) == "brought-by-none is missing"


def distributions(extra: str = "") -> Iterator[importlib.metadata.Distribution]:
    """What pip installs for a2ibench: its own distribution and those that it requires."""
    waiting, seen = [Requirement(f"a2ibench[{extra}]" if extra else "a2ibench")], set()
    while waiting:
        requirement = waiting.pop()
        wanted = {"", *requirement.extras}
        if (key := (requirement.name.lower(), *sorted(wanted))) in seen:
            continue
        seen.add(key)
        found = importlib.metadata.distribution(requirement.name)
        yield found
        for one in map(Requirement, found.requires or ()):
            if one.marker is None or any(one.marker.evaluate({"extra": name}) for name in wanted):
                waiting.append(one)


Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Runs commands in an environment of the plain installation, made of links to this one: one
    after another in one process, until one fails."""
    root = tmp_path_factory.mktemp("plain")
    venv.create(root, symlinks=True)
    place = Path(sysconfig.get_path("purelib", "venv", {"base": str(root)}))
    for one in distributions():
        for name in {path.parts[0] for path in one.files or ()} - {"..", "__pycache__"}:
            link = place / name
            if not link.exists():
                link.symlink_to(Path(str(one.locate_file(name))).resolve())

    def run(*commands: Sequence[object], cwd: Path) -> "subprocess.CompletedProcess[str]":
        words = [[str(word) for word in command] for command in commands]
        code = (
            "import json, sys; from a2ibench.cli import main\n"
            "for words in json.loads(sys.argv[1]):\n"
            "    try:\n"
            "        main(words, 'a2ibench')\n"
            "    except SystemExit as end:\n"
            "        if end.code: raise"
        )
        command = [root / "bin" / "python", "-I", "-c", code, json.dumps(words)]
        variables = os.environ | {"COLUMNS": "200"}
        return subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=250, env=variables
        )

    return run


@pytest.mark.integration
# Not the demo: MLflow brings what it needs.
@pytest.mark.parametrize("extra", sorted(COMMANDS.keys() - {"demo"}))
def test_without_an_extra_its_command_says_what_to_install(
    extra: str, plain: Bench, tmp_path: Path
) -> None:
    done = plain(COMMANDS[extra][1], cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert f"pip install 'a2ibench[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_the_plain_installation_trains_and_evaluates(
    plain: Bench, small_store: Path, tmp_path: Path
) -> None:
    run = [
        "run", "--model", "vae", "--dataset", small_store, "--encoder", "logmel", "--images", "96",
        "--seeds", "1", "--metric", "is1_lite0", "--executor", "inline", "--tracking-uri", "none",
        "--out", "study",
    ]  # fmt: skip
    done = plain(
        run,
        ["report", "study"],
        ["compare", "study:vae", "study:class mean"],
        ["export", "study", "--out", "exported"],
        ["data", "check", small_store, "--report", "check.html"],
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is1_lite0" in (tmp_path / "study" / "tables" / "quality.csv").read_text()
    assert (tmp_path / "exported" / "generator.json").is_file()
    assert (tmp_path / "check.html").is_file()
