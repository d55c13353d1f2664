"""MLflow holds what the study's folder holds, once, whatever happened to the server meanwhile."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import mlflow
import numpy as np
import pytest
import soundfile
import warnings_of_others
from click.testing import CliRunner
from mlflow.entities import LoggedModelStatus, Run
from rich.console import Console

from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request
from a2ibench.tracking import logged_generator
from a2ibench.tracking.live_mirror import RECORD, LiveMirror, default_uri, mirror_study
from a2ibench.tracking.mirror import Mirror
from a2ibench.tracking.params_and_metrics import WEIGHTS, clean, places

# MLflow warns about its own dependencies.
pytestmark = [
    pytest.mark.integration,
    warnings_of_others.ignored,
]

Tiny = Callable[..., Request]
REFERENCES = {
    "ground truth", "nearest train", "class mean", "shuffled audio", "shuffled in class",
}  # fmt: skip


class Server:
    """A real `mlflow server`, which can die and come back with what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process is not None:
            return
        command = [
            sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}",
            "--artifacts-destination", str(self.folder / "kept"),
        ]  # fmt: skip
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """As a power cut does: the server and its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


def held(uri: str, name: str) -> dict[str, Any]:
    """Everything that a server holds of a study, in plain values."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(name)
    assert found is not None

    def files(run: str, below: str | None = None) -> list[str]:
        paths = []
        for file in client.list_artifacts(run, below):
            paths += files(run, file.path) if file.is_dir else [file.path]
        return sorted(paths)

    runs = {}
    for run in client.search_runs([found.experiment_id]):
        runs[run.info.run_name] = {
            "info": (run.info.status, run.info.start_time, run.info.end_time, run.info.run_id),
            "tags": run.data.tags,
            "params": run.data.params,
            "files": files(run.info.run_id),
            "points": {
                metric: [
                    (p.step, p.value, p.timestamp)
                    for p in client.get_metric_history(run.info.run_id, metric)
                ]
                for metric in run.data.metrics
            },
        }
    models = client.search_logged_models([found.experiment_id])
    return {"runs": runs, "models": {m.name: (m.model_id, str(m.status)) for m in models}}


def another(study: Path, folder: Path, *labels: str) -> Path:
    """A study like another: its files without its id; with some of its rows, or all."""
    shutil.copytree(study, folder)
    about = json.loads((folder / "study.json").read_text())
    del about["id"]
    if labels:
        about["jobs"] = {label: about["jobs"][label] for label in labels}
    (folder / "study.json").write_text(json.dumps(about))
    return folder


def model_run(uri: str, study: Path, arm: str = "vae") -> Run:
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(study.name)
    (run,) = client.search_runs([found.experiment_id], f"params.arm = '{arm}'")
    return run


@pytest.fixture(scope="module")
def mirrored(small_study: Path, server: Server) -> Path:
    """The small study, told to the server by the command."""
    server.start()
    done = CliRunner().invoke(main, ["mirror", str(small_study), "--tracking-uri", server.uri])
    assert done.exit_code == 0, done.output
    assert f"6 jobs new to MLflow at {server.uri}" in done.output
    return small_study


def test_a_job_with_other_weights_is_another_logged_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(logged_generator, "save_model", lambda job, scratch: scratch)
    client = MagicMock()
    ready = SimpleNamespace(
        model_id="old", status=LoggedModelStatus.READY, tags={WEIGHTS: "a" * 64}
    )
    client.search_logged_models.return_value = [ready]
    client.create_logged_model.return_value = SimpleNamespace(model_id="new")
    run = SimpleNamespace(info=SimpleNamespace(experiment_id="1", run_id="2"))

    def logged(weights: str) -> str:
        state = SimpleNamespace(key="job", number=0, result=SimpleNamespace(weights=weights))
        job = SimpleNamespace(state=state, name="vae", row=SimpleNamespace(label="vae"))
        return logged_generator.log_generator(client, run, job)  # type: ignore[arg-type]

    assert logged("a" * 64) == "old"
    assert logged("b" * 64) == "new"
    ready.tags = {}  # of a version that did not say
    assert logged("b" * 64) == "old"


