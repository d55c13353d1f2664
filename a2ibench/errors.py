"""The exceptions that a user is meant to read."""

import difflib
import shlex
from collections.abc import Iterable

SHOWN = 50
"""Names that an error lists at most."""


class UserError(Exception):
    """A mistake that the user can mend: what was expected, what came, what to do.

    The command line prints its message without a traceback and exits with code 2.
    """


class StoppedError(Exception):
    """A study cannot go on until the user does something; what is done is kept.

    The command line prints its message without a traceback and exits with code 1.
    """


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """The error for a name that nothing answers to, with the nearest right ones.

    Args:
        kind: what was looked for, in words (``"model"``, ``"ablation of ours"``).
        name: what was given.
        known: every valid name.
        hint: one more sentence on what to do.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near = near or [one for one in names if name and name.lower() in one.lower()][:3]
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))
    said = f"did you mean {' or '.join(near)}?" if near else f"known: {shown or 'none'}."
    return UserError(f"unknown {kind} {name!r}; {said}{' ' + hint if hint else ''}")


def command(*words: object) -> str:
    """A command of the bench as it can be pasted into a shell.

    Args:
        words: what follows ``a2ibench``.
    """
    return shlex.join(["a2ibench", *map(str, words)])


PLUGIN_FAILURES = (Exception, SystemExit, GeneratorExit)
"""What a plug-in may raise and still be no more than a failure of its own: it may even call
``sys.exit``. Ctrl-C is not among them."""


def told(error: BaseException) -> str:
    """An exception in one line; a :class:`UserError` in its own words."""
    lines = str(error).strip().splitlines() or [""]
    return lines[0] if isinstance(error, UserError) else f"{type(error).__name__}: {lines[0]}"
