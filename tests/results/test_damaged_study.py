"""A damaged file costs its job and nothing else; what failed or was damaged heals."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_up import run, study

from a2ibench.cli import main
from a2ibench.results import read_record, records
from a2ibench.results.job import Environment, Job, Task
from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import write_result
from a2ibench.results.status import read_status
from a2ibench.results.study import open_study
from a2ibench.results.study_pairs import open_store
from a2ibench.runs.time_estimate import _left, estimate
from a2ibench.runs.trial import Trial
from a2ibench.storage import content_key, set_aside, write_json
from a2ibench.tracking.params_and_metrics import study_note

JOB = "ours-1"


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def without(name: str) -> Callable[[Path], None]:
    return lambda path: changed(path, lambda content: content.pop(name))


def having(**values: Any) -> Callable[[Path], None]:
    return lambda path: changed(path, lambda content: content.update(values))


def score(**values: Any) -> Callable[[Path], None]:
    return lambda path: changed(path, lambda one: one["metrics"]["is1_lite0"].update(values))


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content) and None


DAMAGES = {
    "empty": text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:200]) and None,
    "no text": lambda path: path.write_bytes(b"\xff\xfe{}") and None,
    "another type": text("[1, 2]"),
    "nested deeply": text("[" * 20_000 + "]" * 20_000),
    "a key missing": without("metrics"),
    "no job": having(job=None),
    "another kind": lambda path: changed(path, lambda one: one["job"].update(kind="hen")),
    "a number that is text": score(value="0.5"),
    "no number": score(value=float("nan")),
    "a huge number": score(n=10**400),
    "scores as a list": having(metrics=[]),
    "a curve without steps": having(curve=[{"loss": 1.0}]),
    "a curve that is none": having(curve={"step": "x"}),
    "another job's": having(key="vae-1"),
    "another checksum": having(checksum="0" * 20),
    "another file beside it": having(files={"blocks.parquet": "0" * 64}),
    "a file out of the folder": having(files={"../../study.json": "0" * 64}),
    "no images": lambda path: changed(path, lambda one: one["job"].update(kind="outside")),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_result_costs_its_job_and_is_named(tmp_path: Path, kind: str) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    job = folder / "jobs" / JOB
    assert JobState(job).result is not None
    DAMAGES[kind](job / "result.json")
    state = JobState(job)
    assert state.result is None
    why = state.damage
    assert why is not None
    assert len(why) < 500
    assert state.failure == f"{why}; the study's command computes it again"
    code, said = run("status", folder)
    assert (code, f"ours, seed 1: failed: {why[:40]}" in said) == (0, True), said
    code, said = run("compare", f"{folder}:vae", f"{folder}:ours", "--metric", "is1_lite0")
    assert (code, f"Left out: B: job {JOB}: {why}." in said) == (0, True), said
    assert "Seeds: A 0, 1, 2; B 0, 2." in said


def test_report_goes_on_without_damaged_jobs_and_names_them(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    (folder / "jobs" / JOB / "result.json").write_text("{")
    (folder / "jobs" / "vae-0" / "failure.json").write_text("3")
    (folder / "jobs" / "vae-0" / "result.json").unlink()
    for name in ("progress.json", f"jobs/{JOB}/system.json"):
        (folder / name).write_text('{"trials": 3}')
    code, said = run("report", folder)
    assert code == 0, said
    quality = (folder / "tables" / "quality.md").read_text()
    assert "Failed: ours, seed 1: result.json is damaged (Expecting property name" in quality
    assert "Failed: vae, seed 0: failure.json is damaged (" in quality
    assert "4 of 6 jobs have a result" in quality


@pytest.mark.parametrize(
    "damage",
    [
        text("{"), text("3"), without("jobs"), having(jobs={"vae": []}), having(seeds=10**30),
        having(jobs={"vae": ["../../../etc"]}), having(metrics={"a": 1}), having(arms={"vae": 1}),
        having(pairs={"models": "x"}), having(models=[None]),
    ],
)  # fmt: skip
def test_a_damaged_study_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = study(tmp_path / "a study", {"vae": 0.0, "ours": 0.05})
    (folder / "study.yaml").write_text("models: [vae, ours]")
    damage(folder / "study.json")
    for arguments in (("report", folder), ("status", folder), ("compare", folder, folder)):
        code, said = run(*arguments)
        assert code == 2, said
        assert f"error: {folder / 'study.json'}: damaged (" in said
        assert f"; `a2ibench run '{folder}/study.yaml'` sets it aside and makes it again" in said


def test_a_damaged_study_among_several_is_left_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        study(tmp_path / name, {"vae": 0.0})
    (tmp_path / "b" / "study.json").write_text("{")
    code, said = run("report", tmp_path)
    assert (code, f"left out: {tmp_path}/b/study.json: damaged" in said) == (0, True), said


def test_records_keep_what_they_do_not_know_and_numbers_as_they_were(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0})
    path = folder / "jobs" / "vae-0" / "result.json"
    having(later=1, steps=5, training_seconds=3)(path)
    result = JobState(path.parent).result
    assert result is not None
    assert (result.plain["later"], result.steps) == (1, 5)
    assert json.dumps(result.plain["training_seconds"]) == "3"


def test_what_earlier_versions_did_not_write_is_not_needed(
    small_study: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small_study, tmp_path / "copy"))
    for path in folder.glob("jobs/*/result.json"):
        result = json.loads(path.read_text())
        for name in ("spec", "hardware", "files", "weights", "steps"):
            result.pop(name, None)
        write_result(path.parent, result)
    for name in ("dataset_config", "ablate", "arms", "pairs", "check"):
        without(name)(folder / "study.json")
    opened = open_study(folder)
    assert open_store(opened, None).content_hash == opened.about.content_hash
    note = study_note(opened, 6, 0, "1", "run")
    assert "switched off" not in note
    environment = Environment(Path(opened.about.dataset), "logmel", {}, ())
    task = Task(Job("model", "vae", {}, "", "", "", 0, 96), folder, environment)
    assert "by a guess of" in estimate([task], 1, "small", folder)
    code, said = run("report", folder)
    assert code == 0, said


NESTED = {"layers": [[64, 3], [128, [5, None]]], "rates": {"encoder": 0.1, "heads": {"mean": 1}}}


def test_options_of_a_plug_in_may_be_nested(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0})
    job = folder / "jobs" / "vae-0"
    changed(job / "result.json", lambda one: one["job"].update(config=NESTED))
    result = JobState(job).result
    assert result is not None
    assert result.job.config == NESTED
    arm = {"model": "vae", "change": "", "config": NESTED}
    having(arms={"vae": arm}, dataset_config=NESTED)(folder / "study.json")
    arm = open_study(folder).row("vae").arm
    assert arm is not None
    assert arm.config == NESTED


@pytest.mark.parametrize("value", ["[[NaN]]", '{"a": -Infinity}', "[" * 20_000 + "]" * 20_000])
def test_nested_options_are_finite_numbers_and_come_to_an_end(tmp_path: Path, value: str) -> None:
    job = study(tmp_path / "s", {"vae": 0.0}) / "jobs" / "vae-0"
    written = (job / "result.json").read_text()
    (job / "result.json").write_text(written.replace('"config": {}', f'"config": {{"a": {value}}}'))
    why = JobState(job).damage
    assert why is not None
    assert len(why) < 500


def test_a_file_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as stream:
        stream.truncate(read_record.MAX_BYTES + 1)
    with pytest.raises(read_record.DamagedError, match="far more than were written"):
        read_record.read_record(records.StudyRecord, path)


def test_what_is_set_aside_is_kept(tmp_path: Path) -> None:
    for content in ("a", "b"):
        (tmp_path / "result.json").write_text(content)
        set_aside(tmp_path / "result.json")
    assert (tmp_path / "result.json.damaged").read_text() == "a"
    assert (tmp_path / "result.json.damaged-2").read_text() == "b"


def test_a_failure_counts_for_the_metrics_that_are_asked_for_now(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0})
    job = folder / "jobs" / "vae-0"
    write_json(job / "failure.json", {"reason": "metric x: \x1b[31mno\udc80", "trace": None})
    assert JobState(job).failure_by(["is1_lite0", "kid_lite0"]) is None
    assert JobState(job).failure_by(["is1_lite0", "x"]) == "metric x: no\\udc80"


def test_a_job_is_not_done_by_scores_of_another_version_of_a_metric(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0}, seeds=2)
    asked = ["is1_lite0", "kid_lite0", "metric_of_somebody"]
    for key, version in (("vae-0", 2), ("vae-1", 1)):
        path = folder / "jobs" / key / "result.json"
        score(version=version)(path)
        changed(path, lambda one: one["metrics"].update({asked[2]: one["metrics"]["kid_lite0"]}))
        write_json(path.with_name("failure.json"), {"reason": "no disk", "trace": None})
    having(metrics=asked)(folder / "study.json")
    now, other, none = (JobState(folder / "jobs" / key) for key in ("vae-0", "vae-1", "none"))
    assert now.has_all(asked)
    assert not other.has_all(asked)
    assert not now.has_all([*asked, "x"])
    assert not none.has_all([])
    assert (now.failure_by(asked), other.failure_by(asked)) == (None, "no disk")
    assert [job.state for job in read_status(folder).jobs] == ["done", "failed"]


@pytest.fixture
def mended(small_study: Path, tmp_path: Path) -> Path:
    """A copy of a real study."""
    return Path(shutil.copytree(small_study, tmp_path / "copy"))


def again(folder: Path, *more: str) -> tuple[int, str]:
    arguments = ["run", str(folder / "study.yaml"), "--executor", "inline", *more]
    done = CliRunner().invoke(main, [*arguments, "--tracking-uri", "none"])
    return done.exit_code, done.output


@pytest.mark.integration
def test_what_is_damaged_is_set_aside_and_computed_again_with_the_same_scores(mended: Path) -> None:
    jobs = json.loads((mended / "study.json").read_text())["jobs"]
    paths = [mended / "jobs" / jobs[label][0] for label in ("vae", "class mean", "nearest train")]

    def scores(path: Path) -> dict[str, Any]:
        metrics = json.loads((path / "result.json").read_text())["metrics"]
        # The study's judge is made to look better than it is.
        told = ("judge_figures", "chance")
        return {
            name: {key: value for key, value in score.items() if key not in told}
            for name, score in metrics.items()
        }

    before = {path: scores(path) for path in paths}
    rest = {p: p.stat().st_mtime_ns for p in mended.glob("jobs/*/result.json")}
    (paths[0] / "result.json").write_text("{")
    (paths[1] / "blocks.parquet").write_bytes(b"PAR1")
    shutil.copy(paths[0].parent / jobs["ground truth"][0] / "result.json", paths[2])
    (paths[0] / "failure.json").write_text('{"reason": "a metric of before", "trace": null}')
    (mended / "study.json").write_text('{"models": ["va')
    code, said = again(mended)
    assert code == 0, said
    assert "study.json was damaged: set aside as study.json.damaged, and made again" in said
    assert "vae, seed 0: result.json is damaged (" in said
    assert "class mean, seed 0: blocks.parquet is not the one that result.json was" in said
    assert "nearest train, seed 0: result.json is that of another job" in said
    for path in paths:
        assert scores(path) == before[path]
        assert (path / "result.json.damaged").is_file()
    assert not (paths[0] / "failure.json").exists()
    assert json.loads((mended / "study.json").read_text())["jobs"] == jobs
    kept = [path for path in rest if path.parent not in paths]
    assert all(path.stat().st_mtime_ns == rest[path] for path in kept)
    captions = (mended / "tables" / "quality.md").read_text()
    assert run("report", mended)[0] == 0
    assert (mended / "tables" / "quality.md").read_text() == captions, "run and report say the same"


def test_a_result_carries_a_checksum_of_its_values(small_study: Path) -> None:
    for path in small_study.glob("jobs/*/result.json"):
        result = json.loads(path.read_text())
        assert result.pop("checksum") == content_key(result)


def test_a_study_that_is_to_be_scored_once_more_has_cost_what_it_has_and_waits_for_little(
    tmp_path: Path,
) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.001})
    took = {"preparation_seconds": 0.0, "training_seconds": 1000.0, "evaluation_seconds": 10.0}
    for path in folder.glob("jobs/*/result.json"):
        changed(path, lambda one: one.update(took))
    having(metrics=["is1_lite0"])(folder / "study.json")
    assert (read_status(folder).seconds, read_status(folder).left) == (6 * 1010, 0)
    having(metrics=["is1_lite0", "iis_cos_lite0"])(folder / "study.json")
    assert (read_status(folder).seconds, read_status(folder).left) == (6 * 1010, 60)


def test_a_training_that_has_ended_has_no_image_left(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0}) / "jobs"
    job = Job("model", "vae", {}, "", "", "", 0, 2_000)

    def left(done: str, *earlier: str) -> int:
        task = Task(job, folder / done, Environment(folder, "logmel", {}, ()))
        return _left(Trial.of(replace(task, earlier=tuple(folder / one for one in earlier))))

    assert left("vae-0") == 0
    assert left("none") == 2_000
    assert left("none", "vae-1") == 2_000, "the state of the smaller budget is not there"
