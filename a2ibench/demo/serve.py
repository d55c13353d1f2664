"""Load the models for the page, and serve it on a port."""

import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.errors import UserError
from a2ibench.generator.generate import open_run
from a2ibench.generator.generator import Generator
from a2ibench.generator.select_model import find_models

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATIENCE = 10
"""Seconds that open requests get when the server stops."""


def open_models(
    paths: Sequence[Path], seed: int, say: Callable[[str], None]
) -> dict[str, Generator]:
    """Load every model of several studies, jobs and exported folders: name → model.

    With several paths, a model's name begins with that of its study.

    Args:
        paths: the folders.
        seed: training seed, for studies.
        say: receives notes on models that are missing.

    Raises:
        UserError: a path holds no model, or a model cannot be loaded.
    """
    models: dict[str, Generator] = {}
    for path in dict.fromkeys(paths):
        named = len(paths) > 1 and (path / "study.json").is_file()
        found, missing = find_models(path, seed)
        for reason in missing:
            say(f"note: left out: {reason}")
        for name, folder in found.items():
            generator = Generator(open_run(folder))
            for note in generator.notes:
                say(f"note: {name}: {note}")
            shown = f"{path.resolve().name}: {name}" if named else name
            models[f"{path}: {name}" if shown in models else shown] = generator
    return models


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str) -> list[str]:
    """Return the host names that requests may use.

    On loopback these are its own names alone, so that no page elsewhere gets in under a name that
    points here.
    """
    return ["127.0.0.1", "localhost", "[::1]", host] if is_loopback(host) else ["*"]


def listen(host: str, port: int) -> socket.socket:
    """Open a port; 0 opens any free one.

    Raises:
        UserError: the port is in use or not allowed, or the host is not this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except UnicodeError as error:
        raise UserError(f"{host}: not the name or address of a machine") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} of {host} is in use; choose another: --port") from error
        raise UserError(f"cannot listen to port {port} of {host} ({error.strerror})") from error


def address_of(listening: socket.socket) -> str:
    """Return the address for a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: "Starlette", listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    from a2ibench.demo.deadlines import PunctualProtocol

    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
