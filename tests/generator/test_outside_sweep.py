"""``a2ibench sweep`` for a system outside: sounds leave, pictures come back."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

from a2ibench.cli import main

pytestmark = pytest.mark.integration

RATE = 16_000
LEVELS = 3


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    t = np.arange(RATE) / RATE
    paths = []
    for name, frequency in (("low $", 200), ("high_00", 3000)):
        paths.append(folder / f"{name}.wav")
        soundfile.write(paths[-1], 0.6 * np.sin(2 * np.pi * frequency * t), RATE, subtype="FLOAT")
    return paths


@pytest.fixture(scope="module")
def sent(sounds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "sent"
    done = call("sweep", *sounds, "--volume", "0.5,1,3", "--export-sounds", folder)
    assert done.exit_code == 0, done.output
    assert "2 sounds, each unchanged and at 3 levels of volume" in done.output
    assert "samples beyond ±1 at volume 3 (to 1.80): not clipped" in done.output
    return folder


def draw(sent: Path, folder: Path, noises: int = 2) -> Path:
    """Draw as a system outside would, from nothing but the files: louder sounds are brighter."""
    for line in pd.read_csv(sent / "sounds.csv").to_dict("records"):
        waveform, _ = soundfile.read(sent / line["file"])
        picture = folder / line["picture"]
        picture.parent.mkdir(parents=True, exist_ok=True)
        for k in range(noises):
            grain = np.random.default_rng(k).integers(0, 40, (32, 32, 3))
            pixels = (grain + 100 * np.abs(waveform).max()).astype(np.uint8)
            name = picture.with_stem(f"{picture.stem}_{k}") if noises > 1 else picture
            Image.fromarray(pixels).save(name)
    return folder


def test_exported_sounds_are_the_changed_ones_to_the_last_bit(
    sent: Path, sounds: list[Path]
) -> None:
    listed = pd.read_csv(sent / "sounds.csv")
    assert len(listed) == 2 * (1 + LEVELS)
    assert listed["level"].tolist()[1:4] == [0.5, 1, 3]
    original, _ = soundfile.read(sounds[0], dtype="float32")
    read = [soundfile.read(sent / file, dtype="float32") for file in listed["file"][:4]]
    assert {rate for _, rate in read} == {RATE}
    assert read[0][0].tobytes() == read[2][0].tobytes() == original.tobytes()
    assert (read[1][0] == original * np.float32(0.5)).all()
    assert read[3][0].max() == pytest.approx(1.8, abs=1e-3)


def test_pictures_that_come_back_give_curves_table_and_strips(sent: Path, tmp_path: Path) -> None:
    pictures = draw(sent, tmp_path / "pictures")
    out = tmp_path / "out"
    done = call("sweep", sent, "--images", pictures, "--name", "theirs", "--out", out)
    assert done.exit_code == 0, done.output
    assert "│ all sounds │ brightness    │ +1.00" in done.output
    table = pd.read_csv(out / "curves.csv")
    assert len(table) == 2 * (1 + LEVELS) * 2
    assert (table.loc[table["level"] == 1, ["distance", "changed"]] == 0).all(axis=None)
    found = pd.read_csv(out / "correlations.csv").set_index(["sound", "measure"])
    assert found.loc[("low $", "brightness"), "rho"] == 1
    assert found.loc[("low $", "brightness"), "cases"] == 2
    assert {path.name for path in (out / "strips").iterdir()} == {"low $.png", "high_00.png"}
    assert json.loads((out / "sweep.json").read_text())["system"] == "theirs"


def test_pictures_of_many_noises_keep_their_numbers(sent: Path, tmp_path: Path) -> None:
    pictures = draw(sent, tmp_path / "pictures", noises=12)
    for path in pictures.glob("*/*.png"):
        level = 20 * int(path.stem.rpartition("_")[2])
        Image.fromarray(np.full((32, 32, 3), level, np.uint8)).save(path)
    done = call("sweep", sent, "--images", pictures, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "out" / "curves.csv")
    means = table.groupby("noise")["brightness"].mean()
    assert means.tolist() == sorted(means)
    assert means.is_monotonic_increasing
    assert means.nunique() == 12


def test_names_of_sounds_that_a_spreadsheet_would_run_are_guarded(
    sounds: list[Path], tmp_path: Path
) -> None:
    sound = shutil.copy(sounds[0], tmp_path / "=1+2.wav")
    sent = tmp_path / "sent"
    done = call("sweep", sound, "--volume", "0.5,1,3", "--export-sounds", sent)
    assert done.exit_code == 0, done.output
    assert set(pd.read_csv(sent / "sounds.csv")["sound"]) == {"'=1+2"}
    pictures = tmp_path / "pictures"
    for i in range(1 + LEVELS):
        (pictures / "=1+2").mkdir(parents=True, exist_ok=True)
        pixels = np.full((32, 32, 3), 40 * i, np.uint8)
        Image.fromarray(pixels).save(pictures / "=1+2" / f"{i:02}.png")
    done = call("sweep", sent, "--images", pictures, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    for name in ("curves.csv", "correlations.csv"):
        assert "'=1+2" in set(pd.read_csv(tmp_path / "out" / name)["sound"])


def test_pictures_of_other_sizes_are_resized_and_counted(sent: Path, tmp_path: Path) -> None:
    pictures = draw(sent, tmp_path / "pictures", noises=1)
    with Image.open(pictures / "high_00/01.png") as opened:
        opened.resize((48, 40)).save(pictures / "high_00/01.png")
    done = call("sweep", sent, "--images", pictures, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "1 picture resized to 32 px (Lanczos, antialiased), the middle square" in said


def test_the_classifier_of_a_study_judges_pictures_from_outside(
    small_study: Path, sent: Path, tmp_path: Path
) -> None:
    study = Path(shutil.copytree(small_study, tmp_path / "study"))
    pictures = draw(sent, tmp_path / "pictures", noises=1)
    out = tmp_path / "out"
    done = call(
        "sweep",
        sent,
        "--images",
        pictures,
        "--judged-by",
        study,
        "--out",
        out,
        "--name",
        "us",
    )
    assert done.exit_code == 0, done.output
    table = pd.read_csv(out / "curves.csv")
    assert table["posterior"].between(0, 1).all()
    done = call("report", study, "--sweep", out)
    assert done.exit_code == 0, done.output
    assert "us: volume" in (study / "report.html").read_text()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p: shutil.rmtree(p), "no such folder of pictures"),
        (lambda p: shutil.rmtree(p / "low $"), "no pictures of low $ (low $/00.png, …)"),
        (lambda p: (p / "low $/02_1.png").unlink(), "no picture low $/02_1.png"),
        (lambda p: shutil.copy(p / "low $/00_0.png", p / "low $/04_0.png"),
         "low $/04: no level of this sweep, which has 00 to 03"),
        (lambda p: shutil.copy(p / "low $/00_0.png", p / "low $/00_2.png"),
         "no picture low $/01_2.png"),
        (lambda p: (p / "low $/00_0.png").rename(p / "low $/00_4.png"),
         "no picture low $/00_0.png"),
        (lambda p: (p / "other").mkdir(), "other: no sound of this sweep"),
        (lambda p: (p / "low $/notes.txt").write_text(""), "notes.txt: expected <row>.png"),
        (lambda p: (p / "high_00/01_0.png").write_text("no"),
         "high_00/01_0.png: not a PNG picture"),
        (lambda p: (p / "low $/00_0.png").write_text("no"), "the picture cannot be decoded"),
        (lambda p: Image.new("RGBA", (32, 32)).save(p / "low $/01_0.png"), "transparent pixels"),
    ],
)  # fmt: skip
def test_pictures_that_are_missing_surplus_or_damaged_are_named(
    sent: Path, tmp_path: Path, spoil: object, expected: str
) -> None:
    pictures = draw(sent, tmp_path / "pictures")
    spoil(pictures)  # type: ignore[operator]
    done = call("sweep", sent, "--images", pictures, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, "no such file; expected what `sweep … --export-sounds DIR` wrote"),
        ("{", "damaged"),
        ('{"change": "magic", "levels": [1, 2], "sounds": ["a"]}', "unknown change 'magic'"),
        ('{"change": "volume", "levels": [1, 1], "sounds": ["a"]}', "all different"),
        ('{"change": "volume", "levels": [1, 2], "sounds": ["../a"]}', "the names of the sounds"),
        ('{"change": "volume", "levels": [1, 2], "sounds": []}', "the names of the sounds"),
        ("[]", "damaged"),
    ],
)
def test_a_folder_that_holds_no_exported_sounds_is_named(
    tmp_path: Path, record: str | None, expected: str
) -> None:
    if record is not None:
        (tmp_path / "exported_sounds.json").write_text(record)
    done = call("sweep", tmp_path, "--images", tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert expected in done.output


def test_a_sound_that_cannot_be_changed_is_left_out_of_the_export(
    sounds: list[Path], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "short.wav", np.ones(100) / 2, RATE)
    both = [tmp_path / "silent.wav", tmp_path / "short.wav"]
    done = call("sweep", *sounds, *both, "--tempo", "0.5,2", "--export-sounds", tmp_path / "sent")
    assert done.exit_code == 1, done.output
    assert "error: left out: silent is silent: a change of tempo leaves it so" in done.output
    assert "error: left out: short lasts 0.006 s, less than a change of tempo needs" in done.output
    listed = pd.read_csv(tmp_path / "sent/sounds.csv")
    assert set(listed["sound"]) == {"low $", "high_00"}
    lengths = [soundfile.info(tmp_path / "sent" / file).frames for file in listed["file"][:3]]
    assert lengths == [RATE, 2 * RATE, RATE // 2]
    done = call("sweep", *both, "--tempo", "0.5,2", "--export-sounds", tmp_path / "none")
    assert done.exit_code == 2
    assert not (tmp_path / "none").exists()


def test_an_export_replaces_its_own_files_and_no_others(sounds: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "sent"
    assert call("sweep", *sounds, "--pitch", "-2,0,2", "--export-sounds", out).exit_code == 0
    assert call("sweep", sounds[0], "--pitch", "0,2", "--export-sounds", out).exit_code == 0
    left = sorted(path.name for path in out.rglob("*.wav"))
    assert left == ["00.wav", "01.wav", "02.wav"]
    (out / "sounds.csv").write_text("mine")
    done = call("sweep", sounds[0], "--pitch", "0,2", "--export-sounds", out)
    assert done.exit_code == 2
    assert "sounds.csv: is there already and was not written by this command" in done.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["X", "--export-sounds", "Y"], "give one of --volume, --noise, --pitch"),
        (["X", "--export-sounds", "Y", "--images", "Z"], "give one of them"),
        (["X", "--images", "Z", "--volume", "1,2"], "names the change and the sounds"),
        (["X", "Y", "--images", "Z"], "names the change and the sounds"),
        (["X", "--images", "Z", "-n", "2"], "-n: of no use here"),
        (["X", "--volume", "1,2", "--export-sounds", "Y", "--arm", "a"], "--arm: of no use here"),
        (["X", "--volume", "1,2", "--export-sounds", "Y", "--noise-seed", "1"], "--noise-seed: of"),
        (["X", "--volume", "1,2", "--export-sounds", "Y", "--out", "Z"], "--out: of no use here"),
        (["X", "--volume", "1,2", "--judged-by", "Z"], "--judged-by and --name belong to --images"),
        (["X", "--volume", "1,2"], "give sounds behind RUN"),
        (["SOUND", "--mix", "none.wav", "--export-sounds", "Y"], "none.wav: no such sound"),
        (["SOUND", "--interpolate", "X", "--export-sounds", "Y"], "features has no sounds"),
        (["SOUND", "SOUND", "--pitch", "1,2", "--export-sounds", "Y"], "two sounds are called"),
        (["SOUND", "--pitch", "1,200", "--export-sounds", "Y"], "expected levels in [-24, 24]"),
        (["SOUND", "--pitch", "1", "--export-sounds", "Y"], "at least two levels"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    sounds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    expected: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = call("sweep", *(sounds[0] if one == "SOUND" else one for one in arguments))
    assert done.exit_code == 2, done.output
    assert expected in " ".join(done.output.split())
    assert not list(tmp_path.iterdir())


def test_a_silent_sound_is_exported_and_said_to_be_silent(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    out = tmp_path / "out"
    done = call("sweep", tmp_path / "a.wav", "--volume", "0.5,1", "--export-sounds", out)
    assert done.exit_code == 0, done.output
    assert "note: a is silent: all of its samples are 0" in done.output
