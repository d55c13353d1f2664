"""Mirror a study to MLflow while it runs, or afterwards; an error becomes one line."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from a2ibench.errors import UserError, command, told
from a2ibench.results.results_parquet import LONG
from a2ibench.storage import content_key, file_sha256, lock, read_json, write_json
from a2ibench.tracking.mirror import Mirror
from a2ibench.tracking.study_runs import DeletedExperimentError, database_file, database_uri
from a2ibench.tracking.timeouts import LIVE

RECORD = "mirrored.json"
"""File in a study's folder: hash of each URI → hash of everything that was logged there. URIs are
hashed because they may hold a password.
"""


def default_uri(study: Path) -> str:
    """Return the URI of the database beside the study's folder, shared by the studies there."""
    return database_uri(study.resolve().parent / "mlflow.db")


def viewer(uri: str) -> str:
    """Return the address or the command that shows a URI in a browser."""
    shown = without_password(uri)
    if uri.startswith("http"):
        return shown
    return f"mlflow ui --backend-store-uri {shlex.quote(shown)}"


def without_password(text: str) -> str:
    """Return the text with the password in each URI replaced by dots."""
    return re.sub(r"(://[^\s:/@]*):[^\s/]*@", r"\1:…@", text)


class LiveMirror:
    """The mirror of a running study; it stops at its first error, which it reports in one line.

    Attributes:
        alive: False after an error.
    """

    def __init__(self, uri: str, folder: Path, say: Callable[[str], None]) -> None:
        self._uri = uri
        self._folder = folder
        self._say = say
        self._mirror: Mirror | None = None
        self.alive = True

    @property
    def place(self) -> str:
        """Line that says where to see the runs; empty after an error."""
        return f"MLflow: {viewer(self._uri)}" if self.alive else ""

    def open(self) -> None:
        """Connect before any trial starts: two trials cannot create a database's tables at once."""
        with self._forgiving():
            self._mirror = Mirror(self._uri, self._folder, LIVE, self._say)

    def job(self, key: str) -> None:
        """Log one job; see :meth:`Mirror.job`."""
        with self._forgiving():
            if self._mirror is not None:
                self._mirror.job(key)

    def close(self) -> None:
        """Log whatever is missing. A server that has everything is not contacted: that would take
        longer than reading a finished study."""
        if not self.alive:
            return
        state = _state(self._folder)
        if _was_logged(self._folder, self._uri, state):
            return
        if self._mirror is None:
            self.open()
        with self._forgiving():
            if self._mirror is not None:
                self._mirror.everything()
        if self.alive:
            _note_logged(self._folder, self._uri, state)

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._mirror, self.alive = None, False
            again = command("mirror", self._folder, "--tracking-uri", self._uri)
            line = (
                f"cannot log to MLflow at {self._uri} ({told(error)[:200]}); the study continues"
                f" without it, and `{again}` catches up afterwards"
            )
            if isinstance(error, DeletedExperimentError):
                line = f"{error}; the study continues without it"  # the error says what to do
            self._say(without_password(line))


def live_mirror(uri: str | None, say: Callable[[str], None]) -> Callable[[Path], LiveMirror] | None:
    """Return a function that makes the mirror of the study in a folder; None for no mirror.

    Args:
        uri: address of the server, ``"none"``, or None for a database beside the study.
        say: receives one line when something goes wrong.
    """
    if (uri or "").lower() == "none":
        return None
    return lambda folder: LiveMirror(uri or default_uri(folder), folder, say)


def mirror_study(folder: Path, uri: str, say: Callable[[str], None] = lambda line: None) -> int:
    """Log the jobs of a study that are new to a server; return their number.

    Raises:
        UserError: there is no study, or the server cannot be reached or written to.
    """
    try:
        state = _state(folder)  # first: what a running study adds later may not be logged
        logged = Mirror(uri, folder, say=say).everything()
        _note_logged(folder, uri, state)
        return logged
    except UserError as error:
        raise UserError(without_password(str(error))) from error
    except Exception as error:
        line = (
            f"cannot log to MLflow at {uri} ({told(error)[:200]}); expected a server that"
            " answers (http://HOST:PORT) or a database (sqlite:///FILE); re-run the same command to"
            " resume"
        )
        raise UserError(without_password(line)) from error


def _was_logged(folder: Path, uri: str, state: str) -> bool:
    database = database_file(uri)
    if database is not None and not database.exists():
        return False
    return _logged(folder).get(content_key(uri)) == state


def _note_logged(folder: Path, uri: str, state: str) -> None:
    with lock(folder / RECORD):
        write_json(folder / RECORD, {**_logged(folder), content_key(uri): state})


def _logged(folder: Path) -> dict[str, str]:
    """Read the record. A damaged one counts as empty, and the server is asked again."""
    try:
        logged = read_json(folder / RECORD)
    except (FileNotFoundError, ValueError):
        return {}
    return logged if isinstance(logged, dict) else {}


def _state(folder: Path) -> str:
    files = [folder / "study.json", folder / LONG, *folder.glob("tables/*")]
    files += folder.glob("jobs/*/result.json")
    files += folder.glob("jobs/*/failure.json")
    names = {str(path.relative_to(folder)): path for path in files if path.is_file()}
    return content_key([[name, file_sha256(path)] for name, path in sorted(names.items())])
