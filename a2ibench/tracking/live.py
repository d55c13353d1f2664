"""The mirror in use: beside a study that runs, or afterwards. Errors become a line."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.results.long_scores import LONG
from a2ibench.storage import content_key, file_sha256, lock, read_json, write_json
from a2ibench.tracking.limits import LIVE
from a2ibench.tracking.mirror import DeletedExperimentError, Mirror

TOLD = "mirrored.json"
"""In a study's folder: a hash of the URI, which may hold a password → one of all that the server
there was told.
"""


def default_uri(study: Path) -> str:
    """A database beside the study's folder: studies side by side share it."""
    return f"sqlite:///{(study.resolve().parent / 'mlflow.db')}"


def how_to_look(uri: str) -> str:
    """Where a person sees what is at an URI."""
    shown = without_password(uri)
    return shown if uri.startswith("http") else f"mlflow ui --backend-store-uri {shown}"


def without_password(text: str) -> str:
    """A line in which each URI with a user and a password has dots for the password."""
    return re.sub(r"(://[^\s:/@]*):[^\s/]*@", r"\1:…@", text)


class LiveMirror:
    """The mirror of a study that is running: its first error is its last, and costs one line.

    Args:
        uri: see :class:`Mirror`.
        folder: of the study.
        say: prints one line.
    """

    def __init__(self, uri: str, folder: Path, say: Callable[[str], None]) -> None:
        self._uri = uri
        self._folder = folder
        self._say = say
        self._mirror: Mirror | None = None
        self.alive = True
        """Whether nothing has gone wrong."""

    @property
    def place(self) -> str:
        """A line on where a person sees it; empty where something went wrong."""
        return f"MLflow: {how_to_look(self._uri)}" if self.alive else ""

    def open(self) -> None:
        """Before any trial starts: first openings of a database do not go together."""

        def open_it() -> None:
            self._mirror = Mirror(self._uri, self._folder, LIVE, self._say)

        self._forgive(open_it)

    def job(self, key: str) -> None:
        """See :meth:`Mirror.job`."""
        if (mirror := self._mirror) is not None:
            self._forgive(lambda: mirror.job(key))

    def close(self) -> None:
        """Tells whatever is not known yet. A server that was told everything is not asked again:
        to open it takes longer than to look at a finished study."""
        if not self.alive:
            return
        state = _state(self._folder)
        if _was_told(self._folder, self._uri, state):
            return
        if self._mirror is None:
            self.open()
        if (mirror := self._mirror) is not None:
            self._forgive(mirror.everything)
        if self.alive:
            _note_told(self._folder, self._uri, state)

    def _forgive(self, tell: Callable[[], Any]) -> None:
        try:
            tell()
        except Exception as error:
            self._mirror, self.alive = None, False
            folder, uri = shlex.quote(str(self._folder)), shlex.quote(self._uri)
            again = f"a2ibench mirror {folder} --tracking-uri {uri}"
            line = (
                f"MLflow at {self._uri} cannot be written ({_in_a_line(error)}); the study goes on"
                f" without it, and afterwards `{again}` catches up"
            )
            if isinstance(error, DeletedExperimentError):
                line = f"{error}; the study goes on without it"  # it says itself what to do
            self._say(without_password(line))


def live_mirror(uri: str | None, say: Callable[[str], None]) -> Callable[[Path], LiveMirror] | None:
    """Return what makes the mirror of a study that is run, by its folder; None for none.

    Args:
        uri: see :class:`Mirror`; ``"none"`` for no mirror, None for a database beside the study.
        say: prints one line.
    """
    if (uri or "").lower() == "none":
        return None
    return lambda folder: LiveMirror(uri or default_uri(folder), folder, say)


def mirror_study(folder: Path, uri: str, say: Callable[[str], None] = lambda line: None) -> int:
    """Catches up: tells a server what it does not know of a study.

    Args:
        folder: of the study.
        uri: of the server.
        say: see :class:`Mirror`.

    Returns:
        How many jobs that was.

    Raises:
        UserError: no study, or a server that cannot be reached or written.
    """
    try:
        state = _state(folder)  # first: what a study at work adds meanwhile may not be told
        told = Mirror(uri, folder, say=say).everything()
        _note_told(folder, uri, state)
        return told
    except UserError as error:
        raise UserError(without_password(str(error))) from error
    except Exception as error:
        line = (
            f"MLflow at {uri} cannot be written ({_in_a_line(error)}); expected a server that"
            " answers (http://HOST:PORT) or a database (sqlite:///FILE); the same command goes on"
            " where it was"
        )
        raise UserError(without_password(line)) from error


def _was_told(folder: Path, uri: str, state: str) -> bool:
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return False
    return _told(folder).get(content_key(uri)) == state


def _note_told(folder: Path, uri: str, state: str) -> None:
    with lock(folder / TOLD):
        write_json(folder / TOLD, {**_told(folder), content_key(uri): state})


def _told(folder: Path) -> dict[str, str]:
    """The record; one that is damaged says nothing, and the server is asked again."""
    try:
        told = read_json(folder / TOLD)
    except (FileNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _state(folder: Path) -> str:
    files = [folder / "study.json", folder / LONG, *folder.glob("tables/*")]
    files += folder.glob("jobs/*/result.json")
    files += folder.glob("jobs/*/failure.json")
    names = {str(path.relative_to(folder)): path for path in files if path.is_file()}
    return content_key([[name, file_sha256(path)] for name, path in sorted(names.items())])


def _in_a_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line[:200]}"
