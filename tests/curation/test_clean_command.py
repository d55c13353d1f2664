"""``a2ibench data clean``: find, decide, apply, study, undo."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench import config
from a2ibench.cli import main
from a2ibench.curation.corrections import undo, write_corrections
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.results.job_state import JobState
from a2ibench.runs.prepare import prepare_study
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request
from a2ibench.types import Part
from a2ibench_plugins.datasets.synthetic import Synthetic

pytestmark = pytest.mark.integration

WRONG = {"baseball/train-3": "soccer", "soccer/test-2": "dam", "dam/train-5": "baseball"}
RUN = [
    "--encoder", "logmel", "--model", "vae", "--images", "96", "--metric", "is1_lite0",
    "--seeds", "1", "--executor", "inline", "--tracking-uri", "none",
]  # fmt: skip


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class Mislabelled(Synthetic):
    """Three sources have another one's label."""

    name = "mislabelled"

    def parts(self, skip: int = 0) -> Iterator[Part]:
        for part in super().parts(skip):
            yield Part([replace(p, label=WRONG.get(p.source, p.label)) for p in part.pairs])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clean") / "store"
    options = {"classes": 3, "train": 20, "test": 12, "pairs_per_source": 2, "image_size": 32,
               "seconds": 1}  # fmt: skip
    prepare(Mislabelled(config.build(Synthetic.Config, options, "synthetic")), root)
    return root


@pytest.fixture(scope="module")
def found(root: Path) -> str:
    done = call("data", "clean", root, "--encoder", "logmel")
    assert done.exit_code == 0, done.output
    return done.output


