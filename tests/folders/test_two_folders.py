"""``a2ibench evaluate REAL/ FAKE/``: a study's metrics and intervals, without a study."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import a2ibench
from a2ibench import registry
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import GeneratedImages, evaluate
from a2ibench.evaluation.judging import load_judge
from a2ibench.evaluation.statistics import SeedScores, interval
from a2ibench.types import ImageArray, Pairs

pytestmark = pytest.mark.integration

CLASSES, CLIPS, EACH, SIZE = 2, 6, 3, 32
METRICS = ["is1_lite0", "kid_lite0", "cas_lite0"]
NAMES = [
    f"{'ab'[c]}/clip{'uvwxyz'[k]}_{i}"
    for c in range(CLASSES)
    for k in range(CLIPS)
    for i in range(EACH)
]
"""Sorted, as the command sorts them."""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def draw(seed: int) -> ImageArray:
    """Coarse squares, coloured by class: a picture for each name."""
    rng = np.random.default_rng(seed)
    squares = rng.integers(0, 200, (len(NAMES), 4, 4, 3), dtype=np.uint8)
    images = squares.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2)
    images[: len(NAMES) // CLASSES, ..., 0] += 55
    return images


def write(folder: Path, images: ImageArray) -> Path:
    for name, image in zip(NAMES, images, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folders")
    write(root / "real", draw(0))
    write(root / "fake", draw(1))
    return root


@pytest.fixture
def own(folders: Path, tmp_path: Path) -> Path:
    """Both folders, to be changed."""
    return shutil.copytree(folders, tmp_path / "own")


def picture(own: Path, number: int, side: str = "fake") -> Path:
    return own / side / f"{NAMES[number]}.png"


def kid(real: Path | None, fake: Path, **more: object) -> pd.Series:
    found = a2ibench.evaluate(real, fake, metrics=["kid_lite0"], quiet=True, **more)
    return found.scores.iloc[0]


def test_scores_and_intervals_are_those_of_the_same_pairs_in_a_study(folders: Path) -> None:
    found = a2ibench.evaluate(folders / "real", folders / "fake", metrics=METRICS, quiet=True)
    label = np.array([0 if name.startswith("a") else 1 for name in NAMES])
    source = np.array([name.rpartition("_")[0] for name in NAMES])
    acoustic = np.zeros((len(NAMES), 1), np.float32)
    test = Pairs(draw(0), acoustic, label, ("a", "b"), source)
    eval_set = make_eval_set(test, test)
    metrics = [registry.metrics.get(name) for name in METRICS]
    expected = evaluate(
        GeneratedImages(draw(1)), eval_set, metrics, {"lite0": load_judge("lite0", test, "")}
    )
    fake = found.scores[found.scores["pictures"] == "FAKE"].set_index("metric")
    assert len(fake) == len(METRICS)
    for metric in metrics:
        row, one = fake.loc[f"{metric.name}_v{metric.version}"], expected[metric.name]
        assert row["value"] == pytest.approx(one.score.value, rel=1e-5)
        assert (row["n"], row["clips"]) == (len(NAMES), CLASSES * CLIPS)
        scores = SeedScores((0,), np.array([one.score.value]), one.score.n, None,
                            one.pseudo[None], strata=eval_set.stratum)  # fmt: skip
        low, high = interval(scores) or (None, None)
        assert row["low"] == pytest.approx(max(low, metric.bounds[0]), rel=1e-3)
        assert row["high"] == pytest.approx(min(high, metric.bounds[1]), rel=1e-3)
    right = found.images.set_index("image")["cas_lite0"]
    assert right.index.tolist() == [f"{name}.png" for name in NAMES]
    assert right.mean() == pytest.approx(expected["cas_lite0"].score.value)


def test_the_table_fits_a_terminal_and_says_what_it_rests_on(folders: Path) -> None:
    done = call(folders / "real", folders / "fake", "--metric", "all")
    assert done.exit_code == 0, done.output
    table = [line for line in done.output.splitlines() if line[:1] in "┏┃┡│└"]
    assert table
    assert max(map(len, table)) <= 80
    for said in (
        "IS lite0 (1 split)",
        "halves of REAL",
        "36 pairs of pictures by their names, 2 classes by sub-folder. 12 clips, by their names",
        "95 % interval over blocks of clips",
        "coverage5_simclr, density5_simclr",
        "--verbose says why",
    ):
        assert said in done.output, said
    why = call(folders / "real", folders / "fake", "--metric", "all", "--verbose").output
    assert "accuracy_resnet18" in why
    assert ": judge resnet18 is trained on the training pairs" in why
    assert "memorisation_lite0" in why
    assert ": needs real training images" in why


def test_one_half_of_the_real_pictures_is_scored_against_the_other(folders: Path) -> None:
    found = a2ibench.evaluate(folders / "real", folders / "fake", metrics=["is1_lite0"], quiet=True)
    fake, halves = found.scores.to_dict("records")
    assert (halves["pictures"], halves["n"], halves["clips"]) == ("halves of REAL", 18, 6)
    swapped = a2ibench.evaluate(
        folders / "fake", folders / "real", metrics=["is1_lite0"], quiet=True
    ).scores.to_dict("records")
    assert swapped[1]["value"] != halves["value"]
    assert fake["value"] != halves["value"]


def test_the_results_are_written_and_nothing_else_is_overwritten(
    folders: Path, tmp_path: Path
) -> None:
    request = [folders / "real", folders / "fake", "--metric", "cas_lite0", "--out"]
    for _ in range(2):
        done = call(*request, tmp_path / "out")
        assert done.exit_code == 0
    assert "FAKE as seen by lite0" in done.output
    images = pd.read_csv(tmp_path / "out" / "images.csv")
    assert images.columns.tolist() == ["image", "class", "clip", "cas_lite0"]
    assert len(images) == len(NAMES)
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert scores["metric"].str.startswith("cas_lite0_v").all()
    assert {"scores.md", "scores.tex"} <= {path.name for path in (tmp_path / "out").iterdir()}
    (tmp_path / "mine.txt").write_text("mine")
    refused = call(*request, tmp_path)
    assert refused.exit_code == 2
    assert "holds other files" in refused.output
    assert "seen by lite0" not in refused.output, "refused before any work"


def test_a_spreadsheet_does_not_run_a_file_name(own: Path, tmp_path: Path) -> None:
    for side in ("real", "fake"):
        picture(own, 0, side).rename(own / side / "a" / "clipu_0.png")
        shutil.move(own / side / "a", own / side / "=a")
    done = call(own / "real", own / "fake", "--metric", "cas_lite0", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "'=a" in (tmp_path / "out" / "images.csv").read_text()
    assert "\n=a" not in (tmp_path / "out" / "images.csv").read_text()


def test_names_that_are_not_utf8_cost_nothing(own: Path, tmp_path: Path) -> None:
    for side in ("real", "fake"):
        picture(own, 0, side).rename(own / side / "a" / os.fsdecode(b"clipu\xe9_0.png"))
    (own / "real" / os.fsdecode(b"r\xe9sum\xe9.txt")).touch()
    request = [own / "real", own / "fake", "--metric", "cas_lite0", "--out", tmp_path / "out"]
    done = call(*request, "--reference", tmp_path / "real.safetensors")
    assert done.exit_code == 0, done.output
    assert "1 other file passed over" in (tmp_path / "out" / "scores.md").read_text()
    assert (tmp_path / "real.safetensors").is_file()


def test_a_reference_takes_the_place_of_the_real_pictures(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "real.safetensors"
    first = kid(own / "real", own / "fake", reference=file)
    shutil.rmtree(own / "real")
    pd.testing.assert_series_equal(kid(None, own / "fake", reference=file), first)
    picture(own, 0).unlink()
    fewer = call(own / "fake", "--reference", file, "--metric", "kid_lite0")
    assert fewer.exit_code == 0, fewer.output
    assert "REAL: 1 file without a partner in FAKE, left out (a/clipu_0)" in fewer.output
    assert "35 pairs" in fewer.output


def test_a_reference_by_another_judge_is_refused(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "real.safetensors"
    kid(folders / "real", folders / "fake", reference=file)
    with pytest.raises(UserError, match="exists, and is of other pictures or judges"):
        kid(folders / "fake", folders / "real", reference=file)
    monkeypatch.setattr(registry.judges.get("lite0"), "version", 99)
    with pytest.raises(UserError, match="made by judge lite0 with the fingerprint"):
        kid(None, folders / "fake", reference=file)
    monkeypatch.undo()

    @registry.judges.register
    class Grey(registry.judges.get("pixels")):  # type: ignore[misc]
        name = "grey"
        outputs = ("features",)

        def embed(self, images):  # type: ignore[no-untyped-def]
            return {"features": super().embed(images)["luma"]}

    with pytest.raises(UserError, match="made by lite0, not by judge grey"):
        a2ibench.evaluate(
            None, folders / "fake", reference=file, metrics="kid[judge=grey]", quiet=True
        )


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p: p.unlink(), "no such reference file"),
        (lambda p: p.write_bytes(b"no"), "not a reference file, or damaged"),
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), "not a reference file, or damaged"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1] + b"\x01"), "damaged"),
    ],
    ids=["missing", "text", "short", "changed"],
)
def test_a_reference_that_is_damaged_is_refused(
    folders: Path, tmp_path: Path, spoil: Callable[[Path], object], expected: str
) -> None:
    file = tmp_path / "real.safetensors"
    kid(folders / "real", folders / "fake", reference=file)
    spoil(file)
    with pytest.raises(UserError, match=expected):
        kid(None, folders / "fake", reference=file)


def test_one_bad_file_is_named_and_left_out_with_its_partner(own: Path) -> None:
    picture(own, 1).write_bytes(picture(own, 1).read_bytes()[:60])
    Image.fromarray(np.zeros((SIZE, SIZE), np.uint16)).save(picture(own, 2))
    done = call(own / "real", own / "fake", "--metric", "kid_lite0")
    assert done.exit_code == 0, done.output
    assert "FAKE: 2 of 36 files cannot be used" in done.output
    assert "(a/clipu_1.png)" in done.output
    assert "more than 8 bits a sample; save it as 8-bit RGB (a/clipu_2.png)" in done.output
    assert "34 pairs" in done.output


def test_a_folder_of_bad_files_is_refused(own: Path) -> None:
    for number in range(5):
        picture(own, number).write_text("no picture")
    done = call(own / "real", own / "fake", "--metric", "kid_lite0")
    assert done.exit_code == 2
    assert "FAKE: 5 of 36 files cannot be used: not a PNG picture (a/clipu_0.png," in done.output


def test_what_is_converted_or_odd_is_said(own: Path) -> None:
    opened = Image.open(picture(own, 0))
    for number, mode in enumerate(("L", "P", "RGBA")):
        opened.convert(mode).save(picture(own, number))
    exif = Image.Exif()
    exif[0x0112] = 6
    opened.save(picture(own, 3), exif=exif)
    Image.new("RGB", (SIZE, SIZE), "red").save(picture(own, 4))
    shutil.copy(picture(own, 5, "real"), picture(own, 5))
    shutil.copy(picture(own, 6), picture(own, 7))
    opened.save(picture(own, 8).with_suffix(".jpg"))
    picture(own, 8).unlink()
    (own / "fake" / "list.txt").write_text("")
    done = call(own / "real", own / "fake", "--metric", "kid_lite0")
    assert done.exit_code == 0, done.output
    for note in (
        "FAKE: 1 other file passed over (list.txt).",
        "FAKE: 1 image converted from mode L to RGB.",
        "FAKE: 1 image converted from mode P to RGB.",
        "FAKE: 1 image had an opaque alpha channel, dropped.",
        "FAKE: 1 image turned upright, as EXIF says.",
        "FAKE: 1 image in JPEG files: compression changes scores.",
        "FAKE: 1 picture of one colour (a/clipv_1).",
        "FAKE: only 35 of 36 pictures differ from each other.",
        "FAKE: 1 of 36 are copies of pictures in REAL (a/clipv_2).",
    ):
        assert note in done.output, note


def test_a_picture_is_turned_as_its_exif_says(own: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright = Image.open(picture(own, 0)).copy()
    upright.transpose(Image.Transpose.ROTATE_90).save(picture(own, 0), exif=exif)
    turned = kid(own / "real", own / "fake")
    upright.save(picture(own, 0))
    assert turned["value"] == kid(own / "real", own / "fake")["value"]


def test_pictures_of_another_size_need_leave(own: Path) -> None:
    for name in NAMES:
        path = own / "real" / f"{name}.png"
        Image.open(path).resize((48, 40), Image.Resampling.NEAREST).save(path)
    refused = call(own / "real", own / "fake", "--metric", "kid_lite0")
    assert refused.exit_code == 2
    assert "expected pictures of 32 × 32 px, got REAL 48 × 40, FAKE 32 × 32" in refused.output
    done = call(own / "real", own / "fake", "--metric", "kid_lite0", "--resize")
    assert done.exit_code == 0, done.output
    assert "36 images resized to 32 px (Lanczos, antialiased), the middle square" in done.output


def test_one_picture_has_no_score(own: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(picture(own, 0), tmp_path / "one" / "x.png")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    done = call(tmp_path / "one", tmp_path / "two")
    assert done.exit_code == 2
    assert "no metric can be computed on 1 pair of pictures" in done.output
    assert "is10_lite0: needs at least 20 test segments, there are 1" in done.output


def test_a_collapsed_system_is_marked(own: Path) -> None:
    for name in NAMES[1:]:
        shutil.copy(picture(own, 0), own / "fake" / f"{name}.png")
    done = call(own / "real", own / "fake", "--metric", "is1_lite0")
    assert done.exit_code == 0, done.output
    assert "FAKE: only 1 of 36 pictures differ from each other." in done.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "give two folders, REAL and FAKE, or --dataset and --images"),
        (["R"], "expected two folders, REAL and FAKE, or FAKE and --reference FILE; got 1"),
        (["R", "F", "F"], "expected two folders"),
        (["R", "F", "--images", "F"], "--images: only with --dataset"),
        (["R", "F", "--encoder", "logmel"], "--encoder: only with --dataset"),
        (["--dataset", "synthetic", "R"], "--dataset: takes --images FOLDER, and no"),
        (["--dataset", "synthetic", "--clips", "x"], "--dataset: takes --images FOLDER"),
        (["R", "R"], "given as REAL and as FAKE"),
        (["R", "nowhere"], "nowhere: no such folder of pictures"),
        (["R", "F", "--metric", "rprec10_i2a_cnn"], "judge i2a_cnn is trained on the training"),
        (["R", "F", "--metric", "fid_lite0"], "needs at least 200 test segments, there are 36"),
        (["R", "F", "--metric", "kidd"], "did you mean kid"),
        (["R", "F", "--clips", "("], "not a regular expression"),
    ],
)
def test_a_wrong_request_is_one_line(folders: Path, arguments: list[str], expected: str) -> None:
    places = {"R": str(folders / "real"), "F": str(folders / "fake")}
    done = call(*(places.get(word, word) for word in arguments))
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert done.output.count("\n") == 1


def test_metrics_that_are_no_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="metrics: expected a name, or several, got None"):
        a2ibench.evaluate(tmp_path, tmp_path, metrics=None)  # type: ignore[arg-type]


def test_the_help_lists_the_options_of_each_form_apart() -> None:
    text = call("--help").output
    parts = [
        text.index(f"Options for {which}:") for which in ("REAL and FAKE", "--dataset", "both")
    ]
    assert parts == sorted(parts)
    places = [text.index(f"\n  {option} ") for option in ("--clips", "--export-list", "--verbose")]
    assert [sum(part < place for part in parts) for place in places] == [1, 2, 3]
