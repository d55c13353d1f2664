"""Folders of films become stores: what is good is cut, what is bad is named, nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from crashing import crash
from films import Film, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from a2ibench import config
from a2ibench.cli import main
from a2ibench.cli.data import _print_scenes
from a2ibench.cli.options import make_display
from a2ibench.data.files.clip import Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.data.files.lengths import too_short
from a2ibench.data.files.splits import assign
from a2ibench.data.prepare import open_dataset, prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.media.cutting import Cutting, cut
from a2ibench.types import RejectedError
from a2ibench_plugins.datasets.folder import Folder
from a2ibench_plugins.datasets.manifest import Manifest

OPTIONS = {"seconds": 1, "hop": 0.5, "image_size": 16, "folds": 2}
SMALL = Film(seconds=2.2, frame_rate=10, size=(32, 32), video="mjpeg", pixels="yuvj420p")


def film(name: str, seed: int = 0, **changes: object) -> Film:
    return Film(**{**vars(SMALL), "name": name, "seed": seed, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of three good films each."""
    root = tmp_path_factory.mktemp("films")
    for i, label in enumerate(("dog", "piano")):
        for k, suffix in enumerate(("mkv", "mov", "avi")):
            make(film(f"{k}.{suffix}", seed=10 * i + k, sound="pcm_s16le"), root / label)
    return root


def folder(root: Path, **changes: object) -> Folder:
    return Folder(config.build(Folder.Config, {**OPTIONS, **changes}, "folder"), root)


def call(*arguments: object) -> "object":
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def set_options(**changes: object) -> list[str]:
    return [f"--set={name}={value}" for name, value in {**OPTIONS, **changes}.items()]


def rejected(root: Path) -> dict[str, str]:
    table = pd.read_parquet(root / "rejected.parquet")
    return dict(zip(table["file"], table["reason"], strict=True))


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def test_a_folder_of_films_becomes_a_store_with_one_command(films, tmp_path):
    done = call(
        "data", "prepare", films, "--out", tmp_path / "s", "--licence", "CC0", *set_options()
    )
    assert done.exit_code == 0, done.output
    store = PairStore(tmp_path / "s")
    assert store.classes == ("dog", "piano")
    assert len(store) == 6 * 3
    assert set(store.index["source"]) == {
        f"{label}/{name}" for label in store.classes for name in ("0.mkv", "1.mov", "2.avi")
    }
    assert (store.index["audio_length"] == 22_050).all()
    np.testing.assert_allclose(sorted(set(store.index["start"].round(2))), [0, 0.5, 1.0], atol=0.06)
    sources = pd.read_parquet(tmp_path / "s" / "sources.parquet")
    assert set(sources["audio_codec"]) == {"pcm_s16le"}
    assert sources["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert rejected(tmp_path / "s") == {}
    card = (tmp_path / "s" / "card.md").read_text()
    assert "Licence: CC0" in card
    assert "| dog |" in card


def test_the_same_files_give_the_same_bytes_wherever_they_lie(films, tmp_path):
    shutil.copytree(films, tmp_path / "moved")
    a = prepare(folder(films), tmp_path / "a")
    b = prepare(folder(tmp_path / "moved"), tmp_path / "b")
    assert files(a.root) == files(b.root)


def test_the_split_is_by_source_stratified_and_in_folds(films, tmp_path):
    stores = [prepare(folder(films, folds=3, fold=k), tmp_path / str(k)) for k in range(3)]
    tested = [set(store.index[store.index["split"] == "test"]["source"]) for store in stores]
    assert set.union(*tested) == set(stores[0].index["source"])
    assert sum(map(len, tested)) == 6
    for sources in tested:
        assert sorted(source.partition("/")[0] for source in sources) == ["dog", "piano"]
    for store in stores:
        assert (store.index.groupby("source")["split"].nunique() == 1).all()


def test_sounds_beside_pictures_become_pairs(tmp_path):
    for label, shade in (("dog", 50), ("piano", 200)):
        for k in range(2):
            (tmp_path / "in" / label).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (shade, 0, k)).save(tmp_path / "in" / label / f"{k}.png")
            samples = np.random.default_rng(k).uniform(-0.5, 0.5, (50_000, 2))
            soundfile.write(tmp_path / "in" / label / f"{k}.wav", samples, 44_100)
    store = prepare(folder(tmp_path / "in", seconds=0.5), tmp_path / "out")
    assert len(store) == 4
    for row in range(4):
        shade = 50 if store.index["label"][row] == "dog" else 200
        assert (store.images[row, ..., 0] == shade).all()
    assert store.index["start"].to_numpy() == pytest.approx(50_000 / 44_100 / 2 - 0.25, abs=1e-3)


