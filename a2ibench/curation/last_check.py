"""Keep the record of a store's last check for later users of the pairs.

``check.json`` lies in the store's folder, or in the cache if that is not writable. It is not part
of the content hash but names it, so that after a correction the record is known to be out of date.
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
from a2ibench.errors import UserError, counted
from a2ibench.storage import cache_dir, content_key, write_json

FILE = "check.json"
KEY = 20
"""Number of digits of a content hash in the name of a folder of the cache."""
MAX_BYTES = 1_000_000
"""Largest size of a record in bytes; a longer file is something else."""
MAX_KEPT = 20
"""Number of findings kept in words, the worst first; the others are only counted."""


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
    """The last check of a store.

    Attributes:
        state: whether the store was checked as it is now, with other labels, or never.
        damage: number of findings of damage.
        leaks: number of leaks across the split.
        warnings: number of other findings.
        told: the worst findings, in words.
    """

    state: Literal["checked", "stale", "never"] = "never"
    damage: int = 0
    leaks: int = 0
    warnings: int = 0
    told: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, values: Any) -> "LastCheck":
        """Read the output of ``dataclasses.asdict``; anything else counts as no check."""
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError:
            return cls()

    @property
    def caution(self) -> str:
        """A warning for readers of scores on these pairs; empty if there is no reason for one."""
        if self.state == "checked" and self.damage:
            return "The last check of the pairs found damage: do not trust any number here."
        if self.state == "checked" and self.leaks:
            return (
                f"The pairs leak ({counted(self.leaks, 'leak')} found by their last check): scores"
                " on them are too good."
            )
        return ""

    def __str__(self) -> str:
        """One line for a person."""
        if self.state == "never":
            return "never checked"
        if self.state == "stale":
            return "last checked before the labels were corrected or the pairs were made again"
        found = [
            counted(number, word)
            for number, word in (
                (self.damage, "damaged file"), (self.leaks, "leak"), (self.warnings, "warning"),
            )
            if number
        ]  # fmt: skip
        return f"checked: {', '.join(found) or 'nothing found'}"


def folder_for(root: Path) -> Path:
    """Return the folder for the files of a check: that of the store, or one of the cache if the
    store's is not writable."""
    if os.access(root, os.W_OK | os.X_OK):
        return root
    try:
        key = PairStore(root).content_hash[:KEY]
    except UserError:
        key = content_key(str(root.resolve()))
    return cache_dir("checks", key)


def keep_check(checked: Checked, folder: Path) -> None:
    """Write the record of a check into the folder of :func:`folder_for`.

    A store that cannot be opened gets none, as no study can use it.
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
            for one in checked.findings[:MAX_KEPT]
        ],
    )
    write_json(folder / FILE, record.model_dump())


def last_check(store: PairStore) -> LastCheck:
    """Read the last check of a store; a record that cannot be read counts as none."""
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


def _read_cached(store: PairStore) -> _Record | None:
    try:
        return _read(cache_dir("checks") / store.content_hash[:KEY])
    except (OSError, UserError):  # without a cache there is no record
        return None


def _read(folder: Path) -> _Record | None:
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return _Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, RecursionError):
        return None
