"""Exceptions that a user is meant to read, and the words of their messages."""

import difflib
import shlex
from collections.abc import Iterable

MAX_SHOWN = 50
"""Largest number of names that a message lists."""


class UserError(Exception):
    """A mistake that the user can fix: what was expected, what came, what to do.

    The command line prints its message without a traceback and exits with code 2.
    """


class UndefinedScoreError(UserError):
    """A metric has no value for a method's images: why not. Only that score is missing then."""


class StoppedError(Exception):
    """A study cannot go on until the user acts; finished work is kept.

    The command line prints its message without a traceback and exits with code 1.
    """


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """Return the error for an unknown name, with the nearest known ones.

    ``kind`` says in words what was looked for (``"ablation of ours"``), ``hint`` what to do.
    """
    return UserError(f"unknown {kind} {name!r}; {nearest(name, known)}{' ' + hint if hint else ''}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest known names, or list all of them."""
    names = sorted({*known})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near = near or [one for one in names if name and name.lower() in one.lower()][:3]
    shown = ", ".join(names[:MAX_SHOWN])
    shown += f" and {len(names) - MAX_SHOWN} more" * (len(names) > MAX_SHOWN)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {shown or 'none'}."


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 clip``, ``2 clips``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command(*words: object) -> str:
    """Return ``a2ibench`` and these words as a command that can be pasted into a shell."""
    return shlex.join(["a2ibench", *map(str, words)])


PLUGIN_FAILURES = (Exception, SystemExit, GeneratorExit)
"""Exceptions of a plug-in that count as its own failure: it may even call ``sys.exit``. Ctrl-C is
not among them."""


def told(error: BaseException) -> str:
    """Return an exception as one line; a :class:`UserError` as its message alone."""
    lines = str(error).strip().splitlines() or [""]
    return lines[0] if isinstance(error, UserError) else f"{type(error).__name__}: {lines[0]}"
