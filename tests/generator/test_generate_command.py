"""``a2ibench generate``: which arm draws, which sounds are left out, which files are written."""

import json
import os
import shutil
from pathlib import Path

import misbehaving
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

import a2ibench
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.generator import pictures
from a2ibench.generator.generate import Row, cut
from a2ibench.generator.pictures import save_pictures
from a2ibench.generator.select_model import find_run
from a2ibench.results.result_file import write_result

RATE = 8000


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["generate", *(str(argument) for argument in arguments)])


def tone(path: Path, seconds: float = 1, pitch: float = 440) -> Path:
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * pitch * np.arange(seconds * RATE) / RATE), RATE)
    return path


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def two_arms(small_study: Path, tmp_path: Path) -> Path:
    """A study of the arms vae, with two seeds, and vae − x."""
    folder = tmp_path / "two"
    shutil.copytree(small_study, folder)
    about = json.loads((folder / "study.json").read_text())
    about["arms"]["vae − x"] = about["arms"]["vae"]
    about["jobs"]["vae − x"] = about["jobs"]["vae"]
    about["jobs"]["vae"] = about["jobs"]["vae"] * 2
    (folder / "study.json").write_text(json.dumps(about))
    return folder


# Which arm


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([], "vae, seed 0 of 0 to 1 (the first of 2 arms; choose with --arm: vae, vae − x)"),
        (["--arm", "vae", "--seed", "1"], "vae, seed 1 of 0 to 1"),
        (["--arm", "vae - x"], "vae − x, seed 0"),
    ],
)
def test_the_arm_that_draws_is_named(
    two_arms: Path, tmp_path: Path, chosen: list[str], expected: str
) -> None:
    done = generate(two_arms, tone(tmp_path / "a.wav"), *chosen, "-n", 1, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == f"drawn by {expected}"


@pytest.mark.integration
@pytest.mark.parametrize("command", ["sweep", "export"])
def test_other_commands_name_it_as_well(two_arms: Path, tmp_path: Path, command: str) -> None:
    sound = [tone(tmp_path / "a.wav"), "--volume", "1,2", "-n", "1"] if command == "sweep" else []
    arguments = [command, two_arms, *sound, "--out", tmp_path / "out"]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert "vae, seed 0 of 0 to 1 (the first of 2 arms; choose with --arm:" in done.output


@pytest.mark.parametrize("command", ["generate", "sweep", "export"])
def test_a_budget_is_chosen_in_one_way(two_arms: Path, tmp_path: Path, command: str) -> None:
    about = json.loads((two_arms / "study.json").read_text())
    about["smaller"] = {"48": {arm: about["jobs"][arm] for arm in ("vae", "vae − x")}}
    (two_arms / "study.json").write_text(json.dumps(about))
    assert find_run(two_arms, "vae − x", 0, 48).description == "vae − x, 48 images, seed 0"
    assert find_run(two_arms, "vae − x", 0).description == "vae − x, 96 images, seed 0"
    sound = [tmp_path / "a.wav"] if command != "export" else []
    change = ["--volume", "1,2"] if command == "sweep" else []
    job = two_arms / "jobs" / about["jobs"]["vae"][0]
    for run, budget, said in (
        (two_arms, 7, f"{two_arms}: has no budget of 7 images; known: 48, 96"),
        (job, 48, f"{job}: is a single job; a budget (48) is chosen from a study"),
    ):
        asked = [command, run, *sound, *change, "--budget", budget, "--out", tmp_path / "out"]
        done = CliRunner().invoke(main, [str(argument) for argument in asked])
        assert (done.exit_code, done.output) == (2, f"error: {said}\n")


@pytest.mark.parametrize("command", ["generate", "sweep", "export", "demo"])
def test_another_seed_than_that_of_a_job_is_refused(
    small_study: Path, tmp_path: Path, command: str
) -> None:
    job = find_run(small_study, "vae").folder
    assert find_run(job, None, 0) == find_run(job, None)
    sound = [tmp_path / "a.wav"] if command in ("generate", "sweep") else []
    change = ["--volume", "1,2"] if command == "sweep" else []
    place = ["--port", 0] if command == "demo" else ["--out", tmp_path / "out"]
    asked = [command, job, *sound, *change, "--seed", 3, *place]
    done = CliRunner().invoke(main, [str(argument) for argument in asked])
    said = f"{job}: is a single job, of seed 0; another one (3) is chosen from a study"
    assert (done.exit_code, done.output) == (2, f"error: {said}\n")


def test_reference_rows_are_not_offered(two_arms: Path, tmp_path: Path) -> None:
    done = generate(two_arms, tone(tmp_path / "a.wav"), "--arm", "va", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "unknown arm" in done.output
    assert "ground truth" not in done.output
    done = generate(two_arms, tmp_path / "a.wav", "--arm", "class mean", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.output == (
        f"error: {two_arms}: 'class mean' holds no trained model: it is a row to compare with, and"
        " draws nothing for a sound; arms that do: vae, vae − x\n"
    )


# Which sounds


def test_a_bad_sound_is_left_out_and_named(small_study: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_text("this is text")
    sounds = [tone(tmp_path / "a.wav"), tmp_path / "bad.mp3", tone(tmp_path / "b.wav")]
    done = generate(small_study, *sounds, "-n", 2, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert f"error: {tmp_path / 'bad.mp3'}: cannot be decoded as sound" in done.output
    assert "1 of 3 sounds were left out" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "b"}


def test_no_sound_that_can_be_used_is_wrong_usage(small_study: Path, tmp_path: Path) -> None:
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_text("this is text")
    sounds = [tmp_path / "a.mp3", tmp_path / "b.mp3"]
    done = generate(small_study, *sounds, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == "error: no sound could be used"
    assert not (tmp_path / "out").exists()


@pytest.mark.integration
def test_a_decoder_that_crashes_costs_one_sound(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2ibench.media.isolated_decoding.read_sound", misbehaving.crash_on_bad)
    sounds = [tone(tmp_path / "bad.wav"), tone(tmp_path / "good.wav")]
    done = generate(small_study, *sounds, "-n", 1, "--out", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert (
        f"error: {tmp_path / 'bad.wav'}: the decoder died of SIGSEGV (Segmentation fault);"
        " convert the sound to another format, or cut it\n"
    ) in done.output
    assert (tmp_path / "out" / "good" / "00.png").is_file()
    done = CliRunner().invoke(
        main,
        [
            "sweep", str(small_study), *map(str, sounds), "--volume", "1,2", "-n", "1", "--out",
            str(tmp_path / "swept"),
        ],
    )  # fmt: skip
    assert done.exit_code == 1, done.output
    assert "left out: " in done.output
    assert "died of SIGSEGV" in done.output
    assert (tmp_path / "swept" / "strips" / "good.png").is_file()


def test_what_a_decoder_prints_is_not_shown(
    small_study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A damaged MP3, of which libmpg123 writes on the error output by itself."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, 0.5 * np.sin(np.arange(RATE * 3) / 3), RATE, format="MP3")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(range(200)) * 2
    path.write_bytes(content)
    done = generate(small_study, path, "-n", 1, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert capfd.readouterr().err == ""


def test_a_long_sound_is_told_and_is_drawn_window_by_window(
    small_study: Path, tmp_path: Path
) -> None:
    parts = [0.5 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE) for pitch in (200, 1500, 700)]
    sound = tmp_path / "long.wav"
    soundfile.write(sound, np.concatenate([*parts, np.zeros(RATE // 4)]), RATE)
    done = generate(small_study, sound, "-n", 2, "--out", tmp_path / "whole")
    assert done.exit_code == 0, done.output
    assert (
        "note: long.wav lasts 3.2 s, and the model was trained on segments of 1 s: each picture"
        " stands for the whole sound; --every 1 draws a row per segment\n"
    ) in done.output
    assert files_in(tmp_path / "whole" / "long") == {"00.png", "01.png", "all.png", "pictures.json"}

    done = generate(small_study, sound, "-n", 2, "--every", 1, "--out", tmp_path / "rows")
    assert done.exit_code == 0, done.output
    assert "its last 0.25 s are no whole window: left out" in done.output
    assert "stands for the whole sound" not in done.output
    assert "6 pictures in 3 rows" in done.output
    folder = tmp_path / "rows" / "long"
    assert files_in(folder) == {"all.png", "pictures.json"} | {
        f"000{second}.00s_0{i}.png" for second in range(3) for i in range(2)
    }
    generator = a2ibench.load(small_study)
    waveform, rate = soundfile.read(sound, dtype="float32")
    for second in range(3):
        expected = generator.generate(waveform[second * rate : (second + 1) * rate], rate, 2)
        for i in range(2):
            drawn = np.asarray(Image.open(folder / f"000{second}.00s_0{i}.png"))
            np.testing.assert_array_equal(drawn, expected[i])
    with Image.open(folder / "all.png") as grid:
        assert grid.size == (2 * 32 * 4, 3 * 32 * 4)


def test_more_windows_than_a_page_can_show_are_refused() -> None:
    with pytest.raises(UserError, match=r"1100 windows in 11.0 s; expected at most 1000"):
        cut(np.zeros(11 * 22_050, np.float32), 22_050, 0.01)


@pytest.mark.parametrize(
    ("length", "windows"),
    [
        (0.4, [0.4]),
        (1.4, [1]),
        (1.5, [1, 0.5]),
        (2.4, [1, 1]),
        (2.5, [1, 1, 0.5]),
        (3.5, [1] * 3 + [0.5]),
    ],
)
def test_half_a_window_at_the_end_is_kept_and_less_is_left_out(
    length: float, windows: list[float]
) -> None:
    starts, parts = cut(np.zeros(round(length * RATE), np.float32), RATE, 1)
    assert [len(part) / RATE for part in parts] == windows
    assert starts == list(range(len(windows)))


def test_windows_that_are_silent_or_tiled_are_counted_in_one_note_each(
    small_study: Path, tmp_path: Path
) -> None:
    sound = tmp_path / "a.wav"
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, RATE // 5)
    wave[: len(wave) // 2] = 0
    soundfile.write(sound, wave, RATE)
    done = generate(small_study, sound, "-n", 2, "--every", 0.02, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert [line for line in done.output.splitlines() if line.startswith("note: a.wav")] == [
        "note: a.wav: 5 of 10 windows are silent: all of their samples are 0",
        "note: a.wav: 10 of 10 windows last less than logmel needs (0.05 s): tiled",
    ]
    soundfile.write(sound, np.zeros(RATE // 5), RATE)
    done = generate(small_study, sound, "-n", 2, "--every", 0.1, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert [line for line in done.output.splitlines() if line.startswith("note: a.wav")] == [
        "note: a.wav is silent: all of its samples are 0"
    ]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("0", "expected at least 0.01 seconds"),
        ("-1", "expected at least 0.01 seconds"),
        ("nan", "expected at least 0.01 seconds"),
        ("inf", "expected at least 0.01 seconds"),
        ("0.0005", "expected at least 0.01 seconds"),
    ],
)
def test_a_window_that_is_none_is_refused(
    small_study: Path, tmp_path: Path, every: str, expected: str
) -> None:
    sound = tone(tmp_path / "a.wav")
    done = generate(small_study, sound, "--every", every, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert expected in done.output
    assert not (tmp_path / "out").exists()


# Which files


def test_pictures_of_an_earlier_command_are_replaced(small_study: Path, tmp_path: Path) -> None:
    sound, out = tone(tmp_path / "a.wav"), tmp_path / "out"
    assert generate(small_study, sound, "-n", 3, "--out", out).exit_code == 0
    first = (out / "a" / "00.png").read_bytes()
    done = generate(small_study, sound, "-n", 2, "--noise-seed", 5, "--out", out)
    assert done.exit_code == 0, done.output
    assert files_in(out / "a") == {"00.png", "01.png", "all.png", "pictures.json"}
    assert (out / "a" / "00.png").read_bytes() != first
    about = json.loads((out / "a" / "pictures.json").read_text())
    study = json.loads((small_study / "study.json").read_text())
    assert about["sound"] == "a.wav"
    assert about["job"] == study["jobs"]["vae"][0]
    assert about["noise_seed"] == 5


def picture_rows(rows: int, count: int, side: int) -> list[Row]:
    """Rows in which every picture has a colour of its own."""
    numbers = np.arange(1, rows * count + 1).reshape(rows, count, 1)
    colours = numbers // 256 ** np.arange(3) % 256
    pixels = colours.astype(np.uint8)[:, :, None, None].repeat(side, 2).repeat(side, 3)
    return [Row(float(i), pixels[i]) for i in range(rows)]


def overview(rows: list[Row], folder: Path) -> np.ndarray:
    return np.asarray(Image.open(save_pictures(rows, folder, {})))


def test_a_row_that_is_too_wide_is_continued_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 40)
    drawn = overview(picture_rows(2, 7, 8), tmp_path)
    assert drawn.shape == (2 * 2 * 8, 4 * 8, 3)
    numbers = drawn[::8, ::8] @ np.array([1, 256, 256**2])
    white = 256**3 - 1
    assert numbers.tolist() == [
        [1, 2, 3, 4],
        [5, 6, 7, white],
        [8, 9, 10, 11],
        [12, 13, 14, white],
    ]
    assert overview(picture_rows(1, 7, 11), tmp_path).shape == (3 * 11, 3 * 11, 3)


def test_rows_that_are_too_high_together_are_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST", 40)
    assert overview(picture_rows(10, 2, 8), tmp_path).shape == (40, 8, 3)
    assert overview(picture_rows(2, 2, 8), tmp_path).shape == (32, 32, 3)


@pytest.mark.parametrize("theirs", ["all.png", "00.png", "pictures.json"])
def test_a_file_of_the_users_is_never_replaced(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tone(Path("a.wav"))
    Path("a").mkdir()
    for name in (theirs, "0001.png", "7.png"):
        Path("a", name).write_text("mine")
    done = generate(small_study, "a.wav", "--out", ".")
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == (
        f"error: a/{theirs}: is there already and was not written by this command, or was changed"
        " since; move it, or give another folder (--out)"
    )
    assert files_in(Path("a")) == {theirs, "0001.png", "7.png"}
    Path("a", theirs).rename("a/kept.png")
    done = generate(small_study, "a.wav", "-n", 2, "--out", ".")
    assert done.exit_code == 0, done.output
    mine = {"kept.png", "0001.png", "7.png"}
    assert files_in(Path("a")) == {"00.png", "01.png", "all.png", "pictures.json"} | mine
    assert {Path("a", name).read_text() for name in mine} == {"mine"}


def test_a_picture_that_was_changed_since_is_the_users(small_study: Path, tmp_path: Path) -> None:
    sound, out = tone(tmp_path / "a.wav"), tmp_path / "out"
    assert generate(small_study, sound, "-n", 3, "--out", out).exit_code == 0
    (out / "a" / "02.png").write_text("painted over")
    assert generate(small_study, sound, "-n", 3, "--out", out).exit_code == 2
    assert generate(small_study, sound, "-n", 2, "--out", out).exit_code == 0
    assert (out / "a" / "02.png").read_text() == "painted over"


@pytest.mark.parametrize("target", ["../mine.txt", "/mine.txt", "link"])
def test_a_record_of_a_strangers_removes_nothing(
    small_study: Path, tmp_path: Path, target: str
) -> None:
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    (out / "a" / "link").symlink_to(out / "mine.txt")
    name = target.replace("/mine.txt", str(out / "mine.txt")) if target[0] == "/" else target
    (out / "a" / "pictures.json").write_text(json.dumps({"files": {name: None}}))
    done = generate(small_study, tone(tmp_path / "a.wav"), "-n", 1, "--out", out)
    assert done.exit_code == 0, done.output
    assert (out / "mine.txt").read_text() == "mine"
    assert (out / "a" / "link").is_symlink()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("...wav", "sound"),
        ("....wav", "sound"),
        ("..a.wav", "a"),
        ("a\x1b[2Jb\n.wav", "a_[2Jb_"),
        (os.fsdecode(b"caf\xe9.wav"), "caf_"),
        ("a\\b.wav", "a_b"),
    ],
)
def test_no_name_leads_out_of_the_folder_or_into_the_terminal(
    small_study: Path, tmp_path: Path, name: str, folder: str
) -> None:
    sound = tone(tmp_path / "tone.wav").rename(tmp_path / name)
    out = tmp_path / "deep" / "out"
    done = generate(small_study, sound, "-n", 1, "--out", out)
    assert done.exit_code == 0, done.output
    assert files_in(tmp_path / "deep") == {
        f"out/{folder}/{file}" for file in ("00.png", "all.png", "pictures.json")
    }
    assert "\x1b" not in done.output


@pytest.mark.parametrize("theirs", ["curves.png", "curves.csv", "strips/a.png", "sweep.json"])
def test_a_sweep_replaces_no_file_of_the_users(
    small_study: Path, tmp_path: Path, theirs: str
) -> None:
    out = tmp_path / "out"
    (out / theirs).parent.mkdir(parents=True)
    (out / theirs).write_text("mine")
    arguments = ["sweep", small_study, tone(tmp_path / "a.wav"), "--volume", "1,2", "--out", out]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 2
    assert f"error: {out / theirs}: is there already" in done.output
    assert files_in(out) == {theirs}
    assert (out / theirs).read_text() == "mine"


@pytest.mark.integration
def test_a_sweep_replaces_that_before_it(small_study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "strips").mkdir(parents=True)
    for name in ("strips/b.png", "strips/mine.png", "curves.csv"):
        (out / name).write_text("old")
    record = {"files": {"strips/b.png": None, "curves.csv": None}}
    (out / "sweep.json").write_text(json.dumps(record))
    sound = tone(tmp_path / "a.wav")
    arguments = ["sweep", small_study, sound, "--volume", "1,2", "-n", 1, "--out", out]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert files_in(out) == {
        "curves.csv", "curves.parquet", "curves.png", "correlations.csv", "sweep.json",
        "strips/a.png", "strips/mine.png",
    }  # fmt: skip
    assert (out / "curves.csv").read_text() != "old"


# What has changed since


def test_the_files_that_changed_since_a_run_was_trained_are_named(
    small_study: Path, tmp_path: Path
) -> None:
    key = json.loads((small_study / "study.json").read_text())["jobs"]["vae"][0]
    job = tmp_path / "job"
    shutil.copytree(small_study / "jobs" / key, job)
    assert not a2ibench.load(job).notes
    result = json.loads((job / "result.json").read_text())
    assert "the file of VAE" in result["sources"]
    result["job"]["source"] = "0" * 64
    result["sources"]["a2ibench/nn/layers.py"] = "0" * 64
    result["sources"]["a2ibench/nn/old\x07.py"] = "0" * 64
    del result["sources"]["the file of VAE"]
    write_result(job, result)
    assert a2ibench.load(job).notes == (
        "since this run was trained, the code of vae has changed: a2ibench/nn/layers.py; new: the"
        " file of VAE; gone: a2ibench/nn/old.py",
    )
    del result["sources"]
    write_result(job, result)
    assert a2ibench.load(job).notes == (
        "since this run was trained, the code of vae has changed: it is not known which file",
    )


def test_of_a_run_of_an_earlier_version_only_code_that_counts_is_compared(
    small_study: Path, tmp_path: Path
) -> None:
    key = json.loads((small_study / "study.json").read_text())["jobs"]["vae"][0]
    job = tmp_path / "job"
    shutil.copytree(small_study / "jobs" / key, job)
    result = json.loads((job / "result.json").read_text())
    result["job"] |= {"source": "0" * 64, "encoder": "0" * 20}
    result["sources"]["a2ibench/training/fit.py"] = "0" * 64
    write_result(job, result)
    assert a2ibench.load(job).notes == (
        "this run was trained with an earlier version of a2ibench: whether the code of encoder"
        " logmel has changed since is not known",
    )
