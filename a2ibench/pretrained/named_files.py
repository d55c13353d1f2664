"""Files that the user names in an environment variable, with the hash that they must have."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.storage import expanded, file_sha256

HASH = "#sha256="
"""Stands between the path and the sha256 that the weights must have."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a folder of ``transformers``, the first one preferred."""


@dataclass(frozen=True)
class NamedFiles:
    """The files that a judge needs from the user, and where they are public.

    Attributes:
        variable: the environment variable: ``PATH``, or ``PATH#sha256=DIGITS`` with the sha256
            that the weights must have.
        what: the network in words (``"a CLIP"``).
        public: how to get a public one, and its licence.
        beside: the files that a folder holds beside the weights; empty where the path is that of
            the weight file itself.
    """

    variable: str
    what: str
    public: str
    beside: tuple[str, ...] = ()

    def find(self) -> dict[str, Path]:
        """Return the paths by file name, the weights first; no file is opened.

        Raises:
            UserError: the variable is not set, or a file is missing.
        """
        told = os.environ.get(self.variable, "").partition(HASH)[0]
        holds = "the weight file"
        if self.beside:
            *others, last = self.beside
            holds = f"a folder with {', '.join([' or '.join(WEIGHTS), *others])} and {last}"
        wanted = f"{holds} of {self.what}; {self.public}"
        if not told:
            raise UserError(f"set {self.variable} to {wanted}")
        named = expanded(told)
        here = f"{self.variable}={told}"
        if not self.beside:
            if not named.is_file():
                raise UserError(f"{here}: no such file; expected {wanted}")
            return {named.name: named}
        if not named.is_dir():
            raise UserError(f"{here}: no such folder; expected {wanted}")
        if sharded := sorted(named.glob("*.index.json")):
            raise UserError(f"{sharded[0]}: weights in several parts; expected one {WEIGHTS[0]}")
        weights = [name for name in WEIGHTS if (named / name).is_file()]
        absent = [] if weights else [" or ".join(WEIGHTS)]
        absent += [name for name in self.beside if not (named / name).is_file()]
        if absent:
            raise UserError(f"{here}: no {', no '.join(absent)} in it; expected {wanted}")
        return {name: named / name for name in (weights[0], *self.beside)}

    def hashes(self) -> Mapping[str, str]:
        """Return the sha256 of each file by its name, the weights first.

        Raises:
            UserError: as :meth:`find`; a file cannot be read, or the weights have another hash than
                the user gave.
        """
        try:
            found = {name: file_sha256(path) for name, path in self.find().items()}
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error
        told, _, expected = os.environ[self.variable].partition(HASH)
        weights, got = next(iter(found.items()))
        if expected and got != expected.lower():
            raise UserError(
                f"{self.variable}={told}: expected {weights} with sha256 {expected}, got {got}"
            )
        return found
