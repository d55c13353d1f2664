"""The mirror in use: beside a study that runs, or afterwards. Errors become a line."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.study.mlflow_mirror import Mirror


def default_uri(study: Path) -> str:
    """A database beside the study's folder: studies side by side share it."""
    return f"sqlite:///{(study.resolve().parent / 'mlflow.db')}"


def how_to_look(uri: str) -> str:
    """Where a person sees what is at an URI."""
    return uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}"


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

    @property
    def alive(self) -> bool:
        """Whether it was opened and nothing has gone wrong since."""
        return self._mirror is not None

    def open(self) -> None:
        """Before any trial starts: first openings of a database do not go together."""

        def open_it() -> None:
            self._mirror = Mirror(self._uri, self._folder)

        self._forgive(open_it)

    def job(self, key: str) -> None:
        """See :meth:`Mirror.job`."""
        if (mirror := self._mirror) is not None:
            self._forgive(lambda: mirror.job(key))

    def close(self) -> None:
        """See :meth:`Mirror.close`."""
        if (mirror := self._mirror) is not None:
            self._forgive(mirror.close)

    def _forgive(self, tell: Callable[[], Any]) -> None:
        try:
            tell()
        except Exception as error:
            self._mirror = None
            again = f"a2ibench mirror {shlex.quote(str(self._folder))} --tracking-uri {self._uri}"
            self._say(
                f"MLflow at {self._uri} cannot be written ({_in_a_line(error)}); the study goes on"
                f" without it, and afterwards `{again}` catches up"
            )


def mirror_study(folder: Path, uri: str) -> int:
    """Catches up: tells a server what it does not know of a study.

    Returns:
        How many jobs that was.

    Raises:
        UserError: no study, or a server that cannot be reached or written.
    """
    try:
        return Mirror(uri, folder).everything()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"MLflow at {uri} cannot be written ({_in_a_line(error)}); expected a server that"
            " answers (http://HOST:PORT) or a database (sqlite:///FILE); the same command goes on"
            " where it was"
        ) from error


def _in_a_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line[:200]}"
