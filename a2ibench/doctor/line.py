"""One line of a diagnosis."""

import getpass
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

State = Literal["fine", "lacking", "broken"]
"""``"lacking"`` limits something; with ``"broken"`` a study with the default options cannot run."""


@dataclass(frozen=True)
class Line:
    """What was looked at and what was found.

    Attributes:
        title: what was looked at.
        state: how it is.
        found: what is there.
        advice: what to do; empty where nothing is.
    """

    title: str
    state: State
    found: str
    advice: str = ""

    def anonymous(self) -> "Line":
        """The same without the user's name and folders, for a report that others read."""
        return replace(self, found=_anonymous(self.found), advice=_anonymous(self.advice))


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
