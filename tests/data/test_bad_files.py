"""Bad files cost themselves alone: each is named with its reason, and the rest is done."""

import os
import shutil

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
from crashing import crash, overlook
from films import make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_films import OPTIONS, call, film, folder, rejected, set_options

from a2ibench import config
from a2ibench.data.files import clips
from a2ibench.data.files.clip import Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.data.files.lengths import too_short
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.media.container import open_media
from a2ibench.media.cutting import Cutting, cut
from a2ibench.types import RejectedError


def test_a_film_that_needs_more_memory_than_there_is_is_not_called_damaged(films, monkeypatch):
    """Libav has an error of its own for that, which cannot be pickled."""
    refused = av.error.MemoryError(12, "Cannot allocate memory")

    def cut(*arguments):
        with open_media(films / "dog" / "0.mkv"):
            raise refused

    monkeypatch.setattr(clips, "cut", cut)
    with pytest.raises(MemoryError) as caught:
        clips._cut(
            films, Clip("dog/0.mkv", "dog", "x"), Cutting(1.0, 0.5, 1, "centre", 0, 16, 22_050)
        )
    assert type(caught.value) is MemoryError


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


@pytest.mark.integration
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


def test_a_good_file_that_a_worker_does_not_see_stops_the_preparation(films, monkeypatch):
    monkeypatch.setattr("a2ibench.data.files.clips._cut", overlook)
    expected = "dog/0.mkv: not seen by the worker on .*; every node must see the folder"
    with pytest.raises(UserError, match=expected):
        list(folder(films).parts())


def test_a_file_that_has_gone_meanwhile_is_left_out(films, tmp_path):
    shutil.copytree(films, tmp_path / "in")
    made = folder(tmp_path / "in")
    (tmp_path / "in" / "dog" / "0.mkv").unlink()
    first, *rest = made.parts()
    assert [one.reason for one in first.rejected] == ["it is no longer there"]
    assert not any(part.rejected for part in rest)


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
