"""Layouts of public collections: their own lists and folders become clips; conflicts are named."""

import errno
import os
from pathlib import Path

import pytest

from a2ibench import config, registry
from a2ibench.data.files.clip import Clip
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError

OPTIONS = {"seconds": 2, "hop": 2}


def write(root: Path, **files: str) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def layout(name: str, root: Path, **options: object) -> ClipDataset:
    plugin = registry.datasets.get(name)
    made = config.build(plugin.Config, {**OPTIONS, **options}, name)
    return plugin(made, root)  # type: ignore[call-arg]


def listed(dataset: ClipDataset) -> dict[str, Clip]:
    return {clip.file: clip for clip in dataset._clips}


def reasons(dataset: ClipDataset) -> dict[str, str]:
    return {entry.file: entry.reason for entry in dataset._rejected}


def test_vggsound_follows_its_list(tmp_path):
    lines = [
        "AbC-_x1,30,dog barking,train",
        'zz,5,"playing, drums",test',
        "gone,1,dog barking,train",
    ]
    lines += ["two,0,dog barking,train", "two,60,dog barking,test"]
    root = write(tmp_path, **{
        "vggsound.csv": "\n".join(lines),
        "video/AbC-_x1_000030.mp4": "", "video/zz_000005.mkv": "", "again/zz_000005.mp4": "",
        "two_000000.mp4": "", "two_000060.mp4": "", "stray_000001.mp4": "",
    })  # fmt: skip
    made = layout("vggsound", root)
    clips = listed(made)
    assert set(clips) == {"video/AbC-_x1_000030.mp4", "again/zz_000005.mp4", "two_000060.mp4"}
    first = clips["video/AbC-_x1_000030.mp4"]
    assert (first.label, first.source, first.split) == ("dog barking", "AbC-_x1", "train")
    assert clips["again/zz_000005.mp4"].label == "playing, drums"
    assert "the same clip as again/zz_000005.mp4" in reasons(made)["video/zz_000005.mkv"]
    assert "has test clips as well" in reasons(made)["two_000000.mp4"]
    assert len(listed(layout("vggsound", root, classes="dog barking"))) == 2


def test_vegas_takes_a_folder_a_class(tmp_path):
    root = write(tmp_path, **{
        "drum/videos/video_00001.mp4": "", "dog/videos/video_00001.mp4": "",
        "dog/videos/read.me": "", "dog/audios/audio_00001.wav": "",
    })  # fmt: skip
    made = layout("vegas", root)
    assert {(clip.file, clip.label) for clip in listed(made).values()} == {
        ("drum/videos/video_00001.mp4", "drum"),
        ("dog/videos/video_00001.mp4", "dog"),
    }
    assert reasons(made) == {"dog/videos/read.me": "not a video"}


def test_ave_cuts_inside_its_events(tmp_path):
    head = "Category&VideoID&Quality&StartTime&EndTime\n"
    root = write(tmp_path, **{
        "trainSet.txt": head + "Church bell&a1&good&0&10\nDog&b2&good&3&8\nDog&c3&good&1&2\n",
        "valSet.txt": "Dog&e5&good&0&4\n",
        "testSet.txt": "Dog&b2&good&3&8\nDog&d4&good&0&4\n",
        "AVE/a1.mp4": "", "AVE/b2.mp4": "", "AVE/c3.mp4": "", "AVE/d4.mp4": "", "AVE/e5.mp4": "",
    })  # fmt: skip
    made = layout("ave", root)
    clips = listed(made)
    assert clips["AVE/a1.mp4"].starts == (0, 2, 4, 6, 8)
    assert clips["AVE/b2.mp4"].starts == (3, 5)
    assert clips["AVE/b2.mp4"].split == "test"
    assert clips["AVE/e5.mp4"].split == "train"
    assert "lasts 1 s" in reasons(made)["AVE/c3.mp4"]
    assert "AVE/e5.mp4" not in listed(layout("ave", root, validation=False))


