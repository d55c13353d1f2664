"""JSON files, read as typed records, and believed only when whole."""

import functools
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from a2ibench.printable import printable
from a2ibench.results.records import WholeFile

R = TypeVar("R")

MAX_BYTES = 2**26
"""Bytes of a file that is read at all; the largest that is written has less than a tenth."""
MAX_REASON = 300
"""Characters of a reason."""


class DamagedError(Exception):
    """A file does not hold what was written; the message says why, in one line."""


def read_record(kind: type[R], path: Path) -> R:
    """Read the record in a JSON file, whose kind is a type of :mod:`a2ibench.results.records`.

    Raises:
        DamagedError: it is no JSON, or not of this kind.
        OSError: it cannot be read at all.
    """
    return parse_record(kind, read_content(path))


def read_content(path: Path) -> Any:
    """Read the plain values in a JSON file; raise as :func:`read_record`."""
    if path.stat().st_size > MAX_BYTES:
        raise DamagedError(f"{path.stat().st_size:,} bytes, far more than were written")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise DamagedError("nested too deeply") from error
    except ValueError as error:
        raise DamagedError(_short(str(error))) from error


def parse_record(kind: type[R], content: Any) -> R:
    """Return plain values as a record; raise a DamagedError where they are not of this kind."""
    try:
        record: R = _adapter(kind).validate_python(content)  # type: ignore[arg-type]  # hashable
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = (
            "Input should be a valid dictionary" if first["type"] == "model_type" else first["msg"]
        )
        raise DamagedError(_short(f"{place}: {said}" if place else said)) from error
    except RecursionError as error:
        raise DamagedError("nested too deeply") from error
    except (ValueError, OverflowError) as error:
        raise DamagedError(_short(str(error))) from error
    if isinstance(record, WholeFile):
        record._plain = content
    return record


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _short(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]} …"
