"""Two holders of different parts of one list are compared on what both hold."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import run

from a2ibench.contracts.dataset import Dataset
from a2ibench.data.features import bare_pairs
from a2ibench.data.held_list import HeldList, common_to_all, held_by, in_common, read_list
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.judging import load_judge
from a2ibench.evaluation.outside_inputs import write_list
from a2ibench.exchange.boards import make_boards
from a2ibench.exchange.exported_file import read_and_merge
from a2ibench.results.common_segments import score_on_common
from a2ibench.results.job_images import read_samples
from a2ibench.results.rescoring import make_scoring
from a2ibench.results.result_file import write_result
from a2ibench.results.sides import find_sides
from a2ibench.results.study import open_study
from a2ibench.types import DataKey, Pair

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


class Part(Dataset):
    """The part of a store that another holder has, whose decoder is a level brighter."""

    name = "part"
    Config = NoOptions
    sample_rate = 22_050
    store: PairStore

    def pairs(self) -> Iterator[Pair]:
        for row in sorted({*range(len(self.store))} - {*self.store.rows("test")[:2].tolist()}):
            here = self.store.index.iloc[row]
            image = np.minimum(self.store.images[row], 254) + np.uint8(1)
            yield Pair(image, self.store.waveform(row), here["label"], here["source"],
                       here["split"], here["start"])  # fmt: skip

    def __len__(self) -> int:
        return len(self.store) - 2


@pytest.fixture(scope="module")
def holders(
    small_store: Path,
    small_study: Path,
    hasty_judges: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder of two holders, A and B, with pairs and a barely trained study each."""
    root = tmp_path_factory.mktemp("holders")
    (root / "a").mkdir()
    (root / "a" / "pairs").symlink_to(small_store)
    (root / "study-a").symlink_to(small_study)
    Part.store = PairStore(small_store)
    prepare(Part(NoOptions()), root / "b" / "pairs")
    code, text = run(
        "run", "--model", "vae", "--dataset", root / "b" / "pairs", "--encoder", "logmel",
        "--seeds", 1, "--images", 96, "--metric", "is1_lite0", "--metric", "accuracy_resnet18",
        "--executor", "inline", "--tracking-uri", "none", "--out", root / "study-b",
    )  # fmt: skip
    assert code == 0, text
    return root


def compare(root: Path, *more: object) -> tuple[int, str]:
    code, text = run("compare", root / "study-a", root / "study-b", "--common", *more)
    return code, " ".join(text.split())


def test_studies_are_compared_on_the_segments_that_both_hold(holders: Path) -> None:
    code, text = run("compare", holders / "study-a", holders / "study-b")
    assert (code, "pairs (content of the store) differs" in text) == (2, True)
    code, text = compare(holders)
    assert code == 0, text
    clips = len({*held_by(PairStore(holders / "b" / "pairs")).source})
    assert (
        f"note: in common: 10 test segments of {clips} clips; A holds 12 and B 10 test segments"
        in text
    )
    assert "10 of 10 differ from B's, by 1 of 255 levels on average, at most 1 (" in text
    assert "note: left out: accuracy_resnet18: the judge is trained on clips that one side" in text
    assert "A: vae of study against B: vae of study-b (logmel)" in text
    assert f"1 × 10 ({clips} clips)" in text


def test_scores_are_those_of_the_common_pictures_alone(holders: Path) -> None:
    """The cosine is computed once more, from the judge's own answers for these pictures."""
    a, b = find_sides([str(holders / "study-a"), str(holders / "study-b")], None)
    scored = score_on_common((a, b), metrics=["iis_cos_lite0"])
    store = PairStore(holders / "a" / "pairs")
    assert in_common(
        held_by(store), held_by(PairStore(holders / "b" / "pairs"))
    ).first.tolist() == [*range(2, 12)]
    real = store.images[store.rows("test")[2:]]
    judge = load_judge("lite0", bare_pairs(store, "test"), DataKey("")).judge
    with torch.no_grad():
        r = judge.embed(real)["features"]
    for side, first, again in ((a, 2, scored.first), (b, 0, scored.second)):
        drawn = read_samples(side.row.results[0].folder).images[first:]
        x = judge.embed(drawn)["features"]
        cosine = (x * r).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(r, axis=1)
        scores = again.row.scores(["iis_cos_lite0"]).scores["iis_cos_lite0"]
        assert scores.values[0] == pytest.approx(cosine.mean(), rel=1e-5)
        assert (scores.n, scores.blocks.shape) == (10, (1, scores.clips))


