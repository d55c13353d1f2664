"""Start Ray on this machine or join a cluster, and check beforehand whether that can work.

Run as a module, this file joins a cluster once and prints how that went. The parent decides how
long to wait: Ray itself tries for minutes, and may end the process.
"""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from a2ibench import __version__
from a2ibench.errors import UserError, told
from a2ibench.runs.resources import Machine, this_machine
from a2ibench.storage import nearest_existing

T = TypeVar("T")

JOIN = 60.0
"""Seconds in which a cluster must have accepted a driver and listed its nodes."""
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Largest length of a socket's path in bytes, which the operating system sets."""
LIBRARIES = ("av", "numpy", "pillow", "soundfile", "soxr", "torch")
"""Packages whose version decides the bytes of pairs, features and results."""
EXPECTED = "expected the HOST:PORT that `ray start --head` printed"
UNAUTHORISED = "InvalidAuthToken"
"""Word by which Ray refuses whoever sends no token, or another one. From 2.60 on, `ray start
--head` asks for that in ~/.ray/auth_token if there is one, and each start of Ray by a program makes
it; neither `ray start --address` nor a program that joins sends it by itself."""
REFUSED = "REFUSED "
"""Prefix of a line that the child process prints for the user."""


def temporary_folder() -> Path:
    """Return the folder of Ray's sockets and logs, searched for in the order that Ray uses."""
    if named := os.environ.get("RAY_TMPDIR"):
        return Path(named)
    if sys.platform.startswith("linux") and (named := os.environ.get("TMPDIR")):
        return Path(named)
    return Path(tempfile.gettempdir() if sys.platform == "win32" else "/tmp")  # noqa: S108


def check_local() -> None:
    """Check that Ray can be started on this machine.

    Raises:
        UserError: the path of its sockets would be too long, or its folder cannot be written to.
    """
    folder = temporary_folder()
    # Ray names its session by the time, down to microseconds, and this process.
    session = f"session_2000-01-01_00-00-00_000000_{os.getpid()}"
    path = folder / "ray" / session / "sockets" / "plasma_store"
    excess = len(os.fsencode(path)) - LONGEST_SOCKET
    advice = "set RAY_TMPDIR to a short folder such as /tmp, or use --executor process"
    if sys.platform != "win32" and excess > 0:
        most = len(os.fsencode(folder)) - excess
        raise UserError(
            f"{folder}: too long for Ray: it keeps sockets in its temporary folder, whose path may"
            f" have {most} bytes and has {most + excess}; {advice}"
        )
    try:
        tempfile.TemporaryFile(dir=nearest_existing(folder)).close()
    except OSError as error:
        raise UserError(
            f"{folder}: Ray keeps its temporary files there, and cannot write them"
            f" ({told(error)}); {advice}"
        ) from error


def knock(address: str) -> None:
    """Check that something listens at HOST:PORT; other forms of an address are not checked.

    Raises:
        UserError: nothing listens there.
    """
    if re.fullmatch(r"[\w.-]+:\d+", address):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, OverflowError) as error:
            raise UserError(f"no Ray cluster answers at {address}: {error}; {EXPECTED}") from error