def test_a_study_is_one_parent_with_a_child_a_job(mirrored: Path, server: Server) -> None:
    runs = held(server.uri, mirrored.name)["runs"]
    assert set(runs) == {"study", "vae, seed 0", *(f"{name}, seed 0" for name in REFERENCES)}
    parent = runs.pop("study")
    assert parent["info"][0] == "FINISHED"
    files = {"study.json", "results.parquet", "report.html", "tables/quality.csv"}
    assert files <= set(parent["files"])
    assert "**study**: vae on" in parent["tags"]["mlflow.note.content"]
    assert "| vae |" in parent["tags"]["mlflow.note.content"]
    for run in runs.values():
        assert run["tags"]["mlflow.parentRunId"] == parent["info"][3]
        assert run["info"][0] == "FINISHED"
        assert run["points"]["score/is1_lite0_v2"][0][1] >= 1
        assert {"grid.png", "result.json"} <= set(run["files"])


def test_a_child_holds_parameters_curves_hardware_and_system_metrics(
    mirrored: Path, server: Server
) -> None:
    run = held(server.uri, mirrored.name)["runs"]["vae, seed 0"]
    (key,) = json.loads((mirrored / "study.json").read_text())["jobs"]["vae"]
    result = json.loads((mirrored / "jobs" / key / "result.json").read_text())
    expected = {
        "arm": "vae", "model": "vae", "ablated": "nothing", "kind": "model", "seed": "0",
        "encoder": "logmel", "images": "96", "job": key, "sha256.weights": result["weights"],
        "sha256.source": result["job"]["source"], "sha256.pairs": result["job"]["store"],
        "hardware.device": result["hardware"]["device"], "a2ibench": result["version"],
    }  # fmt: skip
    assert run["params"].items() >= expected.items()
    for name, value in result["job"]["config"].items():
        assert run["params"][f"config.{name}"] == (
            value if isinstance(value, str) else json.dumps(value)
        )
    curve = [(row["step"], row["kl"]) for row in result["curve"]]
    assert [point[:2] for point in run["points"]["training/kl"]] == curve
    for name, score in result["metrics"].items():
        (point,) = run["points"][f"score/{name}_v{score['version']}"]
        assert point[:2] == (0, score["value"])
    assert run["points"]["timing/training_seconds"][0][1] == result["training_seconds"]
    assert run["points"]["system/process_memory_usage_megabytes"][-1][1] > 50
    assert 0 <= run["points"]["system/cpu_utilization_percentage"][-1][1] <= 100
    steps = sorted(path.stem for path in (mirrored / "jobs" / key).glob("samples/steps/*.png"))
    shown = [name for name in run["files"] if name.startswith("images/") and ".png" in name]
    assert len(shown) == len(steps) > 0
    assert {f"images/samples+step+{int(step)}+" for step in steps} == {
        name.partition("timestamp")[0] for name in shown
    }


def test_a_second_mirror_changes_nothing(mirrored: Path, server: Server) -> None:
    before = held(server.uri, mirrored.name)
    assert mirror_study(mirrored, server.uri) == 0
    assert held(server.uri, mirrored.name) == before


def test_a_job_that_was_told_by_half_is_told_once(mirrored: Path, server: Server) -> None:
    before = held(server.uri, mirrored.name)
    client = mlflow.MlflowClient(tracking_uri=server.uri)
    run = model_run(server.uri, mirrored)
    client.set_tag(run.info.run_id, "a2ibench.mirrored", "the server died before the end")
    assert mirror_study(mirrored, server.uri) == 1
    assert held(server.uri, mirrored.name) == before