def test_every_bad_file_is_named_with_its_reason_and_the_rest_is_done(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    dog = root / "dog"
    (dog / "empty.mp4").touch()
    (dog / "text.mp4").write_text("no film\n" * 99)
    (dog / "cut.mkv").write_bytes((dog / "0.mkv").read_bytes()[:9_000])
    make(film("mute.mkv", sound=None), dog)
    make(film("blind.mp4", video=None), dog)
    make(film("short.mkv", seconds=0.7), dog)
    (dog / "notes.doc").write_text("x")
    (root / "top.mp4").write_bytes((dog / "0.mkv").read_bytes())
    outside = tmp_path / "secret.mkv"
    make(film("secret.mkv"), tmp_path)
    (dog / "link.mkv").symlink_to(outside)
    (root / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (dog / "loop.mkv").symlink_to(dog / "loop.mkv")
    soundfile.write(dog / "alone.wav", np.zeros(50_000), 22_050)
    soundfile.write(dog / "nan.wav", np.full(50_000, np.nan), 22_050, subtype="FLOAT")
    Image.new("RGB", (9, 9)).save(dog / "nan.png")
    Image.new("RGB", (9, 9)).save(dog / "lonely.png")
    good = make(film("größe 犬 \N{PARTY POPPER}.mkv", pixels="yuvj444p", size=(33, 47)), dog)
    os.mkfifo(dog / "pipe.mp4")
    before = sorted(path for path in tmp_path.rglob("*") if tmp_path / "out" not in path.parents)
    done = call("data", "prepare", root, "--out", tmp_path / "out", *set_options())
    assert done.exit_code == 0, done.output
    reasons = rejected(tmp_path / "out")
    expected = {
        "dog/empty.mp4": "empty",
        "dog/text.mp4": "not a readable video or sound",
        "dog/cut.mkv": "truncated|damaged|not a readable video|no frame|overlap",
        "dog/mute.mkv": "no audio stream",
        "dog/blind.mp4": "no video stream",
        "dog/short.mkv": "0.7",
        "dog/notes.doc": "neither a video nor a sound",
        "top.mp4": "not in the folder of a class .expected SOURCE/<class>/<file>",
        "dog/link.mkv": "outside the folder",
        "linked": "symbolic link to a folder",
        "dog/loop.mkv": "not a path|no such file",
        "dog/alone.wav": "needs one picture",
        "dog/nan.wav": "NaN",
        "dog/lonely.png": "without a sound",
        "dog/pipe.mp4": "not a file",
    }
    assert set(reasons) == set(expected)
    for file, pattern in expected.items():
        assert pd.Series([reasons[file]]).str.contains(pattern).all(), (file, reasons[file])
    store = PairStore(tmp_path / "out")
    assert len(store.index["source"].unique()) == 7
    assert f"dog/{good.name}" in set(store.index["source"])
    after = sorted(path for path in tmp_path.rglob("*") if tmp_path / "out" not in path.parents)
    assert after == sorted([*before, tmp_path / "out"])


def test_a_folder_of_nothing_usable_is_an_error_that_says_why(tmp_path):
    (tmp_path / "in" / "dog").mkdir(parents=True)
    (tmp_path / "in" / "dog" / "a.mp4").write_text("no film")
    (tmp_path / "in" / "dog" / "b.mp4").write_text("no film")
    done = call("data", "prepare", tmp_path / "in", "--out", tmp_path / "out", *set_options())
    assert done.exit_code == 2
    assert "no pairs; 2 rejected, the first: dog/a.mp4: not a readable video" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["./nowhere"], "nowhere: no such file or folder"),
        (["."], "nothing to cut in it"),
        ([".", "--layout", "foldr"], "unknown dataset 'foldr'; did you mean folder"),
        (["folder"], "is a layout: give the folder"),
        ([".", "--layout", "arcade"], "a dataset without files"),
        ([".", "--set", "second=3"], "did you mean seconds"),
        ([".", "--set", "folder.seconds=3"], "expected FIELD=VALUE, as in seconds=2"),
        ([".", "--set", "fold=7"], "fold 7: expected one of 0 to 4|nothing to cut"),
        ([".", "--set", "source_pattern=a("], "source_pattern"),
        ([".", "--set", "source_pattern=a"], "expected a group"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = call("data", "prepare", *arguments, "--out", "out")
    assert done.exit_code == 2
    assert pd.Series([done.output]).str.contains(message).all(), done.output
    assert done.output.count("\n") == 1


def test_clips_of_one_film_are_kept_together(films, tmp_path):
    root = tmp_path / "in"
    for label in ("dog", "piano"):
        (root / label).mkdir(parents=True)
        for k in range(4):
            shutil.copy(films / label / "0.mkv", root / label / f"film{k // 2}_{k}.mkv")
    store = prepare(folder(root, source_pattern=r"(\w+/film\d+)_"), tmp_path / "out")
    assert set(store.index["source"]) == {"dog/film0", "dog/film1", "piano/film0", "piano/film1"}


def test_a_study_does_not_take_a_layout_for_a_dataset():
    with pytest.raises(UserError, match="a2ibench data prepare FOLDER --layout folder --out DIR"):
        open_dataset("folder", {})


# Going on where it was.


def test_a_preparation_that_is_killed_goes_on_to_the_same_bytes(films, tmp_path):
    root = tmp_path / "in"
    for label in ("dog", "piano"):
        (root / label).mkdir(parents=True)
        for k in range(12):
            shutil.copy(films / label / f"{k % 3}.{('mkv', 'mov', 'avi')[k % 3]}",
                        root / label / f"{k}.{('mkv', 'mov', 'avi')[k % 3]}")  # fmt: skip
    whole = prepare(folder(root), tmp_path / "whole")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "a2ibench.cli",
        "data",
        "prepare",
        str(root),
        "--out",
        str(out),
    ]
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    process = subprocess.Popen([*command, *set_options()], stdout=subprocess.DEVNULL)
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = journal.read_bytes().count(b"\n")
    assert not out.exists()
    counted: list[tuple[int, int]] = []
    store = prepare(folder(root), out, lambda done, total: counted.append((done, total)))
    assert kept - 1 <= counted[0][0] <= 24
    assert counted[-1] == (24, 24)
    assert files(store.root) == files(whole.root)


def test_what_was_begun_with_other_options_begins_anew(films, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(folder(films), tmp_path / "out", stop)
    assert (tmp_path / ".out.partial").is_dir()
    counted: list[int] = []
    prepare(folder(films, seed=5), tmp_path / "out", lambda done, total: counted.append(done))
    assert counted[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_preparations_of_one_folder_do_not_meet(films, tmp_path):
    seen: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        if done == 1:
            with pytest.raises(UserError, match="another process is preparing it"):
                prepare(folder(films), tmp_path / "out")
            seen.append("refused")

    assert len(prepare(folder(films), tmp_path / "out", meanwhile)) == 18
    assert seen == ["refused"]


def test_a_torn_journal_costs_one_part(films, tmp_path):
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(folder(films), tmp_path / "out", stop)
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-10])
    counted: list[int] = []
    store = prepare(folder(films), tmp_path / "out", lambda done, total: counted.append(done))
    assert counted[0] == 3
    assert files(store.root) == files(prepare(folder(films), tmp_path / "whole").root)


# Tables.


def manifest(path: Path, **changes: object) -> Manifest:
    return Manifest(config.build(ClipConfig, {**OPTIONS, **changes}, "manifest"), path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_says_what_is_cut_and_where_it_goes(films, tmp_path, kind):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    table = pd.DataFrame(
        {
            "path": ["dog/0.mkv", "dog/0.mkv", "dog/1.mov", "piano/0.mkv", "piano/1.mov"],
            "start": [0.25, 1.0, None, 0.5, 0.125],
            "label": ["</script>", "</script>", "</script>", "=cmd|x", "=cmd|x"],
            "split": ["train", "train", "test", "train", "test"],
            "source": ["film a", "film a", "film b", "film c", "film d"],
        }
    )
    path = root / f"list.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    store = prepare(manifest(path), tmp_path / "out")
    assert store.classes == ("</script>", "=cmd|x")
    kept = store.index.groupby("source")["start"].apply(lambda starts: sorted(starts.round(3)))
    assert kept["film a"] == [0.25, 1.0]
    assert kept["film c"] == [0.5]
    assert len(kept["film b"]) == 3
    assert store.counts == {"train": 3, "test": 4}
    assert "</script>" not in (tmp_path / "out" / "card.md").read_text()


def test_bad_rows_of_a_table_are_named_and_the_rest_is_done(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    make(film("outside.mkv"), tmp_path)
    rows = [
        "path,label,start,split",
        "dog/0.mkv,dog,0,train",
        "dog/1.mov,dog,0,test",
        "../outside.mkv,dog,0,train",
        f"{tmp_path}/outside.mkv,dog,0,train",
        "dog/none.mkv,dog,0,train",
        "dog/2.avi,dog,-1,train",
        "dog/2.avi,dog,soon,train",
        "dog/2.avi,dog,inf,train",
        "dog/2.avi,,0,train",
        "dog/2.avi,dog,0,valid",
        "dog/0.mkv,dog,0,train",
        ",dog,0,train",
        "dog/2.avi,dog,1.9,train",
        "dog,dog,0,train",
        f"{'x' * 5000},dog,0,train",
        "dog/0.mkv\x00,dog,0,train",
    ]
    (root / "list.csv").write_text("\n".join(rows))
    store = prepare(manifest(root / "list.csv"), tmp_path / "out")
    assert len(store) == 2
    table = pd.read_parquet(tmp_path / "out" / "rejected.parquet")
    assert len(table) == 13
    assert "dog/none.mkv" in (tmp_path / "out" / "missing.csv").read_text()
    reasons = " ".join(table["reason"])
    for part in ("outside the folder", "start -1", "start 'soon'", "start inf",
                 "no label", "split 'valid'", "an earlier row has", "no path", "outside the sound",
                 "not a file"):  # fmt: skip
        assert part in reasons, part


def test_a_source_on_both_sides_of_a_table_is_refused(films, tmp_path):
    path = films / "list.csv"
    path.write_text("path,label,source,split\ndog/0.mkv,a,x,train\ndog/1.mov,a,x,test\n")
    try:
        with pytest.raises(UserError, match="'x' is given as train and as test"):
            manifest(path)
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "file,label\nx,y\n", "no column path; found file, label"),
        ("a.csv", "", "cannot be read as a table"),
        ("a.parquet", "no parquet", "cannot be read as a table"),
        ("a.txt", "path,label\n", r"expected a .csv or .parquet"),
        ("a.csv", "path,label\n", "nothing to cut"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        manifest(tmp_path / name)


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["dog/0.mkv", "../x", "/etc/passwd", "dog", "train", "test", "0", "1e309", "nan", "-0", "\x00"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS, CELLS), max_size=6))
def test_no_table_makes_more_than_a_clear_error(films, tmp_path_factory, rows):
    columns = ["path", "label", "start", "split", "source", "picture"]
    path = films / "fuzz.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    try:
        made = manifest(path)
    except UserError:
        return
    finally:
        path.unlink()
    for clip in made._clips:
        assert (films / clip.file).resolve().is_relative_to(films.resolve())


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("originals")
    small = {"seconds": 1.2}
    made = [
        make(film("a.mp4", video="libx264", pixels="yuv420p", **small), root),
        make(film("a.mkv", sound="flac", **small), root),
        make(film("a.avi", sound="pcm_s16le", **small), root),
        make(film("a.webm", video="libvpx-vp9", pixels="yuv420p", sound="libopus",
                  sample_rate=48_000, **small), root),
        make(film("a.ts", video="mpeg2video", pixels="yuv420p", sound="mp2", frame_rate=25,
                  **small), root),
    ]  # fmt: skip
    return {path.suffix: path.read_bytes() for path in made}


PLACES = st.floats(0, 0.999) | st.floats(0, 0.02)  # most of what can be claimed is at the start


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    suffix=st.sampled_from([".avi", ".mkv", ".mp4", ".ts", ".webm"]),
    changes=st.lists(st.tuples(PLACES, st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), max_size=8),
    kept=st.just(1.0) | st.floats(0, 1),
)
def test_no_damage_to_a_film_makes_more_than_a_rejection(
    originals, tmp_path_factory, suffix, changes, kept
):
    content = bytearray(originals[suffix])
    for place, value in changes:
        content[int(place * len(content))] = value
    del content[int(kept * len(content)) :]
    path = tmp_path_factory.mktemp("fuzz") / f"a{suffix}"
    path.write_bytes(content)
    cutting = Cutting(1.0, 0.5, 1, "centre", 0, 16, 22_050)
    try:
        result = cut(path, cutting)
    except RejectedError:
        return
    for segment in result.segments:
        assert segment.audio.shape == (22_050,)
        assert np.abs(segment.audio).max() <= 1
        assert segment.images[0].shape == (16, 16, 3)


