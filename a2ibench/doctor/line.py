"""One line of a diagnosis."""

import getpass
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

State = Literal["fine", "lacking", "broken"]
"""``"lacking"`` limits something; a study with the default options cannot run if one is
``"broken"``."""


@dataclass(frozen=True)
class Line:
    """One examined part of the machine.

    Attributes:
        title: its name.
        state: of the part.
        found: its description.
        advice: what to do; may be empty.
    """

    title: str
    state: State
    found: str
    advice: str = ""

    def anonymous(self) -> "Line":
        """Return the line without the user's name and folders, for a report that others read."""
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
