"""What a later command in the folder of a study does to what is there."""

import json
from pathlib import Path
from typing import Any

import pytest
from made_up import run

from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study
from a2ibench.runs import run_study

pytestmark = pytest.mark.integration

COMMAND = (
    "run", "--encoder", "logmel", "--images", 96, "--executor", "inline", "--tracking-uri", "none",
)  # fmt: skip


@pytest.fixture(scope="module")
def pairs(small_store: Path) -> tuple[object, ...]:
    return ("--dataset", small_store)


def scored(folder: Path, *command: object) -> JobState:
    """Run a command; return the first job of its one method."""
    code, text = run(*command)
    assert code == 0, text
    (job,) = (row.jobs[0] for row in open_study(folder).rows if row.kind == "model")
    return job


def about(folder: Path) -> dict[str, object]:
    return json.loads((folder / "study.json").read_text())  # type: ignore[no-any-return]


def test_declared_questions_outlast_a_command_that_names_other_metrics(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    first = (*COMMAND, *pairs, "--model", "vae", "--model", "cvae", "--out", tmp_path)
    asked = ("--metric", "is1_lite0", "--primary-metric", "is1_lite0", "--contrast", "vae vs cvae")
    code, text = run(*first, *asked)
    assert code == 0, text
    declared = about(tmp_path)["primary"]
    code, text = run(*first, "--metric", "iis_cos_lite0")
    assert code == 0, text
    assert about(tmp_path)["primary"] == declared
    assert set(about(tmp_path)["metrics"]) == {"is1_lite0", "iis_cos_lite0"}  # type: ignore[arg-type]
    code, text = run(*COMMAND, *pairs, "--model", "vae", "--out", tmp_path)
    assert (code, "declared for questions that this command does not answer" in text) == (2, True)
    assert about(tmp_path)["primary"] == declared


def test_a_model_that_is_trained_again_for_a_new_metric_keeps_no_score_of_other_weights(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    command = (*COMMAND, *pairs, "--model", "vae", "--seeds", 1, "--out", tmp_path)
    job = scored(tmp_path, *command, "--metric", "is1_lite0")
    (job.folder / "checkpoint.safetensors").unlink()
    stored = json.loads((job.folder / "result.json").read_text())
    true = stored["metrics"]["is1_lite0"]["value"]
    stored["weights"], stored["metrics"]["is1_lite0"]["value"] = "0" * 64, 1234.0
    write_result(job.folder, stored)
    again = scored(tmp_path, *command, "--metric", "is1_lite0", "--metric", "iis_cos_lite0")
    assert again.result is not None
    assert again.result.metrics["is1_lite0"].value == true
    assert any("trained again" in note for note in again.result.notes)


def test_what_is_said_of_a_result_and_the_time_it_took_stay_when_a_metric_is_added(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    command = (*COMMAND, *pairs, "--model", "vae", "--seeds", 1, "--out", tmp_path)
    job = scored(tmp_path, *command, "--metric", "is1_lite0")
    stored = json.loads((job.folder / "result.json").read_text())
    stored["notes"], stored["evaluation_seconds"] = ["said before"], 1000.0
    write_result(job.folder, stored)
    again = scored(tmp_path, *command, "--metric", "is1_lite0", "--metric", "iis_cos_lite0")
    assert again.result is not None
    assert again.result.notes == ["said before"]
    assert again.result.evaluation_seconds is not None
    assert again.result.evaluation_seconds > 1000


PLUGIN = """
from a2ibench.registry import metrics
from a2ibench.contracts.metric import Metric

@metrics.register
class {name}(Metric):
    title, judge, bounds = "{name}", "lite0", (0.0, 1.0)

    def compute(self, outputs):
        return outputs.generated["features"][:, 0] * 0
"""


def test_the_files_that_are_kept_with_a_job_are_those_of_the_last_command(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    """Two copies of one file would register one name twice."""
    for name in ("One", "Two"):
        (tmp_path / f"{name.lower()}.py").write_text(PLUGIN.format(name=name))
    command = (*COMMAND, *pairs, "--model", "vae", "--seeds", 1, "--out", tmp_path / "study")
    one, two = (("--plugin", tmp_path / f"{name}.py") for name in ("one", "two"))
    code, text = run(*command, *one, "--metric", "one")
    assert code == 0, text
    code, text = run(*command, *two, *one, "--metric", "one", "--metric", "two")
    assert code == 0, text
    (job,) = (row.jobs[0] for row in open_study(tmp_path / "study").rows if row.kind == "model")
    kept = sorted(path.name for path in (job.folder / "plugins").glob("*.py"))
    assert kept == ["0_two.py", "1_one.py"]
    # As the page says: with the copies, which are neither renamed nor doubled.
    copies = [part for name in kept for part in ("--plugin", job.folder / "plugins" / name)]
    metrics = ("--metric", "one", "--metric", "two", "--metric", "is1_lite0")
    code, text = run(*command, *copies, *metrics)
    assert code == 0, text
    assert kept == sorted(path.name for path in (job.folder / "plugins").glob("*.py"))


def test_a_result_that_names_no_weights_is_extended_from_its_checkpoint(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    """Earlier versions did not write them."""
    command = (*COMMAND, *pairs, "--model", "vae", "--seeds", 1, "--out", tmp_path)
    job = scored(tmp_path, *command, "--metric", "is1_lite0")
    stored = json.loads((job.folder / "result.json").read_text())
    del stored["weights"]
    write_result(job.folder, stored)
    again = scored(tmp_path, *command, "--metric", "is1_lite0", "--metric", "iis_cos_lite0")
    assert again.result is not None
    assert not any("trained again" in note for note in again.result.notes)


@pytest.mark.parametrize("owner", ["arcade.games=pong", "soundnet8.layer=conv5"])
def test_an_option_of_a_dataset_or_encoder_that_is_not_used_is_refused(
    pairs: tuple[object, ...], owner: str, tmp_path: Path
) -> None:
    code, text = run(*COMMAND, *pairs, "--model", "vae", "--set", owner, "--out", tmp_path / "out")
    assert (code, owner.partition(".")[0] in text) == (2, True), text
    assert not (tmp_path / "out").exists()


def drawn(pairs: tuple[object, ...], folder: Path) -> Path:
    """A folder of images for the test segments: the real ones."""
    from PIL import Image

    from a2ibench.data.store import PairStore

    store = PairStore(Path(str(pairs[1])))
    folder.mkdir()
    for row in store.rows("test").tolist():
        Image.fromarray(store.images[row]).save(folder / f"{row}.png")
    return folder


def test_a_row_that_another_command_adds_meanwhile_is_not_written_over(
    pairs: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, out = drawn(pairs, tmp_path / "theirs"), tmp_path / "study"
    prepare = run_study.prepare_study

    def slow(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        code, text = run(
            "evaluate", *pairs, "--encoder", "logmel", "--images", theirs, "--out", out,
            "--metric", "is1_lite0",
        )  # fmt: skip
        assert code == 0, text
        return prepared

    monkeypatch.setattr(run_study, "prepare_study", slow)
    command = (*COMMAND, *pairs, "--model", "vae", "--metric", "is1_lite0", "--out", out)
    code, text = run(*command)
    assert (code, "another command changed this study" in text) == (2, True), text
    monkeypatch.undo()
    code, text = run(*command)
    assert code == 0, text
    assert {"vae", "theirs"} <= set(about(out)["jobs"])  # type: ignore[arg-type]


def test_a_model_does_not_take_the_name_of_an_outside_system(
    pairs: tuple[object, ...], tmp_path: Path
) -> None:
    images, out = drawn(pairs, tmp_path / "theirs"), tmp_path / "study"
    code, text = run(
        "evaluate", *pairs, "--encoder", "logmel", "--images", images, "--name", "vae",
        "--out", out, "--metric", "is1_lite0",
    )  # fmt: skip
    assert code == 0, text
    before = about(out)["jobs"]
    code, text = run(*COMMAND, *pairs, "--model", "vae", "--metric", "is1_lite0", "--out", out)
    assert (code, "has an outside system of the name 'vae'" in text) == (2, True), text
    assert about(out)["jobs"] == before
