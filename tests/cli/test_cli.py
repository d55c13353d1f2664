"""The command line as a user meets it: exit codes, one-line errors, the documented example."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

from a2ibench.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "method.md"
DATA = [
    "--dataset", "synthetic", "--encoder", "logmel",
    "--set", "synthetic.train=12", "--set", "synthetic.test=12",
    "--set", "synthetic.image_size=32", "--set", "synthetic.seconds=1",
]  # fmt: skip
RUN = [
    "run", *DATA, "--seeds", "1", "--images", "96", "--metric", "is1_lite0",
    "--executor", "inline", "--tracking-uri", "none",
]  # fmt: skip


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of the documentation's own example beside a method of ours."""
    folder = tmp_path_factory.mktemp("cli")
    (code,) = re.findall(r"```python\n(# mine\.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    plugin = folder / "mine.py"
    plugin.write_text(code)
    done = call(
        *RUN, "--model", "vae", "--model", "mine", "--plugin", str(plugin), "--out",
        str(folder / "study"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "verdict: " in done.output
    assert "mine" in (folder / "study" / "tables" / "quality.md").read_text()
    return folder / "study"


def sound(path: Path, seconds: float, rate: int = 22_050, channels: int = 1) -> Path:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (int(seconds * rate), channels))
    soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg"])
def test_pictures_are_drawn_for_any_sound(small_study: Path, tmp_path: Path, suffix: str) -> None:
    path = sound(tmp_path / f"a.{suffix}", 1.5, rate=44_100, channels=2)
    done = call("generate", str(small_study), str(path), "-n", "3", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    names = sorted(file.name for file in (tmp_path / "out" / "a").iterdir())
    assert names == ["00.png", "01.png", "02.png", "all.png", "pictures.json"]
    with Image.open(tmp_path / "out" / "a" / "00.png") as picture:
        assert picture.size == (32, 32)


def test_a_sound_that_is_too_short_is_tiled_and_a_silent_one_is_said_to_be_silent(
    small_study: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(40), 22_050)
    done = call("generate", str(small_study), str(tmp_path / "silent.wav"), "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "tiled" in done.output
    assert "silent.wav is silent" in done.output


@pytest.mark.integration
def test_a_plugin_model_draws_only_with_its_plugin(study: Path, tmp_path: Path) -> None:
    path = sound(tmp_path / "a.wav", 1)
    arguments = ["generate", str(study), str(path), "--arm", "mine", "--out", str(tmp_path)]
    # In a process of its own: here the plug-in is loaded already.
    command = [sys.executable, "-m", "a2ibench.cli", *arguments]
    alone = subprocess.run(command, check=False, capture_output=True, text=True)
    assert alone.returncode == 2
    assert "unknown model 'mine'" in alone.stderr
    plugin = ["--plugin", str(study.parent / "mine.py")]
    subprocess.run([*command, *plugin], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--model", "our"], "unknown model 'our'; did you mean ours"),
        (["run", "--model", "ours", "--ablate", "stak"], "unknown ablation of ours 'stak'"),
        (["run", "--model", "ours", "--dataset", "arcad"], "unknown dataset 'arcad'"),
        (["run", "--model", "ours", "--dataset", "/no/such"], "/no/such: no such folder"),
        (["run", "--model", "ours", "--encoder", "soundnet"], "did you mean soundnet8"),
        (["run", "--model", "ours", "--metric", "fyd"], "unknown metric 'fyd'"),
        (["run", "--model", "ours", "--set", "ours=1"], "expected OWNER.FIELD=VALUE"),
        (["run", "--model", "ours", "--set", "vae.beta=1"], "unknown owner of an option"),
        (["run", "--model", "ours", "--plugin", "none.py"], "no such file"),
        (["run", "--model", "ours", "--seeds", "0"], "0 is not in the range"),
        (["run", "--model", "ours", "--keep", "--recompute"], "exclude each other: give one"),
        (["generate", "nowhere", "a.mp3"], "neither a study"),
        (["show", "wan2021"], "or wan2019"),
        (["list", "thing"], "unknown kind 'thing'"),
        (["data", "prepare", "synthetc", "--out", "x"], "did you mean synthetic"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir()), "something was written"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"this is text, not sound", "cannot be decoded"),
        (b"", "empty"),
    ],
)
def test_a_sound_that_cannot_be_used_is_named(
    small_study: Path, tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "bad.mp3"
    path.write_bytes(content)
    done = call("generate", str(small_study), str(path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "bad.mp3" in done.output
    assert expected in done.output
    assert not (tmp_path / "out").exists()


def test_nan_samples_are_refused(small_study: Path, tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.1, np.nan, 0.2]), 22_050, subtype="FLOAT")
    done = call("generate", str(small_study), str(path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "NaN" in done.output


def test_two_sounds_of_one_name_are_refused_before_anything_is_drawn(
    small_study: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    first, second = sound(tmp_path / "a.wav", 1), sound(tmp_path / "b" / "a.flac", 1)
    done = call(
        "generate", str(small_study), str(first), str(second), "--out", str(tmp_path / "out")
    )
    assert done.exit_code == 2
    assert "two sounds are called 'a'" in done.output
    assert not (tmp_path / "out").exists()


def test_an_output_path_that_cannot_be_a_folder_is_one_line(
    small_study: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    path = sound(tmp_path / "a.wav", 1)
    done = call("generate", str(small_study), str(path), "--out", str(tmp_path / "file"))
    assert done.exit_code == 2
    assert str(tmp_path / "file") in done.output
    assert "Traceback" not in done.output


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    made = call(
        "data", "prepare", "synthetic", "--out", str(folder),
        "--set", "train=4", "--set", "test=4", "--set", "image_size=32", "--set", "seconds=1",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    about = folder / "store.json"
    about.write_text(about.read_text().replace('"format": 2', '"format": 99'))
    done = call("run", "--model", "ours", "--dataset", str(folder), "--out", str(tmp_path / "s"))
    assert done.exit_code == 2
    assert "format 99" in done.output
    assert not (tmp_path / "s").exists()


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("run", "--model", "ours", "--ablate", "all", "--seeds", "3", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "7 arms × 3 seeds = 21 trials" in done.output
    assert "lambda_con=0.0" in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("arcad", "unknown dataset 'arcad'; did you mean arcade"),
        ("films", "not a pair store (it has no store.json); `a2ibench data prepare VIDEOS"),
        ("folder", "folder is a layout of files of your own: prepare a store first"),
    ],
)
def test_a_dry_run_refuses_a_dataset_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    done = call("run", "--model", "vae", "--dataset", dataset, "--dry-run")
    assert done.exit_code == 2, done.output
    assert expected in done.output


def test_a_reader_that_stops_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "a2ibench.cli", "list"]
    done = subprocess.run(command, check=False, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.stderr == ""


def test_list_and_show_name_what_there_is() -> None:
    assert "yang2020:Yang2020" in call("list", "models").output
    shown = call("show", "kid_lite0").output
    assert "Σ_{i≠j} [k(xᵢ, xⱼ)" in shown, "the definition, which the distances of two judges share"
    assert "lower is better, -inf to inf; judge lite0; at least 20 test segments" in shown
    shown = call("show", "ours").output
    assert "lambda_con = 1.0  (number ≥ 0)" in shown
    assert "prior = 'standard'  (standard | conditional)" in call("show", "cvae").output
    assert "ablation consistency: lambda_con=0.0" in shown


@pytest.mark.parametrize("command", [["list"], ["doctor"]])
def test_a_reader_that_has_enough_ends_a_command_quietly(command: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "a2ibench.cli", *command],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert "plug-in" not in done.stderr
    assert done.returncode == 1


def commands(group: click.Group) -> Iterator[click.Command]:
    """All commands below a group."""
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_no_option_takes_a_number_that_is_none_or_infinite() -> None:
    ranges = {
        (command.name, parameter.name): parameter.type
        for command in commands(main)
        for parameter in command.params
        if isinstance(parameter.type, click.FloatRange)
    }
    assert {("soundnet", "learning_rate"), ("clean", "quality")} <= ranges.keys()
    for option, kind in ranges.items():
        for text in ("nan", "inf", "-inf"):
            with pytest.raises(click.BadParameter, match="is not"):
                pytest.fail(f"{option} takes {kind.convert(text, None, None)}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["encoders", "train", "soundnet", "--data", "x", "--out", "y", "--learning-rate"],
        ["human-study", "score", "x", "y", "--pass"],
        ["run", "--gpus-per-trial"],
    ],
)
def test_a_number_that_is_none_is_refused_in_one_line(arguments: list[str]) -> None:
    done = call(*arguments, "nan")
    assert done.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}': nan is not a finite number." in done.output
