"""Names of picture files: pairs, classes and clips."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2ibench.errors import UserError
from a2ibench.folders.pairs import common_side, find_files, group, pair_names

SUFFIXES = {".png": "PNG", ".jpg": "JPEG"}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_a_name_is_the_path_without_the_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "b.PNG", "a.b.jpg", "dog/1.png", ".hidden.png", ".git/x.png", "notes.txt")
    found, passed_over = find_files(tmp_path, SUFFIXES, "picture")
    assert list(found) == ["a.b", "b", "dog/1"]
    assert found["dog/1"] == tmp_path / "dog" / "1.png"
    assert passed_over == "1 other file passed over (notes.txt)"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "a.jpg"], r"several files of one name \(a.jpg and a.png\)"),
        (["notes.txt"], "no picture in it"),
    ],
)
def test_files_that_cannot_be_told_apart_or_are_none_are_refused(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        find_files(touch(tmp_path, *names), SUFFIXES, "picture")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "secret.png", "in/a.png")
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="links that leave the folder"):
        find_files(tmp_path / "in", SUFFIXES, "picture")


def test_a_folder_that_is_a_link_is_refused_and_none_goes_missing(tmp_path: Path) -> None:
    touch(tmp_path, "in/cat/1.png", "pool/rain/1.png")
    (tmp_path / "in" / "rain").symlink_to(tmp_path / "pool" / "rain")
    with pytest.raises(UserError, match=r"links to folders, which are not followed \(rain\)"):
        find_files(tmp_path / "in", SUFFIXES, "picture")


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png")
    listed = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"dog: cannot be read \(Permission denied\)"):
        find_files(tmp_path, SUFFIXES, "picture")


def test_what_has_no_partner_is_named_on_its_side() -> None:
    both, notes = pair_names({"REAL": ["a", "b", "c"], "FAKE": ["c", "d", "b"]})
    assert both == ("b", "c")
    assert notes == [
        "REAL: 1 file without a partner in FAKE, left out (a)",
        "FAKE: 1 file without a partner in REAL, left out (d)",
    ]
    with pytest.raises(UserError, match=r"no name is on all sides \(REAL: a; FAKE: b\)"):
        pair_names({"REAL": ["a"], "FAKE": ["b"]})
    both, notes = pair_names({"REAL": ["a", "b"], "FAKE": ["a", "b"], "SOUNDS": ["b"]})
    assert both == ("b",)
    assert notes[0] == "REAL: 1 file without a partner in FAKE or SOUNDS, left out (a)"


def test_sub_folders_are_classes_where_there_are_several_and_nothing_lies_outside() -> None:
    assert group(["dog/1", "cat/1", "cat/2"], None).classes == ("cat", "dog")
    assert group(["dog/1", "cat/1", "cat/2"], None).label.tolist() == [1, 0, 0]
    assert group(["dog/1", "cat/1", "2"], None).classes == ("all",)
    assert group(["dog/1", "dog/2"], None).classes == ("all",)


def test_names_that_share_all_but_a_last_number_are_of_one_clip() -> None:
    names = [f"dam{clip}_{i}" for clip in "abcde" for i in range(3)]
    groups = group(names, None)
    assert len(set(groups.source)) == 5
    assert groups.source[:4].tolist() == ["dama", "dama", "dama", "damb"]
    assert "without the last number" in groups.said


@pytest.mark.parametrize(
    "names",
    [
        [f"image_{i}" for i in range(20)],  # one clip would have no interval
        [f"{top}/image_{i}" for top in "abcdef" for i in range(4)],  # one clip in each class
        [f"{i:04}" for i in range(20)],
    ],
)
def test_a_prefix_that_tells_no_clips_makes_each_picture_one(names: list[str]) -> None:
    groups = group(names, None)
    assert groups.source.tolist() == names
    assert "each picture taken for one of its own" in groups.said


def test_a_pattern_finds_the_clip() -> None:
    names = ["x-a-1", "x-a-2", "x-b-1"]
    assert group(names, "x-(.)").source.tolist() == ["a", "a", "b"]
    assert group(names, "x-.").source.tolist() == ["x-a", "x-a", "x-b"]
    with pytest.raises(UserError, match="does not match x-b-1"):
        group(names, "a")
    with pytest.raises(UserError, match="not a regular expression"):
        group(names, "(")


def sized(folder: Path, *sizes: tuple[int, int]) -> dict[str, Path]:
    folder.mkdir()
    for i, size in enumerate(sizes):
        Image.fromarray(np.zeros((*size[::-1], 3), np.uint8)).save(folder / f"{i}.png")
    return {path.stem: path for path in folder.iterdir()}


def test_pictures_are_compared_at_the_smaller_usual_size_and_only_if_told_to(
    tmp_path: Path,
) -> None:
    real = sized(tmp_path / "real", (96, 64), (96, 64), (16, 16))
    fake = sized(tmp_path / "fake", (128, 128))
    folders = {"REAL": real, "FAKE": fake}
    assert common_side(folders, resize=True) == 64
    assert common_side({"FAKE": fake}, resize=False) == 128
    with pytest.raises(UserError, match=r"64 × 64 px, got REAL 96 × 64, FAKE 128 × 128: --resize"):
        common_side(folders, resize=False)
    with pytest.raises(UserError, match="expected pictures of 32 × 32 px"):
        common_side({"FAKE": fake}, resize=False, given=32)
    broken = touch(tmp_path, "broken.png") / "broken.png"
    with pytest.raises(UserError, match="no file can be read as a picture, such as"):
        common_side({"FAKE": {"broken": broken}}, resize=True)
