"""Segments lie where their film has them, also where each file holds some seconds of it."""

import shutil

import numpy as np
from small_films import call

from a2ibench.data.features import bare_pairs
from a2ibench.data.held_list import held_by, in_common
from a2ibench.data.store import PairStore
from a2ibench.evaluation.disjoint_segments import find_disjoint


def test_clips_from_different_moments_of_one_film_do_not_overlap(films, tmp_path):
    root = tmp_path / "VGG"
    root.mkdir()
    starts = [30, 130]
    lines = ["other,0,skiing,train", *(f"film,{start},skiing,test" for start in starts)]
    (root / "vggsound.csv").write_text("\n".join(lines))
    for name in ("other_000000", *(f"film_{start:06d}" for start in starts)):
        shutil.copy(films / "dog" / "0.mkv", root / f"{name}.mkv")
    out = tmp_path / "out"
    small = [f"--set={one}" for one in ("seconds=1", "hop=1", "image_size=16", "classes=skiing")]
    done = call("data", "prepare", root, "--layout", "vggsound", "--out", out, *small)
    assert done.exit_code == 0, done.output
    pairs = bare_pairs(PairStore(out), "test")
    assert set(pairs.source) == {"film"}
    begins = pairs.span[:, 0]
    assert len(begins) >= 2
    for start in starts:
        assert np.any(begins // 10 * 10 == start)
    assert find_disjoint(pairs).all()


def test_files_of_one_source_that_two_holders_have_are_told_apart(films, tmp_path):
    """Times count from the beginning of each file where it is not known when that was."""
    held = []
    for holder, takes in {"a": (1, 2), "b": (1, 3)}.items():
        root = tmp_path / holder
        for label in ("dog", "cat"):
            for source in ("one", "two"):
                (root / label / source).mkdir(parents=True)
                for take in takes:
                    name = f"{take}.mkv"
                    shutil.copy(films / "dog" / "0.mkv", root / label / source / name)
        small = ["--set=seconds=1", "--set=hop=1", "--set=image_size=16", "--set=group_by=folder"]
        done = call("data", "prepare", root, "--out", tmp_path / f"{holder}-pairs", *small)
        assert done.exit_code == 0, done.output
        held.append(held_by(PairStore(tmp_path / f"{holder}-pairs")))
        assert find_disjoint(bare_pairs(PairStore(tmp_path / f"{holder}-pairs"), "test")).all()
    assert {name.rpartition("/")[2] for name in held[0].source} == {"1", "2"}
    common = in_common(*held)
    assert {held[0].source[row].rpartition("/")[2] for row in common.first} == {"1"}
    assert len(common.first) == len(held[0]) / 2
