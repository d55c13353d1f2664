"""The last check of a store, kept beside it: whoever uses the pairs later knows what was found.

``check.json`` lies in the store's folder, or in the cache where that may not be written to. It is
no part of the content hash but names it: after a correction it is known to be of other labels.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from a2ibench.curation.check import Checked
from a2ibench.curation.finding import Severity
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.storage import cache_dir, content_key, write_json

FILE = "check.json"
KEY = 20
"""Digits of a content hash that name a folder of the cache."""
LARGEST = 1_000_000
"""Bytes of a record; a longer file is none of ours."""
TOLD = 20
"""Findings that are kept in words, the worst first; of the others, how many of each kind."""


class _Kept(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    severity: Severity
    kind: str
    what: str


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    format: Literal[1] = 1
    content_hash: str
    counts: dict[str, int]
    findings: list[_Kept]


@dataclass(frozen=True)
class LastCheck:
    """What is known of a store from its last check.

    Attributes:
        state: whether the store was checked as it is now, with other labels, or never.
        damage: findings of damage.
        leaks: findings of leaks across the split.
        warnings: all others.
        told: the worst findings, in words.
    """

    state: Literal["checked", "stale", "never"] = "never"
    damage: int = 0
    leaks: int = 0
    warnings: int = 0
    told: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, values: Any) -> "LastCheck":
        """The same from plain values as ``dataclasses.asdict`` gives them; what is not of that
        shape counts for no check."""
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError:
            return cls()

    @property
    def caution(self) -> str:
        """A sentence for whoever reads scores on these pairs; empty where there is no reason."""
        if self.state == "checked" and self.damage:
            return "The pairs are damaged, by their last check: nothing here is to be trusted."
        if self.state == "checked" and self.leaks:
            return (
                f"The pairs leak ({_number(self.leaks, 'leak')} found by their last check): scores"
                " on them are too good."
            )
        return ""

    def __str__(self) -> str:
        """One line for a person."""
        if self.state == "never":
            return "never checked"
        if self.state == "stale":
            return "last checked before the labels were corrected, or the pairs made again"
        found = [
            _number(number, word)
            for number, word in (
                (self.damage, "damaged file"), (self.leaks, "leak"), (self.warnings, "warning"),
            )
            if number
        ]  # fmt: skip
        return f"checked: {', '.join(found) or 'nothing found'}"


def folder_for(root: Path) -> Path:
    """Where the files of a check go: into the store's folder, or into the cache where that may not
    be written to.

    Args:
        root: the folder of the store.
    """
    if os.access(root, os.W_OK | os.X_OK):
        return root
    try:
        key = PairStore(root).content_hash[:KEY]
    except UserError:
        key = content_key(str(root.resolve()))
    return cache_dir("checks", key)


def keep_check(checked: Checked, folder: Path) -> None:
    """Keeps what a check found. A store that cannot be opened has no record: no study can use it.

    Args:
        checked: a store and its findings.
        folder: from :func:`folder_for`.
    """
    try:
        content = (checked.store or PairStore(checked.root)).content_hash
    except UserError:
        return
    record = _Record(
        content_hash=content,
        counts=dict(Counter(finding.severity for finding in checked.findings)),
        findings=[
            _Kept(severity=one.severity, kind=one.kind, what=one.what)
            for one in checked.findings[:TOLD]
        ],
    )
    write_json(folder / FILE, record.model_dump())


def last_check(store: PairStore) -> LastCheck:
    """What the last check of a store found; a record that cannot be read counts for none."""
    records = [one for one in (_read(store.root), _read_cached(store)) if one is not None]
    for record in records:
        if record.content_hash == store.content_hash:
            return LastCheck(
                state="checked",
                damage=record.counts.get("damage", 0),
                leaks=record.counts.get("leak", 0),
                warnings=record.counts.get("warning", 0),
                told=tuple(one.what for one in record.findings if one.severity != "warning"),
            )
    return LastCheck("stale" if records else "never")


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _read_cached(store: PairStore) -> _Record | None:
    try:
        return _read(cache_dir("checks") / store.content_hash[:KEY])
    except (OSError, UserError):  # a cache that cannot be written has no record either
        return None


def _read(folder: Path) -> _Record | None:
    path = folder / FILE
    try:
        if path.stat().st_size > LARGEST:
            return None
        return _Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, RecursionError):
        return None
