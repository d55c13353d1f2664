"""What is planted is found, and nothing else; a good store is told to be good."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from planted import RATE, coded, compressed, good_pairs, noise, scene, write

from a2ibench.cli import main
from a2ibench.curation.check import check_store
from a2ibench.curation.finding import findings_table
from a2ibench.data.store import PairStore
from a2ibench.parallel import Processes, spread_over


def quiet(name: str):
    return lambda done, total: None


def check(store: PairStore):
    return check_store(store.root, quiet).findings


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "check", *map(str, arguments)])


def only(findings, kind: str):
    """The one finding there is, which is of a kind."""
    assert [finding.kind for finding in findings] == [kind], findings
    return findings[0]


def reindex(store: PairStore, **changes: dict[int, object]) -> PairStore:
    """Changes the index behind the writer's back; the hashes are made to fit."""
    from a2ibench.data.store import hash_content, hash_index

    index = pd.read_parquet(store.root / "index.parquet")
    for column, values in changes.items():
        for row, value in values.items():
            index.loc[row, column] = value
    index.to_parquet(store.root / "index.parquet")
    about = json.loads((store.root / "store.json").read_text())
    about["sha256"]["index.parquet"] = hash_index(index)
    about["counts"] = {side: int((index["split"] == side).sum()) for side in ("train", "test")}
    about["classes"] = sorted(set(index["label"]))
    about["content_hash"] = hash_content(about["sample_rate"], about["sha256"])
    (store.root / "store.json").write_text(json.dumps(about))
    return PairStore(store.root)


@pytest.fixture
def pairs():
    return good_pairs()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def test_nothing_is_found_in_a_good_store(pairs, root):
    write(pairs, root)
    done = call(root)
    assert done.exit_code == 0, done.output
    assert "Nothing was found: no damage, no leak, no warning." in done.output
    assert "28 pairs, 20 training pairs, 8 test pairs, 14 sources, 2 classes" in done.output
    assert len(pd.read_parquet(root / "check.parquet")) == 0
    assert (root / "check.html").read_text().startswith("<!doctype html>")
    assert len(PairStore(root)) == 28
    assert not [path for path in root.iterdir() if path.name.endswith(".tmp")]


def test_files_that_were_written_before_are_replaced_and_the_page_may_lie_elsewhere(pairs, root):
    write(pairs, root)
    page = root.parent / "pages" / "mine.html"
    for _ in range(2):
        assert call(root, "--report", page).exit_code == 0
    assert sorted(path.name for path in page.parent.iterdir()) == ["mine.html", "mine.parquet"]
    assert not (root / "check.html").exists()


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: compressed(x, "JPEG", 70)], ids=["equal", "jpeg"]
)
def test_a_picture_on_both_sides_is_a_leak(pairs, root, change):
    pairs[10]["image"] = change(pairs[2]["image"])
    store = write(pairs, root)
    finding = only(check(store), "picture_leak")
    assert finding.severity == "leak"
    assert finding.sources == ("dog-5", "dog-1")
    assert finding.pairs == ((10, 2),)
    done = call(root)
    assert done.exit_code == 1
    assert "leak: 1 picture of dog-5 also in dog-1 (test and train)" in done.output
    table = pd.read_parquet(root / "check.parquet")
    columns = ["kind", "severity", "row", "partner", "source", "split", "label"]
    assert table[columns].to_numpy().tolist() == [
        ["picture_leak", "leak", 10, 2, "dog-5", "test", "dog"]
    ]


def test_a_picture_is_a_leak_of_each_training_source_that_shows_it(pairs, root):
    for row in (2, 3, 4):
        pairs[row]["image"] = compressed(pairs[10]["image"], "JPEG", 60 + 10 * row)
    leaks = [one for one in check(write(pairs, root)) if one.severity == "leak"]
    assert {one.sources: set(one.pairs) for one in leaks} == {
        ("dog-5", "dog-1"): {(10, 2), (10, 3)}, ("dog-5", "dog-2"): {(10, 4)},
    }  # fmt: skip
    assert leaks[0].what.startswith("1 picture of dog-5 also in dog-1 (test and train)")


def test_a_sound_of_several_pairs_is_one_sound_and_a_leak_of_each(pairs, root):
    for row in (10, 11):
        pairs[row]["audio"] = pairs[10]["audio"]
    pairs[2]["audio"] = pairs[3]["audio"] = pairs[10]["audio"].copy()
    finding = only(check(write(pairs, root)), "sound_leak")
    assert set(finding.pairs) == {(10, 2), (11, 2), (10, 3)}
    assert finding.what.startswith("1 sound of dog-5 also in dog-1")


