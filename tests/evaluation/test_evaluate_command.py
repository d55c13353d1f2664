"""``a2ibench evaluate``: anyone's images, the same protocol, the same table."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

from a2ibench.cli import main
from a2ibench.data.store import PairStore

pytestmark = pytest.mark.integration

PROTOCOL = ["--encoder", "logmel"]
OWN = ["--metric", "is1_lite0"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def prepare(root: Path, train: int = 12) -> Path:
    made = call(
        "data", "prepare", "synthetic", "--out", root, "--set", f"train={train}",
        "--set", "test=6", "--set", "image_size=32", "--set", "seconds=1",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    return root


def write_images(store: Path, folder: Path, several: bool = False, invert: bool = False) -> Path:
    """The real test images, as an outside system would hand them in."""
    pairs = PairStore(store)
    folder.mkdir(parents=True)
    for row in pairs.rows("test").tolist():
        pixels = pairs.images[row]
        Image.fromarray(255 - pixels if invert else pixels).save(folder / f"{row}.png")
        for k in range(1, 5 if several else 1):
            Image.fromarray(np.roll(pixels, k, axis=0)).save(folder / f"{row}_{k}.png")
    return folder


@pytest.fixture(scope="module")
def store(small_store: Path) -> Path:
    return small_store


@pytest.fixture(scope="module")
def study(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(small_study, tmp_path_factory.mktemp("evaluate") / "study")


@pytest.fixture
def images(store: Path, tmp_path: Path) -> Path:
    return write_images(store, tmp_path / "real")


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "tables" / "quality.csv").set_index("method")


def jobs_of(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((folder / "study.json").read_text())["jobs"]
    return found


def test_real_images_from_outside_score_as_the_ground_truth_to_the_last_bit(
    store: Path, study: Path, images: Path
) -> None:
    done = call("evaluate", "--dataset", store, *PROTOCOL, "--images", images,
                "--name", "a | b", "--into", study)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "a | b: images from outside, one seed" in done.output
    table = rows_of(study)
    value = "is1_lite0_v2:value"
    assert list(table.index[-2:]) == ["a | b", "vae"]
    assert table.loc["a | b", value] == table.loc["ground truth", value]
    (key,) = jobs_of(study)["a | b"]
    folder = study / "jobs" / key
    result = json.loads((folder / "result.json").read_text())
    assert result["job"]["kind"] == "outside"
    assert result["outside"]["folder"] == str(images)
    truth = study / "jobs" / jobs_of(study)["ground truth"][0]
    for file in ("blocks.parquet", "segments.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(folder / file), pd.read_parquet(truth / file))
    assert np.array_equal(np.load(folder / "samples" / "test.npy"),
                          np.load(truth / "samples" / "test.npy"))  # fmt: skip


def test_the_encoder_and_the_options_of_the_data_are_those_of_the_study(tmp_path: Path) -> None:
    data = ["--set", "synthetic.train=12", "--set", "synthetic.test=12"]
    data += ["--set", "synthetic.image_size=32", "--set", "synthetic.seconds=1"]
    study = tmp_path / "study"
    made = call(
        "run", "--model", "vae", "--dataset", "synthetic", "--encoder", "logmel", *data, *OWN,
        "--set", "logmel.n_mels=20", "--metric", "is1_lite0", "--images", "96", "--seeds", "1",
        "--executor", "inline", "--tracking-uri", "none", "--out", study,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    into, images = ["evaluate", "--dataset", "synthetic", "--into", study], tmp_path / "theirs"
    listed = call(*into, "--export-list", tmp_path / "list.csv")
    assert listed.exit_code == 0, listed.output
    images.mkdir()
    for row in pd.read_csv(tmp_path / "list.csv")["row"]:
        Image.new("RGB", (32, 32), (row, 80, 90)).save(images / f"{row}.png")
    done = call(*into, "--images", images, "--name", "theirs")
    assert done.exit_code == 0, done.output
    assert "theirs" in rows_of(study).index
    other = call(*into, "--set", "synthetic.train=18", "--images", images)
    assert other.exit_code == 2
    assert "content hash of the pairs" in other.output


def test_the_second_time_nothing_is_computed_and_other_images_need_leave(
    store: Path, study: Path, images: Path, tmp_path: Path
) -> None:
    arguments = ["evaluate", "--dataset", store, *PROTOCOL, "--into", study, "--name", "a | b"]
    before = {p: p.stat().st_mtime_ns for p in study.glob("jobs/*/result.json")}
    assert call(*arguments, "--images", images).exit_code == 0
    assert before == {p: p.stat().st_mtime_ns for p in study.glob("jobs/*/result.json")}
    other = write_images(store, tmp_path / "other", invert=True)
    refused = call(*arguments, "--images", other)
    assert refused.exit_code == 2
    assert "already has a row 'a | b'" in refused.output
    assert call(*arguments, "--images", other, "--replace").exit_code == 0
    assert list(jobs_of(study)).count("a | b") == 1


def test_several_folders_are_seeds_and_the_row_stays_when_the_study_runs_again(
    store: Path, study: Path, images: Path, tmp_path: Path
) -> None:
    second = write_images(store, tmp_path / "second", several=True, invert=True)
    done = call("evaluate", "--dataset", store, *PROTOCOL, "--images", images,
                "--images", second, "--name", "theirs", "--into", study)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "theirs: images from outside, 2 seeds" in done.output
    assert str(rows_of(study).loc["theirs", "seeds"]) == "2"
    assert (study / "tables" / "primary.md").read_text().count("| theirs |") == 1
    key = jobs_of(study)["theirs"][1]
    assert np.load(study / "jobs" / key / "samples" / "grid.npy").shape == (12, 4, 32, 32, 3)
    again = call(
        "run", "--model", "vae", "--dataset", store, *PROTOCOL, *OWN, "--images", "96",
        "--seeds", "1", "--executor", "inline", "--tracking-uri", "none", "--out", study,
    )  # fmt: skip
    assert again.exit_code == 0, again.output
    assert "theirs" in rows_of(study).index
    assert "theirs" in set(pd.read_parquet(study / "results.parquet")["arm"])
    assert call("report", study).exit_code == 0
    assert "theirs: images from outside" in (study / "tables" / "quality.md").read_text()
    compared = call("compare", f"{study}:theirs", f"{study}:vae")
    assert compared.exit_code == 0, compared.output


def test_without_a_study_one_is_made_of_the_reference_rows_and_the_images(
    store: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = call("evaluate", "--dataset", store, *PROTOCOL, *OWN, "--images", images, "--out", out,
                "--verbose")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {"ground truth", "class mean", "real"} <= set(rows_of(out).index)
    assert "are there to train models" in (out / "tables" / "quality.md").read_text()


def test_a_study_of_another_protocol_is_refused_by_what_differs(
    study: Path, store: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (study / "study.json").read_text()
    other = prepare(tmp_path / "other", train=10)
    theirs = write_images(other, tmp_path / "theirs")
    wrong = call("evaluate", "--dataset", other, *PROTOCOL, "--images", theirs, "--into", study)
    assert wrong.exit_code == 2
    assert "content hash of the pairs" in wrong.output
    wrong = call("evaluate", "--dataset", store, "--encoder", "mfcc", "--images", images,
                 "--into", study)  # fmt: skip
    assert wrong.exit_code == 2
    assert "fingerprint of the encoder" in wrong.output
    from a2ibench import registry

    monkeypatch.setattr(registry.judges.get("lite0"), "version", 99)
    wrong = call("evaluate", "--dataset", store, *PROTOCOL, "--images", images, "--into", study)
    assert wrong.exit_code == 2
    assert "judge lite0: fingerprint" in wrong.output
    assert (study / "study.json").read_text() == before
    missing = call("evaluate", "--dataset", store, "--images", images, "--into", tmp_path / "no")
    assert missing.exit_code == 2
    assert "no study" in missing.output


def test_the_list_and_the_sounds_are_what_an_outside_system_needs(
    store: Path, tmp_path: Path
) -> None:
    sheet, sounds = tmp_path / "list.csv", tmp_path / "sounds"
    done = call("evaluate", "--dataset", store, *PROTOCOL, "--export-list", sheet,
                "--export-sounds", sounds)  # fmt: skip
    assert done.exit_code == 0, done.output
    pairs = PairStore(store)
    with sheet.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [int(line["row"]) for line in lines] == pairs.rows("test").tolist()
    assert lines[0]["file"] == f"{lines[0]['row']}.png"
    assert len(lines[0]["grid"].split()) == 4
    samples, rate = soundfile.read(sounds / f"{lines[0]['row']}.wav", dtype="float32")
    assert rate == pairs.sample_rate
    heard = np.rint(samples * 32768)
    assert np.array_equal(heard, np.rint(pairs.waveform(int(lines[0]["row"])) * 32767))


def test_a_map_takes_the_place_of_names(store: Path, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "named"
    folder.mkdir()
    pairs = PairStore(store)
    lines = ["image,row"]
    for i, row in enumerate(pairs.rows("test").tolist()):
        Image.fromarray(pairs.images[row]).save(folder / f"picture {i}.png")
        lines.append(f"picture {i}.png,{row}")
    sheet = tmp_path / "map.csv"
    sheet.write_text("\n".join(lines))
    arguments = ["evaluate", "--dataset", store, *PROTOCOL, "--images", folder,
                 "--map", sheet, "--into", study]  # fmt: skip
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    for line, expected in (
        ("../secret.png,0", "leaves the folder"),
        ("/etc/passwd,0", "leaves the folder"),
        ("picture 0.png,1", "is there twice"),
        ("none.png,0", "no such image"),
        ("picture 0.png,x", "'x' is no row"),
    ):
        sheet.write_text("\n".join([*lines, line]))
        done = call(*arguments)
        assert done.exit_code == 2
        assert expected in done.output, line
        assert f"line {len(lines) + 1}" in done.output
    sheet.write_text("file,row\n")
    assert "expected the columns image,row" in call(*arguments).output


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path)


def _link(path: Path) -> None:
    outside = path.parent.parent / "outside.png"
    path.rename(outside)
    path.symlink_to(outside)


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: p.unlink(), "no image of row {row} ({row}.png)"),
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:200]), "{row}.png: the picture cannot"),
    "text": (lambda p: p.write_text("no picture"), "{row}.png: not a PNG picture"),
    "large": (lambda p: _save(Image.new("RGB", (64, 32)), p), "{row}.png: 64 × 32 px; expected 32"),
    "deep": (
        lambda p: Image.fromarray(np.zeros((32, 32), np.uint16)).save(p),
        "{row}.png: more than 8 bits",
    ),
    "transparent": (
        lambda p: _save(Image.new("RGBA", (32, 32), (1, 2, 3, 100)), p),
        "{row}.png: transparent pixels",
    ),
    "unknown name": (lambda p: p.rename(p.with_name("cat.png")), "cat.png: expected <row>.png"),
    "not a segment": (lambda p: p.rename(p.with_name("0.png")), "row 0 is no test segment"),
    "twice": (lambda p: _save(Image.open(p), p.with_suffix(".bmp")), "both are image 0 of {row}"),
    "link": (_link, "{row}.png: a link that leaves the folder"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_images_that_cannot_be_used_are_named_and_nothing_is_written(
    store: Path, images: Path, tmp_path: Path, mistake: str
) -> None:
    row = PairStore(store).rows("test")[3]
    spoil, expected = MISTAKES[mistake]
    spoil(images / f"{row}.png")
    done = call("evaluate", "--dataset", store, *PROTOCOL, *OWN, "--images", images,
                "--out", tmp_path / "out")  # fmt: skip
    assert done.exit_code == 2, done.output
    assert expected.format(row=row) in done.output
    assert not (tmp_path / "out").exists()


def test_what_is_converted_or_odd_is_said(store: Path, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    pairs = PairStore(store)
    for i, row in enumerate(pairs.rows("test").tolist()):
        picture = Image.fromarray(pairs.images[row]).resize((48, 40))
        kind = {0: "L", 1: "P", 2: "RGBA"}.get(i, "RGB")
        picture.convert(kind).save(folder / f"{row}_0.png")
        if i == 3:
            Image.new("RGB", (32, 32), "red").save(folder / f"{row}_0.png")
            picture.save(folder / f"{row}_1.png")
    done = call("evaluate", "--dataset", store, *PROTOCOL, "--images", folder, "--resize",
                "--into", study)  # fmt: skip
    assert done.exit_code == 0, done.output
    for note in (
        "11 images resized to 32 px (Lanczos, antialiased), the middle square",
        "1 image converted from mode L to RGB",
        "1 image converted from mode P to RGB",
        "1 image had an opaque alpha channel, dropped",
        "1 image of one colour",
        "The grid lacks 47 images",
    ):
        assert note.casefold() in done.output.casefold(), note
        assert note.casefold() in (study / "tables" / "quality.md").read_text().casefold()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--images", "IMAGES", "--images", "IMAGES"], "the same folder twice"),
        (["--images", "IMAGES", "--images", "COPY"], "the same images as"),
        (["--images", "IMAGES", "--name", "ground truth"], "already has a row 'ground truth'"),
        (["--images", "IMAGES", "--name", "a\nb"], "printable"),
        (["--images", "nowhere"], "nowhere: no such folder"),
        ([], "give either --images"),
        (["--images", "IMAGES", "--into", "x", "--metric", "is1_lite0"], "drop --out and --metric"),
    ],
)
def test_a_wrong_request_is_one_line(
    store: Path, images: Path, tmp_path: Path, arguments: list[str], expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    copy = write_images(store, tmp_path / "copy")
    places = {"IMAGES": str(images), "COPY": str(copy)}
    metric = [] if "--metric" in arguments else OWN
    done = call("evaluate", "--dataset", store, *PROTOCOL, *metric,
                *(places.get(argument, argument) for argument in arguments))  # fmt: skip
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert not (tmp_path / "studies").exists()
