"""An exported file on disk, signed by the hash of its content.

The hash is a seal against damage and edits by hand, not a proof of who wrote the file.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.exchange.merge import merge
from a2ibench.exchange.records import FORMAT, Content, SignedFile
from a2ibench.results.read_record import DamagedError, parse_record, read_record
from a2ibench.storage import atomic_write

ANEW = "get it again from who exported it, or export the study again"


def hash_of(content: Any) -> str:
    """Return the sha256 of plain values as canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def write_content(content: Content, path: Path) -> str:
    """Write an exported file, whole or not at all, and return its hash.

    Raises:
        UserError: something else is there.
    """
    if path.exists():
        try:
            read_content(path)
        except UserError as error:
            raise UserError(
                f"{path}: is there already and is no file of exported results; move it, or give"
                " another file (--out)"
            ) from error
    plain = content.model_dump()
    digest = hash_of(plain)
    text = json.dumps({"content": plain, "sha256": digest}, indent=0, ensure_ascii=False)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return digest


def read_content(path: Path) -> Content:
    """Read an exported file.

    Raises:
        UserError: it is no such file, of another format, damaged, or edited since it was written.
    """
    if path.is_dir():
        raise UserError(
            f"{path}: is a folder; give files that `a2ibench results export STUDY` wrote"
        )
    try:
        signed = read_record(SignedFile, path)
    except DamagedError as error:
        raise UserError(
            f"{path}: no file of exported results ({error}); give files that `a2ibench results"
            " export STUDY` wrote"
        ) from error
    try:
        whole = hash_of(signed.content) == signed.sha256
    except (ValueError, RecursionError):  # not a number, half a character, too deep
        whole = False
    if not whole:
        raise UserError(
            f"{path}: was changed after it was exported (its content does not have the sha256 that"
            f" it states); {ANEW}"
        )
    if (other := signed.content.get("format")) != FORMAT:
        raise UserError(
            f"{path}: exported results of format {str(other)[:20]}; this a2ibench reads format"
            f" {FORMAT}: update it, or {ANEW}"
        )
    try:
        return parse_record(Content, signed.content)
    except DamagedError as error:
        raise UserError(f"{path}: damaged ({error}); {ANEW}") from error


def read_and_merge(paths: Sequence[Path]) -> Content:
    """Read exported files and return the union of their contents; a single one as it is.

    Raises:
        UserError: see :func:`read_content` and :func:`~a2ibench.exchange.merge.merge`.
    """
    contents = {str(path): read_content(path) for path in paths}
    if len(contents) == 1:
        return next(iter(contents.values()))
    return merge(contents, [hash_of(one.model_dump()) for one in contents.values()])
