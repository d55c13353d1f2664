"""What a study is refused for is known before any work, and a dry run refuses the same."""

import json
import os
import re
from collections import namedtuple
from pathlib import Path
from urllib.error import URLError

import psutil
import pytest
from click.testing import CliRunner, Result
from planted import good_pairs, write

from a2ibench.cli import main
from a2ibench.data.store import PairStore
from a2ibench.results.result_file import write_result
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.study_lock import at_work

MODEL = ("--model", "vae", "--encoder", "logmel", "--images", "64", "--executor", "inline",
         "--seeds", "1", "--tracking-uri", "none")  # fmt: skip
QUICK = ("--metric", "msssim_diversity")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(good_pairs(), tmp_path_factory.mktemp("pairs") / "pairs").root


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = [pair for pair in good_pairs() if pair["source"] != "dog-0"]
    config = {"folds": 5, "fold": 0}
    return write(kept, tmp_path_factory.mktemp("few") / "few", config=config).root


def refused(*arguments: object) -> str:
    """What both a run and its dry run say; neither has encoded anything."""
    said = []
    for more in ((), ("--dry-run",)):
        done = call("run", *arguments, *more)
        assert done.exit_code == 2, done.output
        line = done.output.strip().splitlines()[-1]
        said.append(re.sub(r"[\d.]+ GB available", "some memory", line))
    assert said[0] == said[1]
    return said[0]


def offline(*_: object, **__: object) -> None:
    raise URLError("no route to host")


def test_a_metric_that_cannot_be_had_is_refused_before_pairs_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("A2IBENCH_INCEPTION_WEIGHTS", raising=False)
    monkeypatch.setattr("torch.hub.urlopen", offline)
    monkeypatch.setattr("urllib.request.urlopen", offline)
    space = tmp_path / "space.yaml"
    space.write_text("lr: {log: [1e-5, 1e-2]}\n", encoding="utf-8")
    tune = ("tune", "--space", space, "--trials", 1, "--encoder", "logmel", "--model", "vae")
    for command in (("run", *MODEL), tune):
        asked = (*command, "--dataset", "synthetic", "--out", tmp_path / "study", "--metric")
        done = call(*asked, "nonsense")
        assert (done.exit_code, "unknown metric 'nonsense'" in done.output) == (2, True)
        done = call(*asked, "rprec[judge=nobody]")
        assert (done.exit_code, "'nobody'" in done.output) == (2, True)
        done = call(*asked, "kid_inceptionv3")
        assert done.exit_code == 2, done.output
        assert "error: metric kid_inceptionv3: judge inceptionv3: " in done.output
        assert "(<urlopen error no route to host>); fetch that file" in done.output
    assert not list((tmp_path / "cache").glob("stores/*"))
    assert not (tmp_path / "study").exists()


def features() -> list[str]:
    folder = Path(os.environ["A2IBENCH_CACHE"]) / "features"
    return sorted(path.name for path in folder.glob("*.npy"))


