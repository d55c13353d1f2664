"""Folders of films become stores with one command; a mistake is one line."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from small_films import call, files, folder, rejected, set_options

from a2ibench.data.prepare import open_dataset, prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError


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


@pytest.mark.integration
def test_the_same_files_give_the_same_bytes_wherever_they_lie(films, tmp_path):
    shutil.copytree(films, tmp_path / "moved")
    a = prepare(folder(films), tmp_path / "a")
    b = prepare(folder(tmp_path / "moved"), tmp_path / "b")
    assert files(a.root) == files(b.root)


def sound_and_picture(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(f"{path}.png")
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (50_000, 2))
    soundfile.write(f"{path}.wav", samples, 44_100)


@pytest.mark.integration
def test_the_sound_and_a_still_of_a_film_beside_it_are_no_other_clips(films, tmp_path):
    root = tmp_path / "in"
    shutil.copytree(films, root)
    sound_and_picture(root / "dog" / "0", (1, 2, 3), 0)
    sound_and_picture(root / "dog" / "alone", (1, 2, 3), 1)
    shutil.copy(root / "dog" / "alone.wav", root / "dog" / "alone.flac")
    made = folder(root)
    assert {clip.file for clip in made._clips} == {
        *(f"{label}/{name}" for label in ("dog", "piano") for name in ("0.mkv", "1.mov", "2.avi")),
        "dog/alone.flac",
    }
    assert {one.file: one.reason for one in made._rejected} == {
        "dog/0.wav": "dog/0.mkv has the same name, and is cut",
        "dog/0.png": "dog/0.mkv has the same name, and is cut",
        "dog/alone.wav": "dog/alone.flac has the same name; a name is one sound",
    }


def test_sounds_beside_pictures_become_pairs(tmp_path):
    for label, shade in (("dog", 50), ("piano", 200)):
        for k in range(2):
            sound_and_picture(tmp_path / "in" / label / str(k), (shade, 0, k), k)
    # One picture of each, however many frames a film would give.
    store = prepare(folder(tmp_path / "in", seconds=0.5, frames=3), tmp_path / "out")
    assert len(store) == 4
    for row in range(4):
        shade = 50 if store.index["label"][row] == "dog" else 200
        assert (store.images[row][..., 0] == shade).all()
    assert store.index["start"].to_numpy() == pytest.approx(50_000 / 44_100 / 2 - 0.25, abs=1e-3)


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
        ([".", "--layout", "arcade"], "this dataset has no files"),
        ([".", "--ray-address", "h:1"], "--ray-address belongs to --executor ray"),
        ([".", "--executor", "ray", "--ray-address", "127.0.0.1:1"], "no Ray cluster answers at"),
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


def test_a_study_does_not_take_a_layout_for_a_dataset():
    with pytest.raises(UserError, match="a2ibench data prepare FOLDER --layout folder --out DIR"):
        open_dataset("folder", {})
