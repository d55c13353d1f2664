"""Connections to the demo that do not get on are closed, and others are answered meanwhile."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from a2ibench.demo import app, deadlines
from a2ibench.demo.serve import listen
from a2ibench.demo.studio import Model

HEAD = (
    "POST /draw?model=0&n=1&volume=1&seed=0 HTTP/1.1\r\nHost: localhost\r\n"
    "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n"
)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server as the command starts it, but for shorter limits."""
    monkeypatch.setattr(deadlines, "FIRST", 0.5)
    monkeypatch.setattr(deadlines, "REQUEST", 1.0)
    monkeypatch.setattr(deadlines, "GRACE", 0.5)
    monkeypatch.setattr(app, "REQUEST", 1.0)
    made = app.make_app([Model("none", None, None)], ["*"])  # type: ignore[arg-type]
    config = uvicorn.Config(
        made, http=deadlines.PunctualProtocol, lifespan="off", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def said_until_closed(connection: socket.socket) -> bytes:
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD[:60].encode()])
def test_who_asks_nothing_is_disconnected(address: tuple[str, int], sent: bytes) -> None:
    held = [socket.create_connection(address) for _ in range(20)]
    for connection in held:
        connection.sendall(sent)
    other = http.client.HTTPConnection(*address)
    other.request("GET", "/")
    assert other.getresponse().status == 200
    other.close()
    for connection in held:
        assert said_until_closed(connection) == b""
        connection.close()


def test_a_trickle_does_not_extend_the_limit(address: tuple[str, int]) -> None:
    sent = 0
    with socket.create_connection(address) as connection, suppress(ConnectionError):
        while True:  # until the server has closed it
            connection.sendall(b"G")
            sent += 1
            time.sleep(0.05)
    assert sent > 1


def test_an_upload_that_takes_too_long_is_told_so(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD.encode() + b"part")
        said = said_until_closed(connection)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"the upload took longer than 1 s"}' in said


def test_an_upload_that_nobody_reads_is_limited_as_well(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD.replace("/draw", "/nothing").encode())
        assert said_until_closed(connection).startswith(b"HTTP/1.1 404 ")


def test_a_connection_serves_one_request_after_another(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/page.css")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        time.sleep(0.3)
    assert connection.sock is first
    connection.close()