def test_as_many_links_as_pairs_are_found_where_all_show_one_picture(pairs, root):
    for pair in pairs:
        pair["image"] = scene(0)
    leaks = [one for one in check(write(pairs, root)) if one.severity == "leak"]
    assert sum(len(one.pairs) for one in leaks) <= len(pairs)
    assert {row for one in leaks for row in one.rows} == set(range(len(pairs)))


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: coded(x * 0.5, "MP3")], ids=["equal", "mp3"]
)
def test_a_sound_on_both_sides_is_a_leak(pairs, root, change):
    pairs[24]["audio"] = change(pairs[2]["audio"])
    finding = only(check(write(pairs, root)), "sound_leak")
    assert finding.severity == "leak"
    assert finding.sources == ("sea-5", "dog-1")
    assert finding.pairs == ((24, 2),)


def test_copies_inside_a_side_are_a_warning(pairs, root):
    pairs[4]["image"] = pairs[2]["image"]
    pairs[26]["audio"] = pairs[24]["audio"].copy()
    store = write(pairs, root)
    pictures, sounds = check(store)
    assert (pictures.kind, pictures.severity, pictures.pairs) == (
        "picture_copies", "warning", ((4, 2),),
    )  # fmt: skip
    assert (sounds.kind, sounds.severity, sounds.pairs) == ("sound_copies", "warning", ((26, 24),))
    assert call(root).exit_code == 0


def test_copies_inside_a_source_are_nothing(pairs, root):
    pairs[1]["image"], pairs[1]["audio"] = pairs[0]["image"], pairs[0]["audio"].copy()
    assert check(write(pairs, root)) == ()


def test_a_source_on_both_sides_is_a_leak(pairs, root):
    store = reindex(write(pairs, root), source={10: "dog-4", 11: "dog-4"})
    finding = only(check(store), "source_leak")
    assert finding.sources == ("dog-4",)
    assert finding.rows == (8, 9, 10, 11)


@pytest.mark.parametrize(("source", "kind"), [("dog-5", "file_leak"), ("dog-2", "file_twice")])
def test_one_file_under_two_names(pairs, root, source, kind):
    files = [
        {"file": f"{name}.mp4", "sha256": sha, "source": name, "split": "train", "label": "dog"}
        for name, sha in (("dog-1", "a" * 64), (source, "a" * 64), ("dog-3", "b" * 64))
    ]
    finding = only(check(write(pairs, root, files)), kind)
    assert set(finding.sources) == {"dog-1", source}
    assert finding.severity == ("leak" if kind == "file_leak" else "warning")


def test_pairs_that_a_correction_leaves_out_are_ignored(pairs, root):
    pairs[10]["image"] = pairs[2]["image"]
    store = write(pairs, root)
    (root / "corrections.csv").write_text("row,label\n10,\n")
    assert check(store) == ()


def test_silence_and_pictures_of_one_colour_are_named_and_are_no_leaks(pairs, root):
    for row in (2, 10):
        pairs[row]["image"] = np.zeros_like(pairs[row]["image"])
        pairs[row + 1]["audio"] = np.full(2 * RATE, 1e-4, dtype=np.float32)
    silent, constant = check(write(pairs, root))
    assert (silent.kind, silent.rows) == ("silent", (3, 11))
    assert (constant.kind, constant.rows) == ("constant", (2, 10))
    assert {silent.severity, constant.severity} == {"warning"}


def test_clipped_sounds_are_named(pairs, root):
    pairs[6]["audio"] = np.clip(20 * pairs[6]["audio"], -1, 1)
    pairs[8]["audio"] = pairs[8]["audio"] / np.abs(pairs[8]["audio"]).max()
    assert only(check(write(pairs, root)), "clipped").rows == (6,)


def test_a_clip_that_stands_still_is_named(pairs, root):
    for i in range(2):
        extra = {**pairs[i], "image": compressed(scene(0), "JPEG", 80 + i), "audio": noise(900 + i)}
        pairs.append(extra | {"start": 10.0 + i})
    pairs[1]["image"] = scene(0)
    finding = only(check(write(pairs, root)), "still")
    assert finding.sources == ("dog-0",)
    assert finding.rows == (0, 1, 28, 29)


def test_classes_that_are_poor_are_named(pairs, root):
    for i in range(12):
        lone = {"label": "bee", "source": "bee-0", "split": "train", "start": float(i)}
        pairs.append({"image": scene(5000 + i), "audio": noise(5000 + i, 0.5), **lone})
    for i in range(200):
        clip = f"dog-{i % 5}"
        pairs.append(
            {"image": scene(6000 + i), "audio": noise(6000 + i, 0.1), "label": "dog",
             "source": clip, "split": "train", "start": 50.0 + i}
        )  # fmt: skip
    findings = check(write(pairs, root))
    said = {finding.kind: finding.what for finding in findings}
    assert said == {
        "few_sources": "the class bee has 1 train source; it needs 5 or more",
        "one_side": "the class bee has no test pairs",
        "imbalance": "dog has 210 training pairs and sea 10: 21.0 times as many",
    }