def test_a_list_stands_for_pairs_that_are_not_at_hand(holders: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "b.csv"
    pairs = PairStore(holders / "b" / "pairs")
    assert write_list(pairs, np.arange(0), sheet) == 10
    assert read_list(sheet) == held_by(pairs)
    head, *lines = sheet.read_text().splitlines(keepends=True)
    resorted = tmp_path / "resorted.csv"
    resorted.write_text("".join([head, *sorted(lines, reverse=True)]))
    assert read_list(resorted) == held_by(pairs)
    with_pairs = compare(holders)[1]
    moved = shutil.move(holders / "b" / "pairs", tmp_path / "pairs")
    try:
        code, text = compare(holders)
        assert (code, "A list of its test segments will do: --dataset-b LIST.csv" in text) == (
            2,
            True,
        )
        code, text = compare(holders, "--dataset-b", sheet)
        assert (code, text) == (0, with_pairs)
        assert compare(holders, "--dataset-b", tmp_path / "pairs") == (0, with_pairs)
        with sheet.open("a") as stream:
            stream.write("99,more,0,dog,99.png,\n")
        code, text = compare(holders, "--dataset-b", sheet)
        assert (code, "pictures of 10 test segments, the list of its pairs has 11" in text) == (
            2,
            True,
        )
    finally:
        shutil.move(moved, holders / "b" / "pairs")


def test_exports_on_common_segments_stand_on_one_leaderboard(holders: Path, tmp_path: Path) -> None:
    files = []
    for name, other in ("ab", "ba"):
        sheet, out = tmp_path / f"{other}.csv", tmp_path / f"{name}.json"
        write_list(PairStore(holders / other / "pairs"), np.arange(0), sheet)
        code, text = run("results", "export", holders / f"study-{name}", "--common", sheet,
                         "--name", "list", "--out", out)  # fmt: skip
        assert (code, "in common: 10 test segments of" in text) == (0, True), text
        whole = tmp_path / f"whole-{name}.json"
        assert run("results", "export", holders / f"study-{name}", "--out", whole)[0] == 0
        files += [out, whole]
    contents = [json.loads(one.read_text())["content"] for one in files]
    mine, whole, theirs, _ = (set(content["pairs"]) for content in contents)
    assert mine == theirs != whole
    lists = [next(iter(content["pairs"].values()))["list_hash"] for content in contents]
    assert lists[0] == lists[2] != lists[1]
    boards = make_boards(read_and_merge(files))
    (board,) = (one for one in boards if one.dataset == "list, 10 common test segments")
    assert len(boards) == 3
    assert len(board.methods) == 2
    assert [row.scores["is1_lite0"].n for row in board.methods] == [10, 10]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("--metric", "accuracy_resnet18"), "the judge is trained on clips that one side holds"),
        (("--metric", "kid_lite0"), "needs at least 20 test segments, there are 10"),
        (("--fail-if-worse", "rprec1_own"), "rprec1_own: the judge is a method's own"),
        (("--dataset-a", "b/pairs"), "--dataset-a DIR names the folder that holds them"),
        (
            ("--dataset-b", "study-b/study.json"),
            "no list of test segments (line 1: no column source",
        ),
    ],
)
def test_what_cannot_be_compared_fairly_is_refused(
    holders: Path, wanted: tuple[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(holders)
    code, text = compare(holders, *wanted)
    assert (code, said in text) == (2, True), text


@pytest.fixture
def changed(holders: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of B's study whose results are changed in some of their values."""

    def make(**values: object) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(holders / "study-b", folder)
        for path in folder.glob("jobs/*/result.json"):
            stored = json.loads(path.read_text())
            for name, value in values.items():
                place, _, key = name.rpartition("__")
                (stored[place] if place else stored)[key] = value
            write_result(path.parent, stored)
        return folder

    return make


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"protocol": 1}, "protocol differs"),
        ({"job__encoder": "another"}, "encoder differs"),
        ({"spec__image_size": 64}, "A draws pictures of 32 px, B of 64 px"),
        ({"segment_seconds": 4.0}, "the sounds of A last 1 s, those of B 4 s"),
    ],
)
def test_studies_that_differ_in_more_than_their_clips_are_refused(
    holders: Path, changed: Callable[..., Path], values: dict[str, object], said: str
) -> None:
    code, text = run("compare", holders / "study-a", changed(**values), "--common")
    assert (code, said in text) == (2, True), text


