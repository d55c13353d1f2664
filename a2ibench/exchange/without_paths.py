"""Options and labels without paths: a path names folders, and often a person."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from a2ibench.printable import printable

_SEPARATOR = re.compile(r"[/\\]")
_PATH = re.compile(r"[^\s=,;()\[\]]*[/\\][^\s,;()\[\]]*")


def options_without_paths(value: Any) -> Any:
    """Return plain values in which a text with a separator of folders is a hash of it."""
    if isinstance(value, str):
        return _hidden(value) if _SEPARATOR.search(value) else printable(value)
    if isinstance(value, Mapping):
        return {printable(str(k)): options_without_paths(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [options_without_paths(one) for one in value]
    return value


def label_without_paths(label: str, options: Mapping[str, Any]) -> str:
    """Return a label in which the paths among some options, and what looks like one, are hashes."""
    for value in sorted(_texts(options), key=len, reverse=True):  # one may hold another
        if _SEPARATOR.search(value):
            label = label.replace(value, _hidden(value))
    return " ".join(printable(_PATH.sub(lambda found: _hidden(found[0]), label)).split())


def _hidden(path: str) -> str:
    return f"file-{hashlib.sha256(path.encode(errors='replace')).hexdigest()[:8]}"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
