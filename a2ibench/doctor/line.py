"""One line of a diagnosis."""

import getpass
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from a2ibench.errors import told

State = Literal["fine", "lacking", "broken"]
"""``"lacking"`` limits something; a study with the default options cannot run if one is
``"broken"``."""


@dataclass(frozen=True)
class Line:
    """One examined part of the machine, with advice on what to do (may be empty)."""

    title: str
    state: State
    found: str
    advice: str = ""

    def anonymous(self) -> "Line":
        """Return the line without the user's name and folders, for a report that others read."""
        return replace(self, found=_anonymous(self.found), advice=_anonymous(self.advice))


def examined(title: str, state: State, advice: str, examine: Callable[[], str]) -> Line:
    """Return the line with what an examination finds, or with its error, the state and the advice.

    Libraries that do not fit this machine raise errors of many kinds.
    """
    try:
        return Line(title, "fine", examine())
    except Exception as error:
        return Line(title, state, told(error), advice)


def _anonymous(text: str) -> str:
    hidden = {
        str(Path.cwd()): "<here>",
        str(Path.home()): "~",
        tempfile.gettempdir(): "<tmp>",
        os.environ.get("RAY_TMPDIR", ""): "<tmp of Ray>",
    }
    for path, label in sorted(hidden.items(), key=lambda item: -len(item[0])):
        if len(path) > 1:
            text = re.sub(rf"(?<![\w.-]){re.escape(path)}(?![\w.-])", label, text)
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name
        return text
    return text.replace(f"/{user}/", "/<user>/")