def test_scores_that_a_result_gained_since_are_added(
    small_study: Path, server: Server, tmp_path: Path
) -> None:
    study = another(small_study, tmp_path / "gained")
    mirror_study(study, server.uri)
    before = held(server.uri, "gained")["runs"]["vae, seed 0"]["points"]
    (path,) = (
        study / "jobs" / key / "result.json"
        for key in json.loads((study / "study.json").read_text())["jobs"]["vae"]
    )
    result = json.loads(path.read_text())
    result["metrics"]["is10_lite0"] = {**result["metrics"]["is1_lite0"], "version": 7}
    write_result(path.parent, result)
    assert mirror_study(study, server.uri) == 1
    after = held(server.uri, "gained")["runs"]["vae, seed 0"]["points"]
    assert len(after.pop("score/is10_lite0_v7")) == 1
    assert after == before


def test_the_generator_that_mlflow_loads_draws_what_the_command_draws(
    mirrored: Path, server: Server, tmp_path: Path
) -> None:
    from PIL import Image

    sound = tmp_path / "tone.wav"
    soundfile.write(sound, np.sin(np.arange(16_000) / 9).astype(np.float32), 16_000)
    arguments = ["generate", str(mirrored), str(sound), "-n", "3", "--noise-seed", "5"]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "drawn")])
    assert done.exit_code == 0, done.output
    drawn = [np.asarray(Image.open(tmp_path / "drawn" / "tone" / f"0{i}.png")) for i in range(3)]

    run = model_run(server.uri, mirrored)
    (output,) = run.outputs.model_outputs
    mlflow.set_tracking_uri(server.uri)
    try:
        path = Path(mlflow.artifacts.download_artifacts(f"models:/{output.model_id}"))
        loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    finally:
        mlflow.set_tracking_uri(None)
    images = loaded.predict([str(sound)] * 2, params={"n": 3, "seed": 5})
    assert images.dtype == np.uint8
    assert (images == np.stack([drawn, drawn])).all()
    assert not (images[0, 0] == loaded.predict([str(sound)], params={"n": 1})[0, 0]).all()
    kept = {file.suffix for file in path.rglob("*") if file.is_file()}
    assert kept <= {".safetensors", ".json", ".py", ".yaml", ".txt", ""}, "nothing is pickled"


PLUGIN = """
from dataclasses import dataclass
import torch
from torch import nn
from a2ibench.contracts.model import Model
from a2ibench.registry import models

@dataclass(frozen=True)
class Config:
    pass

@models.register
class Flat(Model):
    name = "flat"
    Config = Config

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.net = nn.Linear(spec.acoustic_dim, 3)
        self.adam = torch.optim.Adam(self.net.parameters())

    @property
    def optimizers(self):
        return {"adam": self.adam}

    @property
    def generator(self):
        return self.net

    def training_step(self, batch):
        loss = (self.net(batch.acoustic)[..., None, None] - batch.image).abs().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"L@1 − mean": loss.detach()}

    def generate(self, acoustic, noise):
        size = self.spec.image_size
        return self.net(acoustic).sigmoid()[..., None, None].expand(-1, -1, size, size)
"""