def check_cluster(address: str) -> None:
    """Check that a cluster answers, and has these versions of a2ibench and libraries everywhere.

    Raises:
        UserError: the check failed; the message says what was found there.
    """
    knock(address)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(  # noqa: S603  # this file, by this interpreter
            [sys.executable, "-P", "-m", __name__, address],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = child.wait(JOIN)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if child.poll() is None:
                _end(child)
        said.seek(0)
        lines = said.read().strip().splitlines()
    if code != 0:
        raise UserError(_refusal(address, code, lines))


def _refusal(address: str, code: int | None, lines: Sequence[str]) -> str:
    """Say why a process could not join a cluster, by its lines and exit code; None: it hung."""
    if any(UNAUTHORISED in line for line in lines):
        return (
            f"the Ray cluster at {address} asks for a token: set RAY_AUTH_MODE=token for this"
            " command and for `ray start` on every node, each of which needs the file"
            " ~/.ray/auth_token of the first; or start all with RAY_AUTH_MODE=disabled where"
            " nobody else can reach the network"
        )
    if refused := [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]:
        return refused[-1]
    if code is None:
        return (
            f"no Ray cluster answers at {address}: this command could not join within {JOIN:.0f} s;"
            f" {EXPECTED}"
        )
    last = lines[-1][:300] if lines else f"exit code {code}"
    return f"the Ray cluster at {address} cannot be joined: {last}; {EXPECTED}"


def _end(child: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextmanager
def started(address: str | None) -> Iterator[list[Machine]]:
    """Start Ray on this machine, or join a cluster, for the duration of the block.

    Yields:
        The resources that Ray manages, machine by machine.

    Raises:
        UserError: no cluster answers, Ray does not start, or a node lacks this package or one of
            :data:`LIBRARIES`, or has another version of it.
    """
    started_here = _start(address)
    import ray

    try:
        yield _machines()
    finally:
        if started_here:
            ray.shutdown()


def _start(address: str | None) -> bool:
    """Start or join Ray; return False if this process has joined a cluster already."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    # Of a node that dies, Ray would print the log and a traceback; the executor says what follows.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    if ray.is_initialized():
        return False
    here = not address
    if address:
        knock(address)  # Ray itself waits for minutes
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            # By default Ray would join whatever cluster it finds on this machine.
            address="local" if here else address,
            # By default Ray counts all processors, not only those that it may use.
            num_cpus=int(this_machine().cpus) if here else None,
            include_dashboard=False if here else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)  # Ray sets its own
        return True
    except Exception as error:  # Ray raises a bare Exception when a node is too slow to start
        where = "Ray on this machine" if here else f"the cluster at {address}"
        said = " ".join(str(error).split())
        advice = "run it again when the machine is less busy, or use --executor process or inline"
        raise UserError(f"cannot reach {where}: {said}; {advice}") from error


def _machines() -> list[Machine]:
    _check_nodes()
    names = ("CPU", "GPU", "memory")
    found = [node["Resources"] for node in living_nodes()]
    return [Machine(*(has.get(name, 0.0) for name in names)) for has in found]


def living_nodes() -> list[dict[str, Any]]:
    """Return Ray's record of each living node of the cluster that this process has joined."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def lost() -> tuple[type[Exception], ...]:
    """Return the errors by which a worker or its node is lost."""
    from ray import exceptions

    return exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.ObjectLostError


def ask_nodes(
    nodes: Sequence[dict[str, Any]], function: Callable[..., T], *arguments: Any
) -> Iterator[tuple[dict[str, Any], T]]:
    """Call a function on each of some nodes, and yield the nodes with the answers.

    A node that goes meanwhile is passed over: what it would do is done elsewhere.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    gone: tuple[type[Exception], ...] = (*lost(), ray.exceptions.TaskUnschedulableError)
    asked = [
        ray.remote(function)
        .options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        .remote(*arguments)
        for node in nodes
    ]
    for node, reference in zip(nodes, asked, strict=True):
        try:
            answer: T = ray.get(reference)
        except gone:
            continue
        yield node, answer


def _check_nodes() -> None:
    """Ask every node of a cluster for its versions of this package and of :data:`LIBRARIES`.

    Raises:
        UserError: a node lacks one, or has another version.
    """

    def versions(names: tuple[str, ...]) -> dict[str, str | None]:
        # Sent by value, like everything here, so that a node without the package can answer.
        import importlib.metadata as metadata

        found: dict[str, str | None] = {}
        for name in names:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = None
        return found

    here = {"a2ibench": __version__, **versions(LIBRARIES)}
    for node, found in ask_nodes(living_nodes(), versions, tuple(here)):
        for name, version in here.items():
            if found[name] != version:
                there = "is not installed" if found[name] is None else f"is version {found[name]}"
                raise UserError(
                    f"node {node['NodeManagerAddress']} of the Ray cluster: {name} {there}, here it"
                    f" is {version}; install the same on every node"
                )


def _join(address: str) -> None:
    """Join and leave a cluster."""
    try:
        with started(address):
            pass
    except UserError as error:
        print(f"{REFUSED}{error}", flush=True)  # noqa: T201  # for the parent
        sys.exit(1)


if __name__ == "__main__":
    _join(sys.argv[1])