def test_pictures_that_were_not_kept_and_pairs_that_are_the_same_are_refused(
    holders: Path, changed: Callable[..., Path]
) -> None:
    folder = changed()
    code, text = run("compare", holders / "study-b", folder, "--common")
    assert (code, "A and B were run on the same pairs" in text) == (2, True), text
    for row in open_study(folder).rows:
        shutil.rmtree(row.jobs[0].folder / "samples")
    code, text = run("compare", holders / "study-a", folder, "--common")
    assert (code, "samples: damaged or missing" in text) == (2, True), text
    code, text = run("compare", holders / "study-a", folder, "--dataset-b", "z")
    assert (code, "--dataset-b: only with --common" in text) == (2, True), text


def test_lists_without_a_common_segment_are_named_with_an_example(
    holders: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "other.csv"
    sheet.write_text("row,source,start,label\n" + 2 * "4,mine,1.5,dog\n")
    code, text = compare(holders, "--dataset-b", sheet)
    assert (code, "its column row has a number twice" in text) == (2, True), text
    sheet.write_text("source,start,label\nmine,1.5,dog\n")
    code, text = compare(holders, "--dataset-b", sheet)
    assert (code, "of 1 test segment there, none is among the 12 here" in text) == (2, True), text
    assert "here and mine at 1.5 s (dog) there" in text
    for bad in ("mine,,dog", "mine,-1,dog", "mine,nan,dog", "mine,1", "mine,early,dog"):
        sheet.write_text(f"source,start,label\n{bad}\n")
        code, text = compare(holders, "--dataset-b", sheet)
        assert (code, "other.csv: no list of test segments (line 2: " in text) == (2, True), text


def test_segments_are_the_same_by_clip_time_class_and_picture() -> None:
    own = HeldList(("a", "a", "a", "b", "c", "d", "d"), (0, 0, 500, 0, 0, 0, 0), tuple("xxxxxxx"))
    other = HeldList(("d", "c", "a", "a", "b"), (0, 0, 0, 0, 1), tuple("xyxxx"))
    common = in_common(own, other)
    # Of d it cannot be told which of two is meant.
    assert common.first.tolist() == [0, 1]
    assert common.second.tolist() == [2, 3]
    assert common.relabelled == 1


def test_what_is_common_to_all_lists_does_not_depend_on_their_order() -> None:
    own = HeldList(("a", "a"), (0, 0), ("x", "y"))
    others = [
        ("B", HeldList(("a", "a"), (0, 0), ("x", "z"))),
        ("C", HeldList(("a", "a"), (0, 0), ("x", "y"))),
    ]
    assert common_to_all(own, others).tolist() == [0]
    assert common_to_all(own, others[::-1]).tolist() == [0]


def test_of_the_usual_metrics_those_whose_judge_is_not_here_are_left_out(
    small_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2IBENCH_CLIP_B32_WEIGHTS", raising=False)
    store, rows = PairStore(small_store), np.arange(12)
    scoring = make_scoring(store, rows, ["iis_cos_lite0", "iis_cos_clip_b32"])
    assert [metric.name for metric in scoring.metrics] == ["iis_cos_lite0"]
    (note,) = scoring.notes
    assert "left out: iis_cos_clip_b32: " in note
    assert "A2IBENCH_CLIP_B32_WEIGHTS" in note
    with pytest.raises(UserError, match="A2IBENCH_CLIP_B32_WEIGHTS"):
        make_scoring(store, rows, ["iis_cos_lite0"], ["iis_cos_clip_b32"])
    with pytest.raises(UserError, match="kid_simclr: the judge is trained"):
        make_scoring(store, rows, ["iis_cos_lite0"], ["kid_simclr"])


def test_names_that_a_spreadsheet_would_run_or_rewrite_come_back_from_a_list(
    small_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, sheet = PairStore(small_store), tmp_path / "list.csv"
    held = held_by(store)
    odd = HeldList(("=1+2", "-W1", "007", *held.source[3:]), held.start, ("1e5", *held.label[1:]))
    monkeypatch.setattr("a2ibench.evaluation.outside_inputs.held_by", lambda store: odd)
    write_list(store, np.arange(0), sheet)
    assert read_list(sheet) == odd
    for line in sheet.read_text().splitlines()[1:4]:
        _, source, _, label, *_ = line.split(",")
        assert source[0] == "'"
        assert label[0] in "'bs"
