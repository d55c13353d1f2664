"""Load the models for the page, and serve it on a port."""

import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.contracts.encoder import Encoder
from a2ibench.demo.studio import Model
from a2ibench.errors import UserError
from a2ibench.generator.generate import open_run
from a2ibench.generator.generator import Generator
from a2ibench.generator.select_model import find_models

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATIENCE = 10
"""Seconds that open requests get when the server stops."""


def open_models(
    paths: Sequence[Path],
    seed: int | None,
    say: Callable[[str], None],
    budget: int | None = None,
) -> list[Model]:
    """Load every model of several studies, jobs and exported folders.

    With several paths, a method's name begins with that of its study.

    Args:
        paths: the folders.
        seed: training seed; None for a study's first, and for that of a job.
        say: receives notes on models that are missing.
        budget: of the studies; None for all that each has.

    Raises:
        UserError: a path holds no model, or a model cannot be loaded.
    """
    models: list[Model] = []
    encoders: dict[str, Encoder] = {}
    for path in dict.fromkeys(paths):
        named = len(paths) > 1 and (path / "study.json").is_file()
        found, missing = find_models(path, seed, budget)
        for reason in missing:
            say(f"note: left out: {reason}")
        taken = {model.method for model in models}
        for one in found:
            method = f"{path.resolve().name}: {one.label}" if named else one.label
            if method in taken:
                method = f"{path}: {one.label}"
            generator = Generator(open_run(one.folder, encoders))
            models.append(Model(method, one.budget, generator))
            for note in generator.notes:
                say(f"note: {models[-1].name}: {note}")
    return models


def is_loopback(listening: socket.socket) -> bool:
    """Return whether an open port can be reached from this machine alone."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def allowed_hosts(listening: socket.socket, host: str) -> list[str]:
    """Return the host names that requests to a port may use, which was opened for a host.

    On loopback these are its own names alone, so that no page elsewhere gets in under a name that
    points here.
    """
    if not is_loopback(listening):
        return ["*"]
    return ["127.0.0.1", "localhost", "[::1]", listening.getsockname()[0], host]


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