def test_a_source_with_several_labels_is_named(pairs, root):
    pairs[1]["label"] = "sea"
    finding = only(check(write(pairs, root)), "several_labels")
    assert finding.sources == ("dog-0",)


@pytest.mark.parametrize("name", ["images.npy", "audio.npy"])
def test_a_changed_byte_is_damage(pairs, root, name):
    write(pairs, root)
    with (root / name).open("r+b") as stream:
        stream.seek(-1, 2)
        last = stream.read(1)[0]
        stream.seek(-1, 2)
        stream.write(bytes([last ^ 1]))
    done = call(root)
    assert done.exit_code == 1
    assert f"damage: {name}: its content has changed" in done.output
    table = pd.read_parquet(root / "check.parquet")
    assert table["kind"].tolist() == ["changed_bytes"]
    assert table["row"].isna().all()


@pytest.mark.parametrize("name", ["images.npy", "audio.npy", "index.parquet"])
def test_a_missing_file_and_a_file_that_was_cut_off_are_damage(pairs, root, name):
    write(pairs, root)
    (root / name).write_bytes((root / name).read_bytes()[:-30])
    assert call(root).exit_code == 1
    (root / name).unlink()
    done = call(root)
    assert done.exit_code == 1
    assert "damage: " in done.output
    assert name in done.output
    assert "This store is damaged" in (root / "check.html").read_text()


@pytest.mark.parametrize("name", ["index", "sources", "rejected"])
def test_a_page_does_not_replace_a_table_of_the_store_or_of_anybody(pairs, root, tmp_path, name):
    before = write(pairs, root).content_hash
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "mine.parquet")
    for page in (root / f"{name}.html", tmp_path / "mine.html"):
        done = call(root, "--report", page)
        assert (done.exit_code, "choose another name" in done.output) == (2, True), done.output
    assert PairStore(root).content_hash == before
    assert not (root / f"{name}.html").exists()
    assert pd.read_parquet(tmp_path / "mine.parquet").columns.tolist() == ["x"]


def test_a_relative_folder_that_is_writable_is_offered_corrections(pairs, root, monkeypatch):
    pairs[10]["image"] = pairs[2]["image"]
    write(pairs, root)
    monkeypatch.chdir(root.parent)
    done = call(root.name)
    assert "is not writable" not in done.output
    assert "data clean" in done.output


def test_wrong_usage_exits_with_2(pairs, root, tmp_path):
    for arguments in ([tmp_path], [tmp_path / "nowhere"], []):
        assert call(*arguments).exit_code == 2
    store = write(pairs, root)
    assert call(root, "--report", tmp_path / "page.pdf").exit_code == 2
    (root / "store.json").write_text(json.dumps({**store.about, "format": 1}))
    assert call(root).exit_code == 2
    assert not (tmp_path / "check.html").exists()


def test_names_with_control_characters_cannot_command_the_terminal(pairs, root):
    pairs[10] |= {"image": pairs[2]["image"], "source": "bad\x1b]0;owned\x07"}
    pairs[11]["source"] = pairs[10]["source"]
    done = call(write(pairs, root).root)
    assert done.exit_code == 1
    assert "\x1b" not in done.output
    assert "\x07" not in done.output


def test_the_long_form_has_a_line_for_each_row_of_each_finding(pairs, root):
    pairs[3]["audio"] = np.zeros(2 * RATE, dtype=np.float32)
    pairs[5]["audio"] = np.zeros(2 * RATE, dtype=np.float32)
    store = write(pairs, root)
    table = findings_table(check(store), store.index)
    assert table["row"].tolist() == [3, 5]
    assert table["source"].tolist() == ["dog-1", "dog-2"]
    assert table["partner"].isna().all()


def test_what_was_computed_is_used_again(pairs, root, cache: Path):
    store = write(pairs, root)
    check(store)
    before = {path: path.stat().st_mtime_ns for path in (cache / "checks").glob("*.npy")}
    check(store)
    assert before == {path: path.stat().st_mtime_ns for path in (cache / "checks").glob("*.npy")}


def test_workers_get_paths_that_hold_in_other_working_folders(pairs, root, monkeypatch, tmp_path):
    store, seen = write(pairs, root), []
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))  # nothing is described yet
    monkeypatch.setattr("a2ibench.curation.blocks.MIN_CALLS", 1)
    monkeypatch.setattr(Processes, "check_sees", lambda self, files: seen.extend(files))
    monkeypatch.chdir(store.root.parent)
    with spread_over(Processes(2)):
        check_store(Path(store.root.name), quiet)
    assert seen
    assert all(path.is_absolute() for path in seen)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ray-address", "h:1"], "--ray-address belongs to --executor ray"),
        (["--executor", "ray", "--ray-address", "127.0.0.1:1"], "no Ray cluster answers at"),
    ],
)
def test_workers_that_cannot_be_had_are_refused(root, pairs, arguments, message):
    write(pairs, root)
    done = call(root, *arguments)
    assert done.exit_code == 2
    assert message in done.output