class Crashing(ClipDataset):
    """Its second file kills whoever decodes it."""

    name = "crashing"
    Config = ClipConfig

    def clips(self):
        return [Clip(f"{name}.mkv", name[0], name) for name in ("a0", "a1", "b0", "b1", "b2")]


def test_a_decoder_that_crashes_costs_its_file_alone(films, tmp_path, monkeypatch):
    from a2ibench.data.files import clips

    for name in ("a0", "a1", "b0", "b1", "b2"):
        shutil.copy(films / "dog" / "0.mkv", tmp_path / f"{name}.mkv")
    monkeypatch.setattr(clips, "_cut", crash)
    options = {**OPTIONS, "folds": 3}
    made = Crashing(config.build(ClipConfig, options, "crashing"), tmp_path)
    parts = list(made.parts())
    assert [len(list(part.pairs)) for part in parts] == [3, 0, 3, 3, 3]
    assert parts[1].rejected[0].reason == "the decoder died of SIGSEGV (Segmentation fault)"
    split = made.sides([("a0", "a"), ("a1", "a"), ("b0", "b"), ("b1", "b"), ("b2", "b")])["a1"]
    assert parts[1].source == {"file": "a1.mkv", "source": "a1", "label": "a", "split": split}


# The split is made of what can be used, and what is missing is told.


