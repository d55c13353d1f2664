"""Files that cannot be used: a few are left out and named, many are refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from a2ibench.errors import UserError
from a2ibench.evaluation.picture_files import some

SHARE = 1 / 10
"""Share of a folder's files that may be left out."""


@dataclass(frozen=True)
class UnusableFiles:
    """The files of a folder that cannot be used.

    Attributes:
        where: name of the folder in messages.
        total: number of files in it.
        reasons: reason → names of files.
    """

    where: str
    total: int
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, reason: object) -> None:
        """Add a file."""
        self.reasons.setdefault(str(reason), []).append(name)

    def check(self, seen: int) -> None:
        """Refuse the folder with a UserError where they are too many among the files seen."""
        if self._count() > SHARE * self.total:
            raise UserError(self._say(seen))

    def notes(self) -> Iterator[str]:
        """Yield a line on what is left out, if anything is."""
        if self.reasons:
            yield f"{self._say(self.total)}; left out"

    def _count(self) -> int:
        return sum(map(len, self.reasons.values()))

    def _say(self, seen: int) -> str:
        reasons = [f"{reason} ({some(names)})" for reason, names in self.reasons.items()]
        of = f"{self._count()} of {'the first ' if seen < self.total else ''}{seen} files"
        return f"{self.where}: {of} cannot be used: {some(reasons, '; ')}"
