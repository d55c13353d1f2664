"""Which runs are whose on a tracking server, and which arm a run is of."""

import errno
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow
import pytest
import warnings_of_others
from click.testing import CliRunner
from filelock import FileLock
from mlflow.entities import Experiment, Run

from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.results.job import Task
from a2ibench.results.job_state import write_failure
from a2ibench.results.result_file import write_result
from a2ibench.results.study_id import study_id, write_about
from a2ibench.runs.executors import Update
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request
from a2ibench.tracking.live_mirror import RECORD, LiveMirror, _was_logged, mirror_study
from a2ibench.tracking.mirror import HOLDER, LOCK
from a2ibench.tracking.params_and_metrics import JOB

# MLflow warns about its own dependencies.
pytestmark = [
    pytest.mark.integration,
    warnings_of_others.ignored,
]

FEW = ("class mean", "ground truth", "nearest train")


def study_like(study: Path, folder: Path) -> Path:
    """A study of its own, of a few rows that are soon told; without an id, as earlier ones."""
    shutil.copytree(study, folder)
    about = json.loads((folder / "study.json").read_text())
    del about["id"]
    about["jobs"] = {label: about["jobs"][label] for label in FEW}
    (folder / "study.json").write_text(json.dumps(about))
    return folder


def runs_at(uri: str) -> tuple[list[Experiment], list[Run], list[Run]]:
    """Experiments, runs of studies, runs of jobs."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiments = [one for one in client.search_experiments() if one.name != "Default"]
    runs = list(client.search_runs([one.experiment_id for one in experiments]))
    parents = [run for run in runs if JOB not in run.data.tags]
    return experiments, parents, [run for run in runs if JOB in run.data.tags]


def test_an_id_is_made_once_and_stays(tmp_path: Path) -> None:
    write_about(tmp_path, {"models": ["vae"]})
    first = study_id(tmp_path)
    assert re.fullmatch("[0-9a-f]{32}", first)
    write_about(tmp_path, {"models": ["ours"]})
    assert json.loads((tmp_path / "study.json").read_text()) == {"models": ["ours"], "id": first}
    assert study_id(tmp_path) == first


def test_a_file_that_cannot_be_read_at_present_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_about(tmp_path, {"models": ["vae"]})
    held = (tmp_path / "study.json").read_bytes()

    def stale(path: Path) -> object:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("a2ibench.results.declaration.read_content", stale)
        with pytest.raises(OSError, match="Stale"):
            write_about(tmp_path, {"models": ["ours"]})
    assert (tmp_path / "study.json").read_bytes() == held


@pytest.mark.parametrize("held", [{}, {"id": 5}, {"id": "' OR 1 = 1"}, {"id": ["a" * 32]}])
def test_a_study_without_an_id_is_given_one(tmp_path: Path, held: dict[str, object]) -> None:
    (tmp_path / "study.json").write_text(json.dumps({"models": [], **held}))
    made = study_id(tmp_path)
    assert json.loads((tmp_path / "study.json").read_text()) == {"models": [], "id": made}
    assert study_id(tmp_path) == made


def test_two_studies_in_folders_of_one_name_share_an_experiment_and_no_run(
    small_study: Path, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'both.db'}"
    mine, yours = (study_like(small_study, tmp_path / who / "arcade") for who in ("me", "you"))
    assert mirror_study(mine, uri) == len(FEW)
    assert mirror_study(yours, uri) == len(FEW)
    (experiment,), parents, children = runs_at(uri)
    assert [run.info.run_name for run in parents] == ["arcade", "arcade"]
    assert len(children) == 2 * len(FEW)
    for parent in parents:
        own = [c for c in children if c.data.tags["mlflow.parentRunId"] == parent.info.run_id]
        assert len(own) == len(FEW)
        assert parent.info.run_id in parent.data.tags["mlflow.note.content"]
        assert parent.info.run_id in experiment.tags["mlflow.note.content"]
    assert mirror_study(mine, uri) == 0
    # Found by its id, under whatever name it lies now.
    moved = mine.rename(tmp_path / "final")
    assert mirror_study(moved, uri) == 0
    assert len(runs_at(uri)[0]) == 1
    assert len(runs_at(uri)[1]) == 2


def test_an_experiment_that_was_deleted_is_named_and_the_commands_in_the_message_mend_it(
    small_study: Path, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'it s.db'}"
    study = study_like(small_study, tmp_path / "my study")
    mirror_study(study, uri)
    (experiment,), _, _ = runs_at(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.delete_experiment(experiment.experiment_id)

    lines: list[str] = []
    live = LiveMirror(uri, study, lines.append)
    live.open()
    assert not live.alive
    assert len(lines) == 1
    assert lines[0].endswith("; the study continues without it")
    done = CliRunner().invoke(main, ["mirror", str(study), "--tracking-uri", uri])
    assert done.exit_code == 2, done.output
    assert "the experiment 'my study' was deleted there; restore it" in done.output
    restore, again, other = re.findall("`([^`]*)`", done.output.replace("\n", " "))

    variable, *arguments = shlex.split(other)
    name, _, value = variable.partition("=")
    done = CliRunner().invoke(main, arguments[1:], env={name: value})
    assert done.exit_code == 0, done.output
    assert [one.name for one in runs_at(uri)[0]] == ["my study-2"]
    client.delete_experiment(runs_at(uri)[0][0].experiment_id)

    command = restore.replace(" mlflow ", f" {shlex.quote(sys.executable)} -m mlflow ")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    done = CliRunner().invoke(main, shlex.split(again)[1:])
    assert done.exit_code == 0, done.output
    assert "0 jobs new" in done.output
    assert [one.name for one in runs_at(uri)[0]] == ["my study"]


def test_commands_that_tell_one_study_at_once_double_nothing(
    small_study: Path, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    study = study_like(small_study, tmp_path / "study")
    told: list[int] = []
    lines: list[str] = []

    def live() -> None:
        mirror = LiveMirror(uri, study, lines.append)
        mirror.open()
        for (key,) in json.loads((study / "study.json").read_text())["jobs"].values():
            mirror.job(key)
        mirror.close()

    def catch_up() -> None:
        told.append(mirror_study(study, uri))

    threads = [threading.Thread(target=work) for work in (live, catch_up, catch_up)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lines == []
    assert len(told) == 2
    assert sum(told) <= len(FEW)
    experiments, parents, children = runs_at(uri)
    assert (len(experiments), len(parents)) == (1, 1)
    assert sorted(run.info.run_name for run in children) == [f"{row}, seed 0" for row in FEW]
    assert {run.info.status for run in [*parents, *children]} == {"FINISHED"}


def test_the_arms_of_a_study_with_ablations_are_told_apart(
    tmp_path: Path, display: Display, tiny: Callable[..., Request]
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    request = tiny(
        tmp_path / "study", models=("ours",), ablate=("consistency,stack+noise,consistency=0.1",),
    )  # fmt: skip

    class TrainNothing(Inline):
        def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
            for task in tasks:
                write_failure(task.folder, "no time for it", None)
                tell(Update(task, ended=True))

    mirror = LiveMirror(uri, tmp_path / "study", print)
    assert len(run_study(request, TrainNothing(), mirror, display)) == 4
    _, _, children = runs_at(uri)
    ablated = {run.data.params["arm"]: run.data.params["ablated"] for run in children}
    assert {ablated.pop(row) for row in FEW} == {"nothing"}
    assert {arm: what for arm, what in ablated.items() if arm.startswith("ours")} == {
        "ours": "nothing",
        "ours − consistency": "consistency",
        "ours − stack − noise": "stack+noise",
        "ours, lambda_con=0.1": "consistency=0.1",
    }
    about = json.loads((tmp_path / "study" / "study.json").read_text())
    for arm in about["arms"].values():
        del arm["ablated"]
    about["id"] = "0" * 32
    (tmp_path / "study" / "study.json").write_text(json.dumps(about))
    earlier = f"sqlite:///{tmp_path / 'earlier.db'}"
    mirror_study(tmp_path / "study", earlier)
    params = {run.data.params["arm"]: run.data.params for run in runs_at(earlier)[2]}
    assert params["ours"]["ablated"] == "nothing"
    assert "ablated" not in params["ours − consistency"], "it is not known, and not guessed"


def test_scores_of_a_judge_that_cannot_judge_are_left_out_and_the_reason_is_told(
    small_study: Path, tmp_path: Path
) -> None:
    study = study_like(small_study, tmp_path / "study")
    for path in study.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        failed = {"held_out_accuracy": 0.5, "held_out_chance": 0.5, "held_out_low": 0.3}
        stored["metrics"]["accuracy_resnet18"]["judge_figures"] |= failed
        write_result(path.parent, stored)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mirror_study(study, uri)
    _, (parent,), children = runs_at(uri)
    for run in (parent, *children):
        assert run.data.tags["struck"].startswith("accuracy_resnet18: judge resnet18: held-out ")
        assert "is not better than chance (50.0 %)" in run.data.tags["struck"]
        assert not [name for name in run.data.metrics if "accuracy_resnet18" in name]
    truth = next(run for run in children if run.data.params["arm"] == "ground truth")
    assert [name for name in truth.data.metrics if "is1_lite0" in name]
    assert mirror_study(study, uri) == 0


def test_a_command_waits_for_another_that_tells_the_study_and_says_for_whom(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2ibench.tracking.mirror.PATIENCE", 0.1)
    study = study_like(small_study, tmp_path / "study")
    (study / HOLDER).write_text("process 7 on \x1b[31mhere")
    said, told = [], []
    with FileLock(study / LOCK):
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        waiting = threading.Thread(
            target=lambda: told.append(mirror_study(study, uri, said.append))
        )
        waiting.start()
        while not said and waiting.is_alive():
            waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join()
    assert told == [len(FEW)]
    (line,) = said
    assert line.startswith("MLflow: waiting for process 7 on ")
    assert line.endswith(f", which mirrors {study}")
    assert "\x1b" not in line


def test_a_folder_that_cannot_be_written_and_has_no_id_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.json").write_text("{}")

    def refuse(path: Path, value: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("a2ibench.results.study_id.write_json", refuse)
    with pytest.raises(UserError, match="holds no id of the study yet, and cannot be written"):
        study_id(tmp_path)


def test_a_folder_in_which_no_lock_can_be_made_is_named_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}")
    (tmp_path / ".study.json.lock").mkdir()  # the superuser may write anywhere, but not here
    with pytest.raises(UserError, match=r"no id of .* written \(.*is not writable.*; make the f"):
        study_id(tmp_path)


def test_a_record_of_what_was_logged_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    for text in ("[" * 100_000, "{", "5"):
        (tmp_path / RECORD).write_text(text)
        assert not _was_logged(tmp_path, "http://127.0.0.1:9", "state")