def test_the_split_is_made_of_what_is_usable(tmp_path):
    root = tmp_path / "in"
    good = [f"g{i}" for i in range(6)]
    for name in good:
        make(film(f"{name}.mkv"), root / "dog")
    for i in range(40):
        (root / "dog" / f"b{i}.mkv").write_bytes(b"no film")
    store = prepare(folder(root, folds=3), tmp_path / "out")
    sides = dict(zip(store.index["source"], store.index["split"], strict=True))
    names = [f"dog/{name}.mkv" for name in good]
    assert sides == assign([(name, "dog") for name in names], 3, 0, 0)
    assert sorted(sides.values()).count("test") == 2
    files = pd.read_parquet(tmp_path / "out" / "sources.parquet").set_index("file")["split"]
    assert files[names].to_dict() == sides
    assert files.isna().sum() == 40


def test_files_that_are_too_short_are_counted_and_a_length_that_fits_is_named(tmp_path):
    root = tmp_path / "in"
    for i in range(5):
        make(film(f"{i}.mkv", seconds=1.4 if i else 2.5), root / "dog")
    arguments = ["data", "prepare", root, "--out", tmp_path / "out"]
    done = call(*arguments, *set_options(seconds=2))
    assert done.exit_code == 2
    assert "4 of 5 files are shorter than 2 s: try --set seconds=1" in done.output
    assert not (tmp_path / "out").exists()
    done = call(*arguments, *set_options(seconds=1))
    assert done.exit_code == 0
    assert "shorter" not in done.output