def sheet(root: Path) -> list[dict[str, str]]:
    with (root / "label_errors.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_planted_errors_are_on_the_sheet_and_a_clip_is_one_line(root: Path, found: str) -> None:
    clips = [line for line in sheet(root) if line["covers"] == "clip"]
    assert {line["source"] for line in clips} == set(WRONG)
    for line in clips:
        assert line["suggested"] == line["source"].partition("/")[0]
        assert (line["label"], line["decision"]) == (WRONG[line["source"]], "")
    assert "3 clips and" in found
    assert "left" in found or "after" in found  # progress


def test_decisions_change_the_store_until_they_are_undone(root: Path, found: str) -> None:
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    original = PairStore(root)
    done = call("data", "clean", root, "--apply")
    assert done.exit_code == 0, done.output
    assert "no corrections" in done.output
    assert "lines with suspects are undecided" in done.output

    lines = sheet(root)
    for line in lines:
        if line["covers"] == "clip":
            line["decision"] = "drop" if line["split"] == "train" else line["suggested"]
    mine = root.parent / "mine.csv"
    with mine.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(lines)
    done = call("data", "clean", root, "--apply", mine)
    assert done.exit_code == 0, done.output
    assert "4 pairs left out, 2 relabelled" in done.output
    assert "2 test pairs changed: this is a different benchmark" in done.output
    corrected = PairStore(root)
    assert corrected.content_hash != original.content_hash
    assert corrected.counts == {"train": 56, "test": 36}

    study = root.parent / "study"
    done = call("run", "--dataset", root, "--out", study, *RUN)
    assert done.exit_code == 0, done.output
    assert "56 training and 36 test pairs, 3 classes" in done.output

    # What was decided stays on the next sheet, and is no suspect any more.
    done = call("data", "clean", root, "--encoder", "logmel")
    assert done.exit_code == 0, done.output
    assert "earlier decisions carried over: " in done.output
    done = call("data", "clean", root, "--apply")
    assert done.exit_code == 0, done.output
    assert "earlier corrections replaced: 6" in done.output
    assert PairStore(root).corrections == corrected.corrections

    done = call("data", "clean", root, "--undo")
    assert done.exit_code == 0, done.output
    assert original.content_hash in done.output
    (root / "label_errors.csv").write_bytes(before["label_errors.csv"])
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


def test_auto_says_how_many_it_accepts(root: Path, found: str) -> None:
    done = call("data", "clean", root, "--apply", "--auto", "--quality", "0.5")
    assert done.exit_code == 0, done.output
    dropped = len(PairStore(root).corrections)
    assert dropped >= 6
    assert f"{dropped} of these pairs were decided by --auto drop" in done.output
    done = call("data", "clean", root, "--apply", "--auto", "relabel", "--quality", "0")
    assert done.exit_code == 0, done.output
    assert PairStore(root).corrections == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--undo", "--apply"], "give one of them"),
        (["--auto"], "give both"),
        (["--apply", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--apply", "--auto", "--quality", "2"], "not in the range"),
        (["--apply", "--auto", "--quality", "nan"], "nan is not a finite number"),
        (["--apply", "--quality", "0.2"], "--quality belongs to --auto: give both"),
        (["--quality", "0.2"], "--quality belongs to --auto: give both"),
        (["--apply", "--encoder", "nonsense"], "--encoder: no effect with --apply"),
        (["--apply", "--judge", "lite0", "--set", "a.b=1"], "--judge, --set: no effect with"),
        (["--undo", "--encoder", "soundnet8"], "--encoder: no effect with --undo"),
        (["--undo", "--plugin", "nowhere.py"], "--plugin: no effect with --undo"),
        (["--encoder", "logml"], "did you mean logmel"),
        (["--encoder", "logmel", "--judge", "lite"], "did you mean lite0"),
        (["--encoder", "logmel", "--judge", "resnet18"], "trained on the labels"),
        (["--encoder", "logmel", "--set", "soundnet8.layer=conv7"], "unknown owner of an option"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2(
    root: Path, arguments: list[str], expected: str
) -> None:
    done = call("data", "clean", root, *arguments)
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert not (root / "corrections.csv").exists()


def test_a_wrong_decision_names_file_and_line_and_changes_nothing(
    root: Path, tmp_path: Path
) -> None:
    index = PairStore(root).stored_index()
    path = tmp_path / "mine.csv"
    path.write_text(
        f"row,covers,source,label,decision\n0,segment,{index['source'][0]},{index['label'][0]},x\n"
    )
    done = call("data", "clean", root, "--apply", path)
    assert done.exit_code == 2
    assert "mine.csv, line 2: unknown decision 'x'" in " ".join(done.output.split())
    assert not (root / "corrections.csv").exists()


def test_a_sheet_that_was_changed_is_set_aside_and_a_new_one_is_written(
    root: Path, found: str
) -> None:
    path = root / "label_errors.csv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"baseball/train-3", b"baseball/train-x"))
    changed = path.read_bytes()
    assert changed != before
    done = call("data", "clean", root, "--encoder", "logmel")
    assert done.exit_code == 0, done.output
    assert "it is now" in done.output
    assert path.read_bytes() == before
    old = root / "label_errors.csv.old"
    assert old.read_bytes() == changed
    old.unlink()


def test_a_wrong_decision_on_the_old_sheet_is_told_before_the_search(
    root: Path, found: str
) -> None:
    path = root / "label_errors.csv"
    before = path.read_bytes()
    lines = sheet(root)
    lines[0]["decision"] = "drpo"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    mistaken = path.read_bytes()
    done = call("data", "clean", root, "--encoder", "logmel")
    assert done.exit_code == 2, done.output
    assert "label_errors.csv, line 2: unknown decision 'drpo'" in " ".join(done.output.split())
    assert "encoding" not in done.output
    assert path.read_bytes() == mistaken
    path.write_bytes(before)


def test_a_study_does_not_go_on_with_labels_that_changed_under_it(
    root: Path, tmp_path: Path
) -> None:
    request = Request(
        models=("vae",), dataset=str(root), encoder="logmel", seeds=1, images=(64,),
        metrics=("is1_lite0",), folder=tmp_path,
    )  # fmt: skip
    task = prepare_study(request, lambda name: lambda done, total: None, lambda line: None).tasks[0]
    write_corrections(root, {0: ""})
    Trial.of(task)()
    assert "no longer those of the study" in (JobState(task.folder).failure or "")
    undo(root)
    Trial.of(task)()
    assert JobState(task.folder).failure is None


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    for arguments in ([], ["--apply"], ["--undo"]):
        done = call("data", "clean", tmp_path, *arguments)
        assert done.exit_code == 2
        assert "not a pair store" in done.output


def test_a_judge_without_features_is_refused_before_any_sound_is_encoded(root: Path) -> None:
    done = call("data", "clean", root, "--encoder", "logmel", "--judge", "pixels")
    assert done.exit_code == 2
    assert "judge pixels gives" in done.output
    assert "encoding" not in done.output
