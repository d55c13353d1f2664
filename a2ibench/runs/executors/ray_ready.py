"""What can be known of Ray before anything is computed: room for its sockets, a cluster that
answers. Run as a module it joins a cluster once and says how that went, for a parent that waits no
longer than it wants to: Ray itself tries for minutes, and may end the process.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from a2ibench.errors import UserError, told

JOIN = 60.0
"""Seconds in which a cluster must have taken in a driver and named its nodes."""
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path, by the operating system."""
EXPECTED = "expected the HOST:PORT that `ray start --head` printed"
REFUSED = "REFUSED "
"""Before a line of the child process that is for the user."""


def temporary_folder() -> Path:
    """Where Ray keeps its sockets and logs on this machine: it looks for it in this order."""
    if named := os.environ.get("RAY_TMPDIR"):
        return Path(named)
    if sys.platform.startswith("linux") and (named := os.environ.get("TMPDIR")):
        return Path(named)
    return Path(tempfile.gettempdir() if sys.platform == "win32" else "/tmp")  # noqa: S108


def check_local() -> None:
    """Whether Ray can be started on this machine.

    Raises:
        UserError: the path of its sockets would be too long, or its folder cannot be written.
    """
    folder = temporary_folder()
    # As Ray names its session: the time, down to microseconds, and this process.
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
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise UserError(
            f"{folder}: Ray keeps its temporary files there and cannot write them"
            f" ({told(error)}); {advice}"
        ) from error


def knock(address: str) -> None:
    """Whether anything listens at HOST:PORT; other forms of an address are passed over.

    Raises:
        UserError: nothing does.
    """
    if re.fullmatch(r"[\w.-]+:\d+", address):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, OverflowError) as error:
            raise UserError(f"no Ray cluster answers at {address}: {error}; {EXPECTED}") from error


def check_cluster(address: str) -> None:
    """Whether a cluster answers at an address, and has this version of a2ibench on every node.

    Raises:
        UserError: no, with what was found there.
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
    if code is None:
        raise UserError(
            f"no Ray cluster answers at {address}: this command could not join within {JOIN:.0f} s;"
            f" {EXPECTED}"
        )
    refused = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    if refused:
        raise UserError(refused[-1])
    if code != 0:
        last = lines[-1][:300] if lines else f"exit code {code}"
        raise UserError(f"the Ray cluster at {address} cannot be joined: {last}; {EXPECTED}")


def _end(child: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _join(address: str) -> None:
    """Joins and leaves a cluster."""
    import ray

    from a2ibench.runs.executors.ray_tune import RayTune

    try:
        ray_tune = RayTune(address=address)
        ray_tune.start()
        ray_tune.machines()
        ray.shutdown()
    except UserError as error:
        print(f"{REFUSED}{error}", flush=True)  # noqa: T201  # for the parent
        sys.exit(1)


if __name__ == "__main__":
    _join(sys.argv[1])
