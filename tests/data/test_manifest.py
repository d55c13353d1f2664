"""A table says what is cut from which file; its bad rows are named and the rest is done."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from films import make, read_progress
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_films import call, film, manifest, set_options

from a2ibench.data.data_card import facts_of
from a2ibench.data.pair_labels import labels_of
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError


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
        "dog/2.avi,dog,1700000000,train",
        "dog/2, again.avi,dog,0,train",
        "dog/1.mov,dog,0.5,test,",
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
    assert len(store) == 3
    table = pd.read_parquet(tmp_path / "out" / "rejected.parquet")
    assert len(table) == 15
    assert "dog/none.mkv" in (tmp_path / "out" / "missing.csv").read_text()
    reasons = " ".join(table["reason"])
    for part in ("outside the folder", "start -1", "start 'soon'", "start inf",
                 "start 1700000000; expected seconds, 0 to 86,400",
                 "row 11: 5 cells, and 4 columns",
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
        ("a.csv", "path,label,label\nx,dog,cat\n", "two columns are called label"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        manifest(tmp_path / name)


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["dog/0.mkv", "../x", "/etc/passwd", "dog", "train", "test", "0", "1e309", "nan", "-0", "\x00"]
)


COLUMNS = ["path", "label", "start", "split", "source", "picture"]
GOOD = (
    ("dog/0.mkv", "a", "0", "train", "x", ""),
    ("dog/1.mov", "a", "", "test", "y", ""),
    ("dog/2.avi", "b", "0.5", "train", "z", ""),
)


@pytest.mark.integration
def test_no_table_makes_more_than_a_clear_error(films):
    path, cut = films / "fuzz.csv", []

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(COLUMNS), CELLS), max_size=3))
    def try_(changes):
        table = pd.DataFrame(GOOD, columns=COLUMNS)
        for row, column, cell in changes:
            table.loc[row, column] = cell
        table.to_csv(path, index=False)
        try:
            made = manifest(path)
        except UserError:
            return
        for clip in made._clips:
            cut.append(clip.file)
            assert (films / clip.file).resolve().is_relative_to(films.resolve())

    try:
        try_()
    finally:
        path.unlink()
    assert len(cut) > 100, "hardly any table was accepted"


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
    assert [clip.file for clip in made._clips] == ["dog/1.mov", "dog/2.avi"]
    assert sorted((entry.file, entry.reason) for entry in made._rejected) == [
        ("dog/0.mkv", "it is listed under several classes: a, b"),
        ("dog/0.mkv", "it is listed under several classes: a, b"),
        ("dog/2.avi", "row 6: an earlier row has the same file and start"),
    ]


def table(films, tmp_path, *rows):
    """Copy the films, and write a table of these rows, the first of which is the heading."""
    root = tmp_path / "in"
    shutil.copytree(films, root)
    (root / "list.csv").write_text("\n".join(rows))
    return root / "list.csv"


def test_a_frame_says_what_the_picture_shows_and_shares_the_sound_of_its_start(films, tmp_path):
    rows = [
        "path,label,start,frame,split",
        "dog/0.mkv,a,0.5,0.7,train",
        "dog/0.mkv,a,0.5,1.2,train",
    ]
    rows += ["dog/1.mov,a,,1.5,test", "dog/2.avi,a,0,1.4,train", "piano/0.mkv,b,1,,train"]
    store = prepare(manifest(table(films, tmp_path, *rows)), tmp_path / "out")
    index = store.index.set_index("source")
    assert index.loc["dog/0.mkv", "frame"].tolist() == [0.7, 1.2]
    assert index.loc["dog/0.mkv", "audio_start"].nunique() == 1
    assert index.loc["dog/1.mov", "start"] == 1.0  # with the frame at its centre
    assert index["frame"].isna()["piano/0.mkv"]
    assert [read_progress(image) for image in store.images] == [7, 12, 15, 15]  # ten a second
    assert "dog/2.avi" not in index.index
    assert store.hash_files()["index.parquet"] == store.about["sha256"]["index.parquet"]


def test_segments_lie_inside_an_event_and_bad_cells_are_told(films, tmp_path):
    rows = [
        "path,label,start,end,frame,track,audible",
        "dog/0.mkv,a,0.25,1.75,,,",
        "dog/1.mov,a,,1.2,,,",
        "dog/2.avi,a,0.5,0.5,,,",
        "piano/0.mkv,a,,,1.75,,",
        "piano/1.mov,a,0,,1.4,,",
        "piano/1.mov,a,0.5,,,1,",
        "piano/2.avi,a,,,,two,",
        "piano/2.avi,a,,,,,cat",
    ]
    made = manifest(table(films, tmp_path, *rows))
    assert {clip.file: (clip.starts, clip.track) for clip in made._clips} == {
        "dog/0.mkv": ((0.25, 0.75), 0),
        "dog/1.mov": ((0.0,), 0),
        "piano/0.mkv": ((1.25,), 0),
        "piano/1.mov": ((0.5,), 1),
    }
    assert [one.reason for one in made._rejected] == [
        "row 4: its event lasts 0 s; expected at least one segment of 1 s",
        "row 6: frame 1.4: outside its segment, from 0 s to 1 s",
        "row 8: track 'two'; expected a number from 1 to 99",
        "row 9: audible 'cat'; expected yes, no, or some of the row's classes (a)",
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_further_labels_licences_and_what_is_seen_are_kept(films, tmp_path, kind):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    as_text = ["", 'piano,"a, b"', "dog"]
    rows = pd.DataFrame(
        {
            "path": ["dog/0.mkv", "dog/1.mov", "piano/0.mkv"],
            "label": ["dog", "dog", "piano"],
            "start": ["0.5"] * 3,
            "split": ["train", "test", "train"],
            "labels": as_text if kind == "csv" else [None, ["piano", "a, b"], ["dog"]],
            "audible": ["", "yes", "piano"],
            "visible": ["", "piano", "no"],
            "licence": ["CC BY 4.0", "CC BY 4.0", "</script>"],
            "url": ["https://example.org/0", "", ""],
        }
    )
    path = root / f"list.{kind}"
    rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path)
    store = prepare(manifest(path), tmp_path / "out")
    assert store.index["labels"].tolist()[1] == '["a, b", "piano"]'
    labels = labels_of(store, np.arange(3))
    assert labels.label.tolist() == [[0, -1], [0, 1], [1, 0]]
    assert labels.audible.tolist() == [[-1, -1], [1, 1], [1, 0]]
    assert labels.visible.tolist() == [[-1, -1], [0, 1], [0, 0]]
    assert labels.answers(2).tolist() == [[True, False], [False, True], [True, True]]
    card = (tmp_path / "out" / "card.md").read_text()
    assert "| CC BY 4.0 | 2 | https://example.org/0 |" in card
    assert "- Of 2 pairs it is known what is seen: the class of 2 is not." in card
    assert "</script>" not in card
    assert dict(facts_of(store))["licence"] == (
        "CC BY 4.0 (2 files, for example https://example.org/0); </script> (1 file)"
    )


def test_a_class_that_is_not_seen_can_be_left_out(films, tmp_path):
    rows = ["path,label,visible", "dog/0.mkv,a,no", "dog/1.mov,a,yes", "dog/2.avi,a,"]
    path = table(films, tmp_path, *rows)
    assert len(manifest(path)._clips) == 3
    made = manifest(path, unseen="drop")
    assert [clip.file for clip in made._clips] == ["dog/1.mov", "dog/2.avi"]
    assert made._rejected[0].reason == "its class a is not seen (unseen=drop)"


def test_segments_of_several_classes_are_kept_with_all_of_them(films, tmp_path):
    rows = ["path,label,start", "dog/0.mkv,b,0.5", "dog/0.mkv,a,0.5", "dog/0.mkv,a,1.75"]
    rows += ["dog/0.mkv,c,1", "dog/1.mov,a,"]
    made = manifest(table(films, tmp_path, *rows), several="keep")
    assert [(clip.label, clip.starts, clip.labels) for clip in made._clips] == [
        ("a", (0.5,), ("b", "c")),
        ("a", (1.75,), ("c",)),
        ("c", (1.0,), ("a", "b")),
        ("a", None, ()),
    ]
    assert made.notes()[-1] == (
        "listed under several classes: 1 (segments or clips); each is cut once, with all of them"
    )


def test_a_segment_inside_a_whole_file_of_another_class_changes_nothing_in_that(films, tmp_path):
    rows = ["path,label,start", "dog/0.mkv,dog,", "dog/0.mkv,cat,1", "dog/1.mov,cat,"]
    made = manifest(table(films, tmp_path, *rows), several="keep")
    assert [(clip.label, clip.starts, clip.labels) for clip in made._clips] == [
        ("dog", None, ()),
        ("cat", None, ()),
    ]
    (rejected,) = made._rejected
    assert (rejected.file, rejected.start) == ("dog/0.mkv", 1.0)
    assert rejected.reason == "the whole file is listed under dog"
    assert "list the segments of that class, too" in made.notes()[-1]


def test_two_names_of_one_file_are_one_source(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    (root / "again.mkv").symlink_to(root / "dog" / "0.mkv")
    rows = ["path,label,start", "dog/0.mkv,dog,0", "./dog/0.mkv,dog,0.5", "again.mkv,dog,1"]
    path = root / "list.csv"
    path.write_text("\n".join(rows))
    made = manifest(path)
    assert {clip.source for clip in made._clips} == {"dog/0.mkv"}
    assert made.notes()[0] == "held 2 of 2 listed clips"
    path.write_text("\n".join([*rows, "gone.mkv,dog,0", "./gone.mkv,dog,1", "again.mkv,dog,1.5"]))
    made = manifest(path, most=2)
    assert made.notes()[0].startswith("held 2 of 3 listed clips")
    assert sorted(start for clip in made._clips for start in clip.starts or ()) == [0.0, 1.5]


def test_spaces_around_the_cells_of_a_table_do_not_count(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    path = root / "list.csv"
    path.write_text("path , label, start ,split\n dog/0.mkv , dog , 0.5 , train \n\n")
    (clip,) = manifest(path)._clips
    assert (clip.file, clip.label, clip.starts, clip.split) == ("dog/0.mkv", "dog", (0.5,), "train")


@pytest.mark.parametrize(
    ("rows", "fine"),
    [
        (("dog/0.mkv,dog,0,first", "dog/0.mkv,dog,0.9,second"), False),  # of 1 s
        (("dog/0.mkv,dog,0,first", "dog/0.mkv,dog,1.1,second"), True),
        (("dog/0.mkv,dog,0,first", "dog/0.mkv,dog,1.1,"), False),
        (("dog/0.mkv,dog,0,first", "dog/0.mkv,dog,0.5,first"), True),
    ],
)
def test_sources_of_one_file_do_not_overlap(films, tmp_path, rows, fine):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    path = root / "list.csv"
    path.write_text("\n".join(["path,label,start,source", *rows]))
    if fine:
        assert sum(len(clip.starts or ()) for clip in manifest(path)._clips) == 2
        return
    with pytest.raises(UserError, match=r"dog/0.mkv: its rows name several sources .*'first'"):
        manifest(path)


def test_at_most_so_many_segments_of_a_file_are_cut_also_of_listed_ones(films, tmp_path):
    rows = ["path,label,start", *(f"dog/0.mkv,dog,{start / 8}" for start in range(9))]
    rows += ["dog/0.mkv,cat,2.5", "dog/1.mov,dog,0.5", "dog/2.avi,cat,"]
    made = manifest(table(films, tmp_path, *rows), most=3)
    cut = {(clip.file, clip.label): clip.starts for clip in made._clips}
    assert cut == {
        ("dog/0.mkv", "dog"): (0.0, 0.5),
        ("dog/0.mkv", "cat"): (2.5,),
        ("dog/1.mov", "dog"): (0.5,),
        ("dog/2.avi", "cat"): None,
    }


def test_a_missing_cell_of_any_kind_is_empty(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    path = root / "list.parquet"
    rows = {"path": ["dog/0.mkv", "dog/1.mov"], "label": ["a", "b"], "start": [0.5, None]}
    rows["source"] = ["x", None]
    pd.DataFrame(rows).convert_dtypes().to_parquet(path)
    made = manifest(path)
    assert [(clip.source, clip.starts) for clip in made._clips] == [
        ("x", (0.5,)),
        ("dog/1.mov", None),
    ]


def test_nobody_has_said_whether_the_class_of_a_correction_is_seen(films, tmp_path):
    rows = ["path,label,start,split,labels,visible"]
    rows += ["dog/0.mkv,a,0,train,b,a", "dog/1.mov,b,0,test,,no", "dog/2.avi,a,0,train,,"]
    prepare(manifest(table(films, tmp_path, *rows)), tmp_path / "out")
    (tmp_path / "out" / "corrections.csv").write_text("row,label\n0,b\n1,a\n")
    labels = labels_of(PairStore(tmp_path / "out"), np.arange(3))
    assert labels.label.tolist() == [[1], [0], [0]]
    assert labels.visible.tolist() == [[0], [-1], [-1]]


def test_rows_of_missing_files_cost_no_look_at_each(films, tmp_path, monkeypatch):
    rows = ["path,label,start", *(f"gone/{i}/{i}.mkv,a,0" for i in range(500)), "dog/0.mkv,a,0"]
    path = table(films, tmp_path, *rows)
    looks = []
    resolve = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda self, *a: looks.append(self) or resolve(self, *a))
    assert len(manifest(path).missing) == 500
    assert len(looks) < 10
