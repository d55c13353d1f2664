"""What holds for every dataset."""

from collections.abc import Callable
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest
from films import Film, make

from a2ibench.conformance.suite import check
from a2ibench.registry import datasets

pytestmark = pytest.mark.integration

CUT = {"seconds": 0.5, "hop": 0.5, "folds": 2}
SMALL: dict[str, dict[str, Any]] = {
    "arcade": {"games": "pong,freeway", "train": 2, "test": 1, "seconds": 0.5},
    "synthetic": {"train": 8, "test": 4, "seconds": 0.5},
}


def film(root: Path, name: str) -> None:
    make(Film(name, seconds=1.0, frame_rate=10, size=(64, 64)), root)


def in_folders(root: Path) -> Path:
    for name in ("a/1", "a/2"):
        film(root, f"{name}.mp4")
    return root


def in_a_table(root: Path) -> Path:
    in_folders(root)
    (root / "list.csv").write_text("path,label\na/1.mp4,a\na/2.mp4,a\n")
    return root / "list.csv"


def of_vggsound(root: Path) -> Path:
    for one in ("yy", "zz"):
        film(root, f"{one}_000001.mp4")
    (root / "vggsound.csv").write_text("yy,1,dog,train\nzz,1,dog,test\n")
    return root


def of_vegas(root: Path) -> Path:
    for i in (1, 2):
        film(root, f"dog/videos/video_0000{i}.mp4")
    return root


def of_ave(root: Path) -> Path:
    head = "Category&VideoID&Quality&StartTime&EndTime\n"
    for one in ("a1", "b2"):
        film(root, f"AVE/{one}.mp4")
    (root / "trainSet.txt").write_text(f"{head}Dog&a1&good&0&1\n")
    (root / "valSet.txt").write_text("")
    (root / "testSet.txt").write_text("Dog&b2&good&0&1\n")
    return root


def of_wan2019(root: Path) -> Path:
    (root / "video_ids").mkdir(parents=True)
    for side, one in (("training", "1"), ("testing", "2")):
        film(root, f"videos/{one}.mp4")
        lines = f"mp3/videos/{one}.mp4.mp3\n"
        (root / "video_ids" / f"{side}_data_dog_keywords.txt").write_text(lines)
    return root


FILES: dict[str, Callable[[Path], Path]] = {
    "folder": in_folders, "manifest": in_a_table, "vggsound": of_vggsound, "vegas": of_vegas,
    "ave": of_ave, "wan2019": of_wan2019,
}  # fmt: skip


@pytest.mark.parametrize("name", datasets.names())
def test_it_keeps_the_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    # In this process: that other processes give the same bytes is shown beside it.
    monkeypatch.setattr("a2ibench_plugins.datasets.arcade.in_order", starmap)
    cut = name in FILES
    files = FILES[name](tmp_path) if cut else None
    findings = check("dataset", name, CUT if cut else SMALL[name], files)
    assert [found for found in findings if found.state != "met"] == []
