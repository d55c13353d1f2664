"""A table says what is cut from which file; its bad rows are named and the rest is done."""

import shutil

import pandas as pd
import pytest
from films import make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_films import call, film, manifest, set_options

from a2ibench.data.prepare import prepare
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


@pytest.mark.integration
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
