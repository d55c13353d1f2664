"""Ray before anything is computed: room for sockets, processors, a cluster that answers."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import warnings_of_others
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.doctor import machine
from a2ibench.errors import UserError
from a2ibench.runs.executors.ray_cluster import LONGEST_SOCKET, _refusal, check_local, started
from a2ibench.runs.executors.ray_tune import Config, RayTune

pytestmark = warnings_of_others.ignored  # Ray warns about its own dependencies
linux = pytest.mark.skipif(sys.platform != "linux", reason="TMPDIR is Ray's on Linux only")


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Somebody listens there, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_machine_too_busy_to_start_ray_is_one_line_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**options: object) -> None:
        # As Ray raises it: no class of its own.
        raise Exception("The current node timed out during startup.\nThis could happen …")

    stand_in = SimpleNamespace(init=init, is_initialized=lambda: False)
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    expected = r"cannot reach Ray on this machine: The current node timed out .* or use --executor"
    with pytest.raises(UserError, match=expected), started(None):
        pass


def folder_of(length: int) -> Path:
    """A path of so many bytes; nothing is made there."""
    start = f"{tempfile.gettempdir()}/"
    return Path(start + "x" * (length - len(start)))


@linux
def test_a_path_is_too_long_where_rays_own_check_finds_it_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray._private.utils import validate_socket_filepath

    def session(folder: Path) -> str:
        return f"{folder}/ray/session_2026-11-29_04-10-46_120149_{os.getpid()}/sockets/plasma_store"

    longest = LONGEST_SOCKET - len(session(Path("/"))) + 1
    for length, fits in ((longest, True), (longest + 1, False)):
        folder = folder_of(length)
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        if fits:
            validate_socket_filepath(session(folder))
            check_local()
        else:
            with pytest.raises(OSError, match="AF_UNIX path length"):
                validate_socket_filepath(session(folder))
            with pytest.raises(UserError, match=f"may have {longest} bytes and has {length}; set"):
                check_local()
            monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
            check_local()


@linux
def test_run_and_tune_refuse_a_long_path_before_anything_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", f"{tmp_path}/{'x' * 100}")
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "space.yaml").write_text("lr: {log: [1e-5, 1e-2]}")
    tune = ["tune", "--space", str(tmp_path / "space.yaml"), "--metric", "kid_lite0", "--trials=1"]
    for command in (["run"], ["run", "--dry-run"], tune):
        more = ["--model", "vae", "--dataset", "synthetic", "--out", str(tmp_path / "study")]
        done = CliRunner().invoke(main, [*command, *more])
        assert done.exit_code == 2, done.output
        assert "too long for Ray" in done.output
        assert "set RAY_TMPDIR to a short folder such as /tmp" in " ".join(done.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]
    more = ["--model", "vae", "--dataset", "synthetic", "--executor", "inline"]
    assert CliRunner().invoke(main, ["run", *more, "--dry-run"]).exit_code == 0


def test_a_doctor_names_a_long_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir()[:1] + "x" * 100)
    line = machine._sockets()
    assert line.state == "broken"
    assert "whose path may have" in line.found
    assert line.advice.startswith("set RAY_TMPDIR to a short folder")
    assert "<tmp of Ray>: too long for Ray" in line.anonymous().found
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert machine._sockets().state == "fine"


def test_a_folder_that_ray_cannot_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_text("")
    monkeypatch.setattr("a2ibench.runs.executors.ray_cluster.LONGEST_SOCKET", 1000)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "f" / "g"))
    with pytest.raises(UserError, match="Ray keeps its temporary files there, and cannot write"):
        check_local()


@pytest.mark.integration
def test_an_address_where_nobody_answers_is_refused_before_anything_is_prepared(
    tmp_path: Path, silent_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2ibench.runs.executors.ray_cluster.JOIN", 2.0)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    arguments = ["run", "--model", "vae", "--dataset", "synthetic", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*arguments, "--ray-address", silent_address])
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    late = "this command could not join within 2 s"
    assert f"no Ray cluster answers at {silent_address}: {late}" in said
    assert "expected the HOST:PORT that `ray start --head` printed" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [1, None])
def test_a_cluster_that_asks_for_a_token_is_refused_with_what_to_set(code: int | None) -> None:
    lines = (
        "[2026-11-29 20:56:27,358 W 288 288] gcs_client.cc:210: Failed to get cluster ID from GCS"
        " server: Unauthenticated: RPC error: InvalidAuthToken: Authentication token is missing or"
        " incorrect",
        "REFUSED cannot reach the cluster at h:1: Failed to connect to Ray cluster at h:1",
    )
    said = _refusal("h:1", code, lines)
    assert said.startswith("the Ray cluster at h:1 asks for a token: set RAY_AUTH_MODE=token for")
    assert "~/.ray/auth_token" in said


@pytest.mark.integration
def test_an_address_of_no_kind_is_refused_with_what_ray_says() -> None:
    with pytest.raises(UserError, match="nonsense: Invalid address format"):
        RayTune(Config(address="nonsense")).check()


@pytest.mark.integration
@linux
def test_ray_uses_the_processors_that_this_process_may_use() -> None:
    import ray

    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        with started(None) as machines:
            assert [machine.cpus for machine in machines] == [1.0]
        assert not ray.is_initialized()
    finally:
        os.sched_setaffinity(0, allowed)
