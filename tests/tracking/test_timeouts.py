"""A tracking server that is slow costs a study a known time, and one line."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import warnings_of_others
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.tracking.live_mirror import LiveMirror
from a2ibench.tracking.timeouts import Limited, SlowServerError


@pytest.fixture
def trickling() -> Iterator[str]:
    """A server that answers everything with a byte every fifth of a second, without an end."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not over.wait(0.2):
                    connection.sendall(b" ")
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    over.set()
    listening.close()


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    small_study: Path, trickling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow  # noqa: F401  # takes its time before

    monkeypatch.setattr("a2ibench.tracking.mirror.CALL", 1.0)
    lines: list[str] = []
    mirror = LiveMirror(trickling, small_study, lines.append)
    mirror.open()
    mirror.close()
    done = CliRunner().invoke(main, ["mirror", str(small_study), "--tracking-uri", trickling])
    assert len(lines) == 1
    late = f"cannot log to MLflow at {trickling} (SlowServerError: search_experiments did not"
    assert lines[0].startswith(f"{late} end within 1 s); the study continues without it")
    assert done.exit_code == 2
    assert f"error: {late} end within 1 s)" in " ".join(done.output.split())


@warnings_of_others.ignored  # MLflow warns about its own dependencies
def test_all_calls_of_a_study_together_have_a_limit(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2ibench.tracking.live_mirror.LIVE", 1e-3)
    lines: list[str] = []
    mirror = LiveMirror(f"sqlite:///{tmp_path / 'mlflow.db'}", small_study, lines.append)
    mirror.open()
    mirror.close()
    (line,) = lines
    assert "SlowServerError" in line
    assert not mirror.alive


class Slow:
    """Something whose calls take the time that they are told."""

    def work(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def fail(self) -> None:
        raise KeyError("inside")

    def log_artifact(self, run: str, path: str) -> str:
        time.sleep(0.3)
        return run


def test_each_call_and_all_together_have_a_limit_and_answers_pass_through(tmp_path: Path) -> None:
    limited = Limited(Slow(), call=0.2, together=0.3)
    limited.begin()
    assert limited.work(0.0) == 0.0
    with pytest.raises(KeyError, match="inside"):
        limited.fail()
    with pytest.raises(SlowServerError, match="work did not end within 0 s"):
        limited.work(5.0)
    with pytest.raises(SlowServerError):
        limited.work(0.18)  # of the time for all calls too little is left
    limited.begin()
    assert limited.work(0.1) == 0.1


def test_a_large_file_has_more_time(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"")
    large.write_bytes(bytes(100_000))
    limited = Limited(Slow(), call=0.1)
    assert limited.log_artifact("run", str(large)) == "run"
    assert limited.log_artifact("run", str(tmp_path)) == "run"
    with pytest.raises(SlowServerError):
        limited.log_artifact("run", str(small))
