"""Docstrings are written for ``help()``: their roles and literal blocks become Markdown here."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`~?([^`]+)`")
BLOCK = re.compile(r"::\n\n(?= {4})")


def to_markdown(text: str) -> str:
    """:class:`~a.b.C` → ``C``, and ``::`` before an indented block → ``:``."""
    named = ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", text)
    return BLOCK.sub(":\n\n", named)


class Docstrings(griffe.Extension):
    """For the API page."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Every docstring that is read."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