def test_ave_films_that_are_not_there_are_missing_however_short_their_events_are(tmp_path):
    root = write(tmp_path, **{
        "trainSet.txt": "dog&here&good&0&1\ndog&gone&good&0&1\ndog&a&good&0&8",
        "valSet.txt": "", "testSet.txt": "dog&b&good&0&8\ndog&b&good&0&6",
        "AVE/here.mp4": "", "AVE/a.mp4": "", "AVE/b.mp4": "",
    })  # fmt: skip
    made = layout("ave", root, most=2)
    assert [one.clip for one in made.missing] == ["AVE/gone.mp4"]
    assert made.notes()[0].startswith("held 3 of 4 listed clips")
    assert "its event lasts 1 s" in reasons(made)["AVE/here.mp4"]
    cut = [(clip.file, start) for clip in made._clips for start in clip.starts or ()]
    assert cut == [(f"AVE/{film}.mp4", start) for film in "ab" for start in (0.0, 6.0)]


@pytest.mark.parametrize("name", ["folder", "vegas"])
def test_a_file_that_is_no_table_is_no_folder(tmp_path, name):
    root = write(tmp_path, **{"list.tsv": "", "dog/a.mp4": "", "dog/videos/a.mp4": ""})
    with pytest.raises(UserError, match=r"list\.tsv: expected "):
        layout(name, root / "list.tsv")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    root = write(tmp_path, **{"dog/a.mp4": "", "cat/b.mp4": ""})
    listed_before = os.scandir

    def scandir(path):
        if str(path).endswith("cat"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return listed_before(path)

    monkeypatch.setattr(os, "scandir", scandir)
    made = layout("folder", root)
    assert list(listed(made)) == ["dog/a.mp4"]
    assert reasons(made)["cat"] == "the folder cannot be read (Input/output error)"


def test_wan2019_finds_what_its_lists_name(tmp_path):
    root = write(tmp_path, **{
        "video_ids/training_data_dog_keywords.txt":
            "mp3/videos/1/2/3/123.mp4.mp3\nmp3/videos2/4/456.mp4.mp3\nmp3/videos/7/789.mp4.mp3\n"
            "mp3/videos/9/999.mp4.mp3\nmp3/../../x.mp4.mp3\nmp3/videos/8/888.mp4.mp3\n",
        "video_ids/testing_data_dog_keywords.txt": "mp3/videos/8/888.mp4.mp3\n",
        "video_ids/training_data_plane_keywords.txt": "mp3/videos/7/789.mp4.mp3\n",
        "videos/1/2/3/123.mp4": "", "videos/7/789.mp4": "", "videos/8/888.mp4": "",
        "mp3/videos2/4/456.mp4.mp3": "",
        "frames/videos2/4/456.mp4/1.jpg": "", "frames/videos2/4/456.mp4/2.jpg": "",
        "frames/videos2/4/456.mp4/3.jpg": "",
    })  # fmt: skip
    made = layout("wan2019", root)
    clips = listed(made)
    assert set(clips) == {"videos/1/2/3/123.mp4", "mp3/videos2/4/456.mp4.mp3", "videos/8/888.mp4"}
    assert clips["mp3/videos2/4/456.mp4.mp3"].picture == "frames/videos2/4/456.mp4/2.jpg"
    assert clips["videos/8/888.mp4"].split == "test"
    said = reasons(made)
    assert "dog, plane" in said["mp3/videos/7/789.mp4.mp3"]
    assert [one.clip for one in made.missing] == ["mp3/videos/9/999.mp4.mp3"]
    assert made.missing[0].expected == ("videos/9/999.mp4", "mp3/videos/9/999.mp4.mp3")
    assert "outside the folder" in said["mp3/../../x.mp4.mp3"]
    assert "a test clip only" in said["mp3/videos/8/888.mp4.mp3"]


def vggsound(root: Path, lines: list[str], files: list[str], **options: object) -> ClipDataset:
    write(root, **{"vggsound.csv": "\n".join(lines), **dict.fromkeys(files, "")})
    return layout("vggsound", root, **options)


MODALITIES = """video_id,label,modality,background_music
-a_b_000000,"dog, barking",AV,False
-a_b_000000,rain,A,False
c_000010,rain,AV,False
d_000000,cat (meowing),A,True
"""


def test_vggsounder_says_which_classes_of_a_clip_are_heard_and_seen(tmp_path):
    lines = ['-a_b,0,"dog, barking",test', "c,10,rain,test", "c,20,rain,train"]
    lines += ["d,0,cat (meowing),test", "e,0,rain,train"]
    names = ("-a_b_000000", "c_000010", "d_000000", "e_000000")
    files = {f"{name}.mp4": "" for name in names}
    root = write(tmp_path, **files, **{"vggsound.csv": "\n".join(lines)})
    with pytest.raises(UserError, match=r"no vggsounder.csv in it \(video_id, label, modality"):
        layout("vggsound", root, vggsounder=True)
    write(root, **{"vggsounder.csv": MODALITIES})
    assert listed(layout("vggsound", root))["-a_b_000000.mp4"].visible is None
    made = layout("vggsound", root, vggsounder=True)
    first = listed(made)["-a_b_000000.mp4"]
    assert (first.labels, first.audible, first.visible) == (
        ("rain",), ("dog, barking", "rain"), ("dog, barking",),
    )  # fmt: skip
    assert listed(made)["e_000000.mp4"].audible is None
    assert made.notes()[1] == (
        "vggsounder.csv has 3 of 4 clips: the class of 2 is heard and seen, of 1 only heard, of 0"
        " only seen, of 0 neither"
    )
    dropped = layout("vggsound", root, vggsounder=True, unseen="drop")
    assert reasons(dropped) == {"d_000000.mp4": "its class cat (meowing) is not seen (unseen=drop)"}
    write(root, **{"vggsounder.csv": MODALITIES.replace(",AV,", ",both,")})
    with pytest.raises(UserError, match=r"with A, V or AV in the last; line 2: got"):
        layout("vggsound", root, vggsounder=True)


def test_a_video_of_several_lists_can_be_kept_with_all_their_classes(tmp_path):
    root = write(tmp_path, **{
        "training_data_dog_keywords.txt": "mp3/videos/1/a.mp4.mp3",
        "training_data_cat_keywords.txt": "mp3/videos/1/a.mp4.mp3",
        "videos/1/a.mp4": "",
    })  # fmt: skip
    (clip,) = layout("wan2019", root, several="keep")._clips
    assert (clip.label, clip.labels) == ("cat", ("dog",))


def test_vggsound_classes_with_commas_and_brackets_can_be_chosen(tmp_path):
    labels = ["cattle, bovinae cowbell", "running (slowly)", "dog barking"]
    lines = [f'f{i},0,"{label}",{side}' for i, label in enumerate(labels * 2)
             for side in ["train" if i < 3 else "test"]]  # fmt: skip
    files = [f"f{i}_000000.mp4" for i in range(6)]
    for text, chosen in (
        ("cattle, bovinae cowbell", labels[:1]),
        ('"cattle, bovinae cowbell",running (slowly)', labels[:2]),
        ("dog barking,cattle,bovinae cowbell", [labels[2], labels[0]]),
    ):
        made = vggsound(tmp_path, lines, files, classes=text)
        assert {clip.label for clip in made._clips} == set(chosen)
        assert made.config.classes == tuple(chosen)
    with pytest.raises(
        UserError, match=r"unknown class of vggsound.csv 'dog barkin'; did you mean dog"
    ):
        vggsound(tmp_path, lines, files, classes='"cattle, bovinae cowbell",dog barkin')


def test_vggsound_clips_are_found_under_the_names_in_use(tmp_path):
    lines = [f"-a_{i},{30 + i},dog,{'train' if i else 'test'}" for i in range(5)]
    files = ["-a_0_000030.mp4", "x/-a_1_31000_41000.mp4", "-a_2_32_42.mkv", "-a_3_33.webm",
             "-a_4_000034_000044.mp4"]  # fmt: skip
    made = vggsound(tmp_path, lines, files)
    assert set(listed(made)) == set(files)
    assert made.notes() == ("held 5 of 5 listed clips",)


def test_what_is_missing_of_a_list_is_counted_with_the_names_that_were_expected(tmp_path):
    lines = ["a,30,dog,train", "b,30,dog,train", "b,30,dog,train", "c,5,dog,test"]
    made = vggsound(tmp_path, lines, ["a_000030.mp4", "c_000005.mp4", "b-30.mp4"])
    held, strays = made.notes()
    assert held.startswith("held 2 of 3 listed clips; the others are in missing.csv, for example b")
    assert "b_000030.mp4 or b_30000_40000.mp4 or " in held
    assert strays == "videos that are not on the list: 1, for example b-30.mp4"
    assert [(one.clip, one.label, one.split, one.starts) for one in made.missing] == [
        ("b_000030", "dog", "train", (30,))
    ]
    with pytest.raises(UserError, match=r"held 0 of 1 listed .*expected d_000001\.mp4 or d_1000_"):
        vggsound(tmp_path / "other", ["d,1,dog,train"], ["d.mp4"])


def test_a_line_that_stands_twice_is_cut_once_and_two_classes_of_one_clip_are_left_out(tmp_path):
    lines = ["a,0,dog,train", "a,0,dog,train", "b,0,dog,test", "b,0,cat,test", "c,0,cat,test"]
    made = vggsound(tmp_path, lines, [f"{one}_000000.mp4" for one in "abc"])
    assert [(clip.file, clip.label) for clip in made._clips] == [
        ("a_000000.mp4", "dog"), ("c_000000.mp4", "cat"),
    ]  # fmt: skip
    assert reasons(made) == {
        "a_000000.mp4": "it is listed already and is cut once",
        "b_000000.mp4": "it is listed under several classes: cat, dog",
    }
    assert made.notes()[1:] == (
        "listed again: 1 (segments or clips); each is cut once",
        "listed under several classes: 2 (segments or clips); they are left out, since a pair has"
        " one class (--set several=keep keeps them, with all their classes)",
    )


def test_ave_events_of_two_classes_are_cut_where_they_do_not_overlap(tmp_path):
    lines = [
        "Dog&a&good&0&4",
        "Cat&a&good&3&9",
        "Dog&a&good&0&4",
        "Dog&a&good&2&6",
        "Dog&gone&x&0&4",
    ]
    root = write(tmp_path, **{
        "trainSet.txt": "\n".join(lines), "valSet.txt": "", "testSet.txt": "Cat&b&good&0&2",
        "AVE/a.mp4": "", "AVE/b.mp4": "",
    })  # fmt: skip
    made = layout("ave", root)
    cut = sorted((clip.label, start) for clip in made._clips for start in clip.starts or ())
    assert cut == [("Cat", 0), ("Cat", 7), ("Dog", 0)]
    assert made.notes()[0].startswith("held 2 of 3 listed clips")
    assert [one.clip for one in made.missing] == ["AVE/gone.mp4"]


def test_lists_whose_bytes_are_no_utf8_cost_the_lines_that_are_none(tmp_path):
    root = write(tmp_path, **{"a_000000.mp4": "", "b_000000.mp4": ""})
    (root / "vggsound.csv").write_bytes(b"a,0,dog,train\nb,0,caf\xe9,test\n")
    made = layout("vggsound", root)
    assert set(listed(made)) == {"a_000000.mp4"}
    assert reasons(made) == {"b_000000.mp4": r"its class (caf\xe9) is not valid UTF-8"}


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("vggsound", {}, "no vggsound.csv"),
        ("vggsound", {"vggsound.csv": "a,b,c,d\n"}, "line 1: expected id, start, label"),
        ("vegas", {}, "expected folders <class>/videos"),
        ("ave", {}, "no trainSet.txt"),
        (
            "ave",
            {"trainSet.txt": "x&y\n", "valSet.txt": "", "testSet.txt": ""},
            "line 1: expected Cat",
        ),
        (
            "ave",
            {"trainSet.txt": "dog&x&good&0&inf\n", "valSet.txt": "", "testSet.txt": ""},
            "line 1: expected Cat",
        ),
        ("wan2019", {}, "no lists in it"),
    ],
)
def test_a_folder_of_another_layout_is_refused(tmp_path, name, files, message):
    with pytest.raises(UserError, match=message):
        layout(name, write(tmp_path, **files))