@pytest.mark.parametrize(
    ("lengths", "seconds", "sentence"),
    [
        ([1.2] * 39 + [9.0, 9.0], 4, "39 of 41 files are shorter than 4 s: try --set seconds=1"),
        ([9.0] * 20 + [1.0], 4, None),
        ([9.0] * 10 + [None] * 3, 4, None),
        ([0.1, 0.1, 0.1], 4, "3 of 3 files are shorter than 4 s"),
        ([0.1, 0.1, 2.5, 2.5, 2.5], 4, "5 of 5 files are shorter than 4 s: try --set seconds=2"),
        ([], 4, None),
    ],
)
def test_the_length_that_is_advised_fits_most_files(lengths, seconds, sentence):
    assert too_short([{"seconds": length} for length in lengths], seconds) == sentence


def test_a_name_that_is_no_utf8_costs_its_file_alone(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    for name in (b"caf\xe9.mkv", b"\xff\x1b[31m.mkv"):
        shutil.copy(root / "dog" / "0.mkv", root / "dog" / os.fsdecode(name))
    (root / os.fsdecode(b"\xe9")).mkdir()
    shutil.copy(root / "dog" / "0.mkv", root / os.fsdecode(b"\xe9") / "a.mkv")
    done = call("data", "prepare", root, "--out", tmp_path / "out", *set_options())
    assert done.exit_code == 0, done.output
    reasons = rejected(tmp_path / "out")
    assert set(reasons) == {r"dog/caf\xe9.mkv", "dog/\\xff\x1b[31m.mkv", r"\xe9/a.mkv"}
    assert set(reasons.values()) == {"its name is not valid UTF-8"}
    assert len(PairStore(tmp_path / "out")) == 18


def test_rows_of_a_table_whose_files_are_missing_are_counted_and_listed(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    rows = ["path,label,start", "dog/0.mkv,a,", "dog/1.mov,a,", '"-none, 1.mkv","b,c",2.5']
    (root / "list.csv").write_text("\n".join([*rows, "=a.mkv,b,"]))
    done = call("data", "prepare", root / "list.csv", "--out", tmp_path / "out", *set_options())
    assert done.exit_code == 0, done.output
    assert "note: held 2 of 4 listed clips; the others are in missing.csv" in done.output
    assert "held 2 of 4 listed clips" in (tmp_path / "out" / "card.md").read_text()
    missing = pd.read_csv(tmp_path / "out" / "missing.csv", keep_default_na=False, dtype=str)
    assert missing.to_dict("records") == [
        {"clip": "'-none, 1.mkv", "label": "b,c", "split": "", "starts": "2.5",
         "expected": "'-none, 1.mkv"},
        {"clip": "'=a.mkv", "label": "b", "split": "", "starts": "", "expected": "'=a.mkv"},
    ]  # fmt: skip


def test_one_clip_under_two_classes_of_a_table_is_in_neither(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    rows = ["path,label", "dog/0.mkv,a", "dog/0.mkv,b", "dog/1.mov,a", "dog/2.avi,a"]
    (root / "list.csv").write_text("\n".join([*rows, "./dog/2.avi,a"]))
    made = manifest(root / "list.csv")
    assert [clip.file for clip in made._clips] == ["./dog/2.avi", "dog/1.mov"]
    assert sorted((entry.file, entry.reason) for entry in made._rejected) == [
        ("dog/0.mkv", "it is listed under several classes: a, b"),
        ("dog/0.mkv", "it is listed under several classes: a, b"),
        ("dog/2.avi", "it is listed already and is cut once"),
    ]


# Which files are of one source.


def test_what_groups_nothing_is_refused_and_what_groups_is_counted(films, tmp_path):
    with pytest.raises(UserError, match=r"'\(film\)': it matches none of the 6 files, for example"):
        folder(films, source_pattern="(film)")
    with pytest.raises(UserError, match="group_by=folder: no folder below that of a class"):
        folder(films, group_by="folder")
    with pytest.raises(UserError, match="expected one of the two"):
        folder(films, group_by="folder", source_pattern="(film)")
    root = tmp_path / "in"
    for label in ("dog", "piano"):
        shutil.copytree(films / label, root / label / "game 1")
        shutil.copy(films / label / "0.mkv", root / label / "1_x.mkv")
    made = folder(root, group_by="folder")
    assert {clip.source for clip in made._clips} == {
        "dog/game 1", "piano/game 1", "dog/1_x.mkv", "piano/1_x.mkv",
    }  # fmt: skip
    assert made.notes() == (
        "group_by=folder: 6 of 8 files belong to 2 sources; each of the others counts as a source,"
        " for example dog/1_x.mkv",
    )
    some = folder(root, source_pattern=r"(\w+/\d)_").notes()[0]
    assert "2 of 8 files belong to 2 sources" in some


def test_files_that_show_one_scene_are_said_to_be_of_one_recording_perhaps(tmp_path, capsys):
    for k in range(5):
        make(film(f"{k}.mkv", seed=k), tmp_path / "in" / "dog" / "game")
    arguments = ["data", "prepare", tmp_path / "in", *set_options()]
    done = call(*arguments, "--out", tmp_path / "a")
    assert "note: class dog: 5 of 5 files show nearly the same scene" in done.output
    path = tmp_path / "a" / "sources.parquet"
    table = pd.read_parquet(path)
    pd.concat([table, table[:1].assign(source=None)]).to_parquet(path)  # a file without a source
    _print_scenes(PairStore(tmp_path / "a"), make_display())
    assert "5 of 5 files show nearly the same scene" in " ".join(
        "".join(capsys.readouterr()).split()
    )
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"sources\.parquet: damaged .*remove this file"):
        _print_scenes(PairStore(tmp_path / "a"), make_display())
    (tmp_path / "in" / "dog" / "other").mkdir()
    shutil.move(tmp_path / "in" / "dog" / "game" / "4.mkv", tmp_path / "in" / "dog" / "other")
    done = call(*arguments, "--out", tmp_path / "b", "--set=group_by=folder")
    assert done.exit_code == 0, done.output
    assert "nearly the same scene" not in done.output