def test_a_generator_of_the_users_own_file_draws_where_that_file_is_gone(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    from a2ibench.registry import load_plugin_file, models

    plugin = tmp_path / "flat.py"
    plugin.write_text(PLUGIN)
    load_plugin_file(plugin)
    folder = tmp_path / "own"
    try:
        request = tiny(folder, models=("flat",), plugins=(plugin,))
        assert run_study(request, Inline(), None, display) == []
    finally:
        del models._registered["flat"]
    plugin.unlink()
    uri = default_uri(folder)
    mirror_study(folder, uri)
    run = model_run(uri, folder, "flat")
    assert any(name.startswith("training/L_1 _ mean-") for name in run.data.metrics)

    sound = tmp_path / "tone.wav"
    soundfile.write(sound, np.sin(np.arange(16_000) / 9).astype(np.float32), 16_000)
    drawing = (
        "import sys, mlflow; mlflow.set_tracking_uri(sys.argv[1]);"
        "drawn = mlflow.pyfunc.load_model(sys.argv[2]).predict([sys.argv[3]], params={'n': 2});"
        "print(drawn.shape)"
    )
    model = f"models:/{run.outputs.model_outputs[0].model_id}"
    done = subprocess.run(
        [sys.executable, "-c", drawing, uri, model, str(sound)], capture_output=True, text=True
    )
    assert "(1, 2, 32, 32, 3)" in done.stdout, done.stderr


def test_a_server_that_dies_in_mid_study_costs_one_line_and_is_caught_up(
    tmp_path: Path, server: Server, tiny: Tiny
) -> None:
    server.start()
    console = Console(record=True, width=400)
    folder = tmp_path / "cut"
    mirror = LiveMirror(server.uri, folder, Display(console).say)

    class Dying(Inline):
        def __call__(self, tasks: Any, tell: Any) -> None:
            super().__call__(tasks[:1], tell)
            server.kill()
            super().__call__(tasks[1:], tell)

    request = tiny(folder, models=("vae",), seeds=2)
    try:
        assert run_study(request, Dying(), mirror, Display(console)) == []
    finally:
        server.start()
    said = console.export_text()
    assert said.count("cannot log to MLflow") == 1
    assert f"a2ibench mirror {folder} --tracking-uri {server.uri}" in said
    assert (folder / "results.parquet").is_file()

    jobs = places(open_study(folder))
    before = held(server.uri, "cut")
    told = [name for name, run in before["runs"].items() if run["info"][0] == "FINISHED"]
    assert "vae, seed 0" in told
    assert len(told) < len(jobs)
    assert mirror_study(folder, server.uri) == len(jobs) - len(told)
    after = held(server.uri, "cut")
    assert len(after["runs"]) == len(jobs) + 1
    assert {run["info"][0] for run in after["runs"].values()} == {"FINISHED"}
    assert {name: after["runs"][name] for name in told} == {
        name: before["runs"][name] for name in told
    }
    assert len(after["models"]) == 2


@pytest.fixture
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """An address where each connection is closed at once, and the ports that have called."""
    callers: list[int] = []

    def answer() -> None:
        while True:
            try:
                connection, (_, port) = listening.accept()
            except OSError:
                return
            callers.append(port)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", callers
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_was_never_there_is_called_a_few_times(
    tmp_path: Path, tiny: Tiny, hanging_up: tuple[str, list[int]]
) -> None:
    console = Console(record=True, width=400)
    folder = tmp_path / "study"
    mirror = LiveMirror("http://127.0.0.1:9", folder, Display(console).say)
    assert run_study(tiny(folder), Inline(), mirror, Display(console)) == []
    assert console.export_text().count("cannot log to MLflow at http://127.0.0.1:9") == 1
    assert not mirror.alive
    assert (folder / "results.parquet").is_file()

    address, callers = hanging_up
    uri = f"http://me:sec@ret@{address}"
    done = CliRunner().invoke(main, ["mirror", str(folder), "--tracking-uri", uri])
    assert done.exit_code == 2
    assert 0 < len(callers) <= 4, "MLflow itself calls 8 times, with ever longer pauses"
    assert f"error: cannot log to MLflow at http://me:…@{address}" in done.output
    assert "sec@" not in done.output
    assert "ret@" not in done.output
    assert "Traceback" not in done.output


def test_a_server_that_was_told_everything_is_not_asked_again(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study, folder)
    lines: list[str] = []
    opened: list[str] = []

    class Counted(Mirror):
        def __init__(self, uri: str, *arguments: Any) -> None:
            opened.append(uri)
            super().__init__(uri, *arguments)

    monkeypatch.setattr("a2ibench.tracking.live_mirror.Mirror", Counted)
    uri = default_uri(folder)

    def close() -> int:
        opened.clear()
        LiveMirror(uri, folder, lines.append).close()
        return len(opened)

    assert close() == 1
    assert close() == 0
    assert "sqlite" not in (folder / RECORD).read_text(), "an address may hold a password"
    (folder / "tables" / "new.md").write_text("a new table")
    assert close() == 1
    assert close() == 0
    Path(uri.removeprefix("sqlite:///")).unlink()
    assert close() == 1
    assert held(uri, "study")["runs"]
    assert lines == []


@pytest.mark.parametrize("damage", ["[]", "null", "3", "{"])
def test_a_damaged_record_of_what_was_told_says_nothing(tmp_path: Path, damage: str) -> None:
    (tmp_path / RECORD).write_text(damage)
    (tmp_path / "study.json").write_text("{}")
    lines: list[str] = []
    LiveMirror("http://127.0.0.1:9", tmp_path, lines.append).close()
    assert [line.partition(" (")[0] for line in lines] == [
        "cannot log to MLflow at http://127.0.0.1:9"
    ]


def test_a_database_beside_the_study_holds_the_same_and_a_failure_is_seen(
    small_study: Path, tmp_path: Path
) -> None:
    study = another(small_study, tmp_path / "50%25 or less?" / "study")
    about = json.loads((study / "study.json").read_text())
    failed = study / "jobs" / about["jobs"]["class mean"][0]
    (failed / "result.json").unlink()
    (failed / "failure.json").write_text(json.dumps({"reason": "no\nmemory", "trace": None}))
    del about["jobs"]["ground truth"]
    about["jobs"]["vae"].append("0" * 20)  # not there yet
    (study / "study.json").write_text(json.dumps(about))
    uri = default_uri(study)
    done = CliRunner().invoke(main, ["mirror", str(study)])
    assert done.exit_code == 0, done.output
    assert f"mlflow ui --backend-store-uri '{uri}'" in done.output
    assert (study.parent / "mlflow.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [study.parent.name]
    before = held(uri, "study")
    assert before["runs"]["study"]["info"][0] == "RUNNING", "a job has not ended yet"
    run = before["runs"]["class mean, seed 0"]
    assert run["info"][0] == "FAILED"
    assert run["tags"]["mlflow.note.content"] == "Failed: no memory"
    assert run["files"] == ["failure.json", "grid.png"]
    assert "ground truth, seed 0" not in before["runs"]
    assert mirror_study(study, uri) == 0
    assert held(uri, "study") == before


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["mirror", str(tmp_path)])
    assert done.exit_code == 2
    assert "no study (it has no study.json)" in done.output
    assert not list(tmp_path.parent.glob("mlflow.db"))


def test_an_address_of_no_kind_is_refused(small_study: Path) -> None:
    with pytest.raises(UserError, match=r"cannot log to MLflow at gopher://x .*http://HOST"):
        mirror_study(small_study, "gopher://x")


@pytest.mark.parametrize(
    "name", ["R@1", "λ/−", "a" * 900, "../up", "a//b", "/a", "a/", ".", "%", "x:y", "a/./b"]
)
def test_names_that_mlflow_refuses_are_changed_and_stay_apart(tmp_path: Path, name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param

    changed = clean(name)
    _validate_metric_name(changed)
    _validate_param(changed, "1")
    assert changed == clean(name)
    assert changed != clean(name + "!")
    assert clean("training/L_con of 2.5") == "training/L_con of 2.5"


def test_a_study_without_checkpoints_is_logged_but_for_its_generators(
    small_study: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(small_study, tmp_path / "study")
    for path in folder.glob("jobs/*/checkpoint.safetensors"):
        path.unlink()
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    done = CliRunner().invoke(main, ["mirror", str(folder), "--tracking-uri", uri])
    assert done.exit_code == 0, done.output
    client = mlflow.MlflowClient(uri)
    (experiment,) = (e for e in client.search_experiments() if e.name != "Default")
    runs = client.search_runs([experiment.experiment_id])
    jobs = sum(len(row.jobs) for row in open_study(folder).rows)
    assert len(runs) == 1 + jobs
    notes = [run.data.tags.get("mlflow.note.content", "") for run in runs]
    assert any("The generator is not logged" in note for note in notes)
