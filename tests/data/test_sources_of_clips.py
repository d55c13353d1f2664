"""Which files are of one source, and how sources are split into training and test."""

import shutil

import pandas as pd
import pytest
from films import make
from small_films import call, film, folder, set_options

from a2ibench.cli.data import _print_scenes
from a2ibench.cli.options import make_display
from a2ibench.data.files.splits import assign
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError


@pytest.mark.integration
def test_the_split_is_by_source_stratified_and_in_folds(films, tmp_path):
    stores = [prepare(folder(films, folds=3, fold=k), tmp_path / str(k)) for k in range(3)]
    tested = [set(store.index[store.index["split"] == "test"]["source"]) for store in stores]
    assert set.union(*tested) == set(stores[0].index["source"])
    assert sum(map(len, tested)) == 6
    for sources in tested:
        assert sorted(source.partition("/")[0] for source in sources) == ["dog", "piano"]
    for store in stores:
        assert (store.index.groupby("source")["split"].nunique() == 1).all()


def test_clips_of_one_film_are_kept_together(films, tmp_path):
    root = tmp_path / "in"
    for label in ("dog", "piano"):
        (root / label).mkdir(parents=True)
        for k in range(4):
            shutil.copy(films / label / "0.mkv", root / label / f"film{k // 2}_{k}.mkv")
    store = prepare(folder(root, source_pattern=r"(\w+/film\d+)_"), tmp_path / "out")
    assert set(store.index["source"]) == {"dog/film0", "dog/film1", "piano/film0", "piano/film1"}


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
    with pytest.raises(UserError, match=r"sources\.parquet: damaged .*put an intact copy there"):
        _print_scenes(PairStore(tmp_path / "a"), make_display())
    (tmp_path / "in" / "dog" / "other").mkdir()
    shutil.move(tmp_path / "in" / "dog" / "game" / "4.mkv", tmp_path / "in" / "dog" / "other")
    done = call(*arguments, "--out", tmp_path / "b", "--set=group_by=folder")
    assert done.exit_code == 0, done.output
    assert "nearly the same scene" not in done.output
