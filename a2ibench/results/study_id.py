"""The id of a study: made when its ``study.json`` is first written, kept there, never changed.

It names the study to a tracking server, where folders of different people have the same name. A
copy of the folder is the same study, until the line is taken out of the copy's ``study.json``.
"""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError, told
from a2ibench.results.declaration import held_values, with_history
from a2ibench.results.study import ABOUT
from a2ibench.storage import UnwritableError, lock, write_json


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write ``study.json`` with the id that is there, or a new one, and the history of its primary
    questions (:func:`~a2ibench.results.declaration.with_history`)."""
    path = folder / ABOUT
    with lock(path):
        held = held_values(folder)
        made = _id_in(held) or uuid.uuid4().hex
        write_json(path, {**with_history(folder, about, held), "id": made})


def study_id(folder: Path) -> str:
    """Return the id of a study: 32 hexadecimal digits. One of an earlier version is given one.

    Raises:
        UserError: it has none, and its file is damaged, or its folder cannot be written.
    """
    path = folder / ABOUT
    if found := _id_in(held_values(folder)):
        return found
    try:
        with lock(path):
            held = held_values(folder)  # another command may have given it one meanwhile
            if held is None:
                raise UserError(f"{path}: missing or damaged; run the study again")
            if found := _id_in(held):
                return found
            made = uuid.uuid4().hex
            write_json(path, {**held, "id": made})
            return made
    except (OSError, UnwritableError) as error:
        raise UserError(
            f"{path}: holds no id of the study yet, and cannot be written ({told(error)}); make"
            " the folder writable, or copy it"
        ) from error


def _id_in(held: Mapping[str, Any] | None) -> str | None:
    """Return the id in the values of a ``study.json``, if they have one."""
    found = None if held is None else held.get("id")
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{32}", found) else None
