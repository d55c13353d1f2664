"""The jobs of a study as they lie in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.results.outcome import read_failure, read_result


@dataclass(frozen=True)
class Ran:
    """One job.

    Attributes:
        folder: of the job.
        seed: which of its row.
        result: its ``result.json``; None where it has none.
        failure: why it failed; None where it did not.
    """

    folder: Path
    seed: int
    result: Mapping[str, Any] | None
    failure: str | None

    @property
    def gap(self) -> str | None:
        """Why it has no result; None where it has one."""
        if self.result is not None:
            return None
        if self.failure is not None:
            return self.failure
        begun = (self.folder / "checkpoint.safetensors").is_file()
        return "interrupted: the same command goes on with it" if begun else "not begun"


Rows = Mapping[str, Sequence[Ran]]
"""Label → its jobs, in the order of the seeds."""


def read_rows(folder: Path, about: Mapping[str, Any]) -> Rows:
    """The jobs of a study, by the labels of its rows."""
    return {
        label: [
            Ran(one, seed, read_result(one), read_failure(one))
            for seed, one in enumerate(folder / "jobs" / key for key in keys)
        ]
        for label, keys in about["jobs"].items()
    }