def test_a_class_with_too_few_clips_is_refused_before_anything_is_encoded(
    few: Path, tmp_path: Path
) -> None:
    before = features()
    study = tmp_path / "study"
    said = refused("--dataset", few, "--metric", "accuracy_resnet18", *MODEL, "--out", study)
    assert "class 'dog' has 6 clips, 4 for training and 2 for the test" in said
    assert "--set folds=6" in said
    assert features() == before
    assert not study.exists()
    # Judges that are not trained need no clips.
    done = call("run", "--dataset", few, *QUICK, *MODEL, "--out", study, "--dry-run")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--metric", "rprec1_i2a_lite0"), "metric rprec1_i2a_lite0: "),
        ((*QUICK, "--set", "logmel.mels=0"), "logmel"),
        ((*QUICK, "--executor", "process", "--gpus-per-trial", "7"), "needs --executor ray"),
        ((*QUICK, "--executor", "ray", "--gpus-per-trial", "16"), "no trial could start"),
        ((*QUICK, "--executor", "ray", "--ray-address", "127.0.0.1:9"), "no Ray cluster answers"),
    ],
)
def test_both_refuse_what_was_asked_for_in_vain(
    pairs: Path, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    out = tmp_path / "study"
    assert expected in refused("--dataset", pairs, *MODEL, *arguments, "--out", out)
    assert not out.exists()


def test_both_refuse_too_little_memory(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory = namedtuple("Memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(1e9))
    said = refused("--dataset", pairs, *QUICK, *MODEL, "--out", tmp_path / "study")
    assert "some memory: no trial could start" in said


def test_both_refuse_pictures_of_a_size_that_a_model_does_not_take(tmp_path: Path) -> None:
    odd = [{**pair, "image": pair["image"][:48, :48].copy()} for pair in good_pairs()]
    root = write(odd, tmp_path / "odd").root
    said = refused("--dataset", root, *QUICK, *MODEL, "--out", tmp_path / "study")
    assert "vae: cannot be built for these pairs (48 × 48 px)" in said
    assert "--set image_size" in said


def test_a_model_that_refuses_its_options_is_not_blamed_on_the_pairs(
    pairs: Path, tmp_path: Path
) -> None:
    arguments = ("--model", "adapter", *MODEL[2:])
    said = refused("--dataset", pairs, *QUICK, *arguments, "--out", tmp_path / "study")
    assert "adapter.pipeline=FOLDER names the pipeline" in said
    assert "cannot be built for these pairs" not in said
    assert "image_size" not in said


def test_a_home_folder_of_nobody_is_no_such_folder(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for command in (
        ("run", "--dataset", "~nobody_at_all/x", *QUICK, *MODEL, "--out", study),
        ("data", "prepare", "~nobody_at_all/x", "--out", study),
    ):
        done = call(*command)
        assert done.exit_code == 2, done.output
        assert "error: " in done.output
        assert "~nobody_at_all/x" in done.output
    assert not study.exists()


def test_both_refuse_a_folder_that_is_a_file_or_busy(pairs: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    asked = ("--dataset", pairs, *QUICK, *MODEL, "--out")
    assert "is a file" in refused(*asked, file)
    assert "not a folder" in refused(*asked, file / "study")
    assert file.read_text() == "mine"
    with at_work(tmp_path / "busy"):
        assert "another command is at work there" in refused(*asked, tmp_path / "busy")


@pytest.mark.integration
def test_what_was_looked_at_first_is_not_looked_at_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    room = Inline.room
    monkeypatch.setattr(Inline, "room", lambda self, tasks: looked.append(1) or room(self, tasks))
    study = tmp_path / "study"
    asked = ("run", "--dataset", pairs, *QUICK, *MODEL, "--out", study)
    done = call(*asked)
    assert done.exit_code == 0, done.output
    assert len(looked) == 2, "before anything, and by the executor itself"

    # An outside system that saw other pairs.
    truth = json.loads((study / "study.json").read_text())["jobs"]["ground truth"][0]
    result = json.loads((study / "jobs" / truth / "result.json").read_text())
    result["job"] |= {"kind": "outside", "method": "theirs", "store": "other"}
    result |= {"key": "theirs", "outside": {"folder": "x", "notes": []}, "files": {}}
    write_result(study / "jobs" / "theirs", result)
    about = json.loads((study / "study.json").read_text())
    about["jobs"]["theirs"] = ["theirs"]
    (study / "study.json").write_text(json.dumps(about))
    done = call(*asked)
    assert done.exit_code == 0, done.output
    assert " ".join(done.output.split()).count("left out: outside system theirs") == 1


@pytest.mark.integration
def test_a_leak_that_was_found_is_told_by_the_run_its_verdict_and_its_page(tmp_path: Path) -> None:
    leaking = good_pairs()
    tested = next(pair for pair in leaking if pair["source"] == "dog-5")
    leaking.append({**tested, "source": "dog-again", "split": "train"})
    root = write(leaking, tmp_path / "pairs").root
    study = tmp_path / "study"
    asked = ("run", "--dataset", root, *QUICK, *MODEL, "--out", study)

    done = call(*asked, "--dry-run")
    assert f"never checked: a2ibench data check {root}" in done.output.replace("\n", "")
    assert "by a guess of" in done.output
    assert call("data", "check", root).exit_code == 1
    done = call(*asked)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "warning: The pairs leak (2 leaks found by their last check)" in said
    assert "verdict: The pairs leak (2 leaks found by their last check): scores on them" in said
    assert json.loads((study / "study.json").read_text())["check"]["leaks"] == 2
    page = (study / "report.html").read_text()
    assert "1 picture of dog-again also in dog-5" in page or "picture of dog-5 also in" in page

    # What was measured is known to the next: no guess.
    done = call(*asked, "--dry-run", "--seeds", "2")
    assert "by the images/s of earlier ones here (vae" in " ".join(done.output.split())

    # The correction that the check proposes ends the leak, and the pairs are to be checked again.
    assert call("data", "clean", root, "--apply", root / "check.csv").exit_code == 0
    done = call(*asked, "--dry-run")
    assert "last checked before the labels were corrected" in " ".join(done.output.split())
    assert call("data", "check", root).exit_code == 0
    done = call(*asked, "--dry-run")
    assert "pairs checked: nothing found" in " ".join(done.output.split())
    assert PairStore(root).corrections
